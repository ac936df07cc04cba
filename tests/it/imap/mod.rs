//! What a mail client sees, command family by command family.

mod append;
mod corpus;
mod drift;
mod fetch;
mod folders;
mod idle;
mod list;
mod login;
mod outlook;
mod recent;
mod search;
mod select;
mod store;
mod transfer;
mod walk;

//! What a mail client sees, command family by command family.

mod append;
mod beliefs;
mod condstore;
mod corpus;
mod drift;
mod fetch;
mod folders;
mod idle;
mod large;
mod list;
mod login;
mod multiappend;
mod outlook;
mod qresync;
mod recent;
mod replace;
mod search;
mod select;
mod store;
mod transfer;
mod walk;

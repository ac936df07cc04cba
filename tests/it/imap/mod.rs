//! What a mail client sees, command family by command family.

mod append;
mod beliefs;
mod condstore;
mod corpus;
mod drift;
mod fetch;
mod folders;
mod idle;
mod list;
mod list_extended;
mod login;
mod outlook;
mod qresync;
mod recent;
mod rev2;
mod search;
mod select;
mod store;
mod transfer;
mod utf8;
mod walk;

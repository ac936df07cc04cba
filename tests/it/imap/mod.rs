//! What a mail client sees, command family by command family.

mod append;
mod arrivals;
mod beliefs;
mod condstore;
mod corpus;
mod drift;
mod fetch;
mod folders;
mod hydrate;
mod idle;
mod list;
mod list_extended;
mod login;
mod multiappend;
mod outlook;
mod qresync;
mod recent;
mod replace;
mod rev2;
mod search;
mod select;
mod store;
mod transfer;
mod tree;
mod utf8;
mod walk;

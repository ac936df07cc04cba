//! What a mail client sees, command family by command family.

mod append;
mod beliefs;
mod binary;
mod condstore;
mod corpus;
mod drift;
mod fetch;
mod folders;
mod idle;
mod list;
mod login;
mod objectid;
mod outlook;
mod preview;
mod progress;
mod qresync;
mod recent;
mod search;
mod select;
mod store;
mod transfer;
mod walk;

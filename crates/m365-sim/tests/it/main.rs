//! Conversations with the simulated tenant over HTTP, in the shapes that Microsoft documents.

mod batch;
mod control;
mod create;
mod delta;
mod faults;
mod folders;
mod limits;
mod login;
mod messages;
mod send;
mod world;

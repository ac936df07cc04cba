//! Every kind of trouble with every kind of request: the answer is true, the connection lives, and
//! once the trouble is over nothing is lost, doubled, altered or renumbered.

pub(crate) mod bench;
pub(crate) mod deed;
mod matrix;
mod points;
mod provoked;
mod sending;
mod submission;
mod trouble;
pub(crate) mod truth;
mod verdicts;

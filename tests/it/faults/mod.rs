//! Every kind of trouble with every kind of request: the answer is true, the connection lives, and
//! once the trouble is over nothing is lost, doubled, altered or renumbered.

mod bench;
mod deed;
mod matrix;
mod trouble;
mod truth;

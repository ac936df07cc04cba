//! Sockets: listening, reading and writing against deadlines, and going down in order.

pub mod drain;
pub mod listen;
pub mod transport;

pub use drain::{Drain, Drained};
pub use listen::{Bound, Limits, Protocol, bind_all};
pub use transport::{Loss, Transport};

//! Sockets: listening, TLS and compression, reading and writing against deadlines, and going down in
//! order.

mod deflate;
pub mod drain;
pub mod listen;
pub mod tls;
pub mod transport;

pub use drain::{Drain, Drained};
pub use listen::{Bound, Limits, Protocol, bind_all};
pub use tls::{Entry, PlainLogin, Security, Tls};
pub use transport::{Loss, Parting, Transport};

//! Mail that is accepted while Microsoft 365 is away: it is on disk before the client hears so, goes
//! out once when the service is back, or comes back to its sender.

mod answers;
mod bench;
mod chance;
mod marks;
mod orders;
mod restarts;
mod retries;

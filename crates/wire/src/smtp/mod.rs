//! SMTP submission (RFC 5321, RFC 6409), seen from the server.

mod address;
mod command;
mod data;
mod parse;
mod reply;
mod stream;

pub use address::{Address, InvalidAddress};
pub use command::{BodyType, Command, Mail, Recipient, Sender, SmtpUtf8};
pub use data::{DataError, DataReader};
pub use parse::{Invalid, parse};
pub use reply::{EnhancedCode, Reply};
pub use stream::{Event, Limits, Mode, Stream};

pub use crate::sasl::Mechanism;

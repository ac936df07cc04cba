//! SMTP submission (RFC 5321, RFC 6409), seen from the server.

mod address;
mod command;
mod data;
mod lines;
mod parameters;
mod parse;
mod reply;
mod stream;
mod xtext;

pub use address::{Address, InvalidAddress};
pub use command::{
    Bdat, BodyType, ChunkPlace, Command, Mail, Notify, NotifyEvent, Rcpt, Recipient, Ret, Script,
    Sender, SmtpUtf8,
};
pub use data::{DataError, DataReader};
pub use lines::LineBreaks;
pub use parse::{Invalid, parse};
pub use reply::{EnhancedCode, Reply};
pub use stream::{Event, Limits, Mode, Stream};

pub use crate::sasl::Mechanism;

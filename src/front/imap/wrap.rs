//! STARTTLS (RFC 3501 §6.2.1) and COMPRESS (RFC 4978): from the tagged OK on, the conversation
//! travels otherwise.

use wire::imap::{Body, Code};

use super::Standing;
use super::connection::Connection;
use super::ending::{Ending, Halt, Handled};
use crate::net::{Loss, PlainLogin, Security};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wrap {
    Tls,
    Deflate,
}

impl Wrap {
    pub(super) fn asked_by(body: &Body) -> Option<Self> {
        match body {
            Body::StartTls => Some(Self::Tls),
            Body::Compress => Some(Self::Deflate),
            _ => None,
        }
    }

    /// The answer to the command, which still leaves as everything before it did.
    pub(super) fn handle(self, connection: &Connection, standing: Standing) -> Handled {
        match self {
            Self::Tls => may_begin_tls(connection, standing)?,
            Self::Deflate => may_compress(connection, standing)?,
        }
        // Whoever stands between could have put it there (CVE-2011-0411); a client waits.
        if connection.is_ahead() {
            return Err(Halt::Farewell("Nothing may be sent before the answer to that command"));
        }
        Ok(Ending::ok(match self {
            Self::Tls => "Begin TLS now",
            Self::Deflate => "Compressed from here on",
        }))
    }

    /// After its OK. What was read so far is taken, so no plain text gets past this point.
    pub(super) async fn begin(self, connection: &mut Connection) -> Result<(), Loss> {
        match self {
            Self::Tls => connection.secure().await,
            Self::Deflate => connection.compress().await,
        }
    }
}

fn may_begin_tls(connection: &Connection, standing: Standing) -> Result<(), Ending> {
    match (connection.security(), standing) {
        (_, Standing::User { .. }) => Err(Ending::bad("Already logged in")),
        (Security::Tls, _) => Err(Ending::bad("TLS is in use already")),
        (Security::Plain, _) => Err(Ending::bad("STARTTLS is not offered")),
        (Security::Offered(_), Standing::Stranger(_)) => Ok(()),
    }
}

fn may_compress(connection: &Connection, standing: Standing) -> Result<(), Ending> {
    if !matches!(standing, Standing::User { .. }) {
        return Err(Ending::bad("Log in first"));
    }
    if connection.is_compressed() {
        return Err(Ending::no("It is compressed already").with(Code::CompressionActive));
    }
    Ok(())
}

/// Whether a password may be given now.
///
/// # Errors
/// If others could read it.
pub(super) fn may_log_in(connection: &Connection) -> Result<(), Ending> {
    match connection.security() {
        Security::Offered(PlainLogin::Refused) => {
            Err(Ending::no("Begin TLS first (STARTTLS)").with(Code::PrivacyRequired))
        }
        Security::Offered(PlainLogin::Allowed) | Security::Plain | Security::Tls => Ok(()),
    }
}

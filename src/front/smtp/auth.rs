//! AUTH PLAIN and AUTH LOGIN as values (RFC 4954, RFC 4616).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;
use wire::Secret;
use wire::smtp::{EnhancedCode, Mechanism, Reply};

/// Embedded clients leave the padding out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Where an exchange stands: what the client's next line is.
#[derive(Debug)]
pub(super) enum Exchange {
    Plain,
    Username,
    Password { user: Vec<u8> },
}

/// What a line of an exchange leads to.
#[derive(Debug)]
pub(super) enum Step {
    /// Ask for the next line.
    Challenge(Exchange),
    Check(Credentials),
    Refuse(Reply),
}

#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) user: Vec<u8>,
    pub(super) password: Secret<Vec<u8>>,
}

impl Exchange {
    /// `initial` is decoded already.
    pub(super) fn begin(mechanism: &Mechanism, initial: Option<Secret<Vec<u8>>>) -> Step {
        let first = match mechanism {
            Mechanism::Plain => Self::Plain,
            Mechanism::Login => Self::Username,
            Mechanism::XOAuth2 | Mechanism::OAuthBearer | Mechanism::Other(_) => {
                let text = "That mechanism is not offered; use PLAIN or LOGIN";
                return Step::Refuse(Reply::new(504, EnhancedCode(5, 5, 4), text));
            }
        };
        match initial {
            Some(initial) => first.take(initial.into_exposed()),
            None => Step::Challenge(first),
        }
    }

    /// The prompts of LOGIN are compared literally by some scanners.
    pub(super) fn challenge(&self) -> Reply {
        let text = match self {
            Self::Plain => "",
            Self::Username => "Username:",
            Self::Password { .. } => "Password:",
        };
        Reply::plain(334, BASE64_STANDARD.encode(text))
    }

    /// Takes the client's answer to the challenge, as it came.
    pub(super) fn line(self, line: &Secret<Vec<u8>>) -> Step {
        let line = line.expose().trim_ascii();
        if line == b"*" {
            return Step::Refuse(Reply::new(501, EnhancedCode(5, 7, 0), "Login cancelled"));
        }
        match LENIENT.decode(line) {
            Ok(response) => self.take(response),
            Err(_) => refuse("That is not base64"),
        }
    }

    fn take(self, response: Vec<u8>) -> Step {
        match self {
            Self::Plain => plain(&response),
            Self::Username => Step::Challenge(Self::Password { user: response }),
            Self::Password { user } => {
                Step::Check(Credentials { user, password: Secret::new(response) })
            }
        }
    }
}

/// `[authzid] NUL authcid NUL password` (RFC 4616 §2). Acting for someone else is not offered.
fn plain(response: &[u8]) -> Step {
    let parts: Vec<&[u8]> = response.split(|byte| *byte == 0).collect();
    let [acts_as, user, password] = parts[..] else {
        return refuse("A PLAIN login has three parts");
    };
    if !acts_as.is_empty() && acts_as != user {
        let text = "Logging in for another user is not possible";
        return Step::Refuse(Reply::new(535, EnhancedCode(5, 7, 8), text));
    }
    Step::Check(Credentials { user: user.to_vec(), password: Secret::new(password.to_vec()) })
}

fn refuse(text: &'static str) -> Step {
    Step::Refuse(Reply::new(501, EnhancedCode(5, 5, 2), text))
}

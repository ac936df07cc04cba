//! What both protocols share of SASL: mechanism names, response lines, PLAIN (RFC 4422, 4616).

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::Secret;

/// How a client wants to authenticate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mechanism {
    Plain,
    /// Not standardized: user name, then password, each asked for.
    Login,
    XOAuth2,
    OAuthBearer,
    /// Upper case.
    Other(String),
}

/// One line of the client in an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaslResponse {
    Data(Secret<Vec<u8>>),
    /// `*`: the client gives up.
    Cancel,
}

/// The message of PLAIN (RFC 4616 section 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainCredentials {
    /// Whom to act as; empty for the user itself.
    pub authorization: String,
    pub user: String,
    pub password: Secret<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid authentication response")]
pub struct InvalidSasl;

/// Old clients forget the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

// === impl Mechanism ===

impl Mechanism {
    /// By its registered name, in any case.
    pub fn from_name(name: &str) -> Self {
        let name = name.to_ascii_uppercase();
        match name.as_str() {
            "PLAIN" => Self::Plain,
            "LOGIN" => Self::Login,
            "XOAUTH2" => Self::XOAuth2,
            "OAUTHBEARER" => Self::OAuthBearer,
            _ => Self::Other(name),
        }
    }
}

// === impl SaslResponse ===

impl SaslResponse {
    /// From a line without its line end: base64 or `*`.
    pub fn from_line(line: &[u8]) -> Result<Self, InvalidSasl> {
        let line = line.trim_ascii();
        if line == b"*" {
            return Ok(Self::Cancel);
        }
        BASE64.decode(line).map(|data| Self::Data(Secret::new(data))).map_err(|_| InvalidSasl)
    }

    /// From the argument of the command itself, where `=` stands for an empty response (RFC 4954
    /// section 4, RFC 4959 section 3).
    pub(crate) fn from_argument(argument: &str) -> Result<Secret<Vec<u8>>, InvalidSasl> {
        if argument == "=" {
            return Ok(Secret::new(Vec::new()));
        }
        BASE64.decode(argument).map(Secret::new).map_err(|_| InvalidSasl)
    }
}

// === impl PlainCredentials ===

impl PlainCredentials {
    /// From the decoded message: `authorization NUL user NUL password`, all UTF-8.
    pub fn parse(message: &Secret<Vec<u8>>) -> Result<Self, InvalidSasl> {
        let text = std::str::from_utf8(message.expose()).map_err(|_| InvalidSasl)?;
        let mut fields = text.split('\0');
        let mut field = || fields.next().ok_or(InvalidSasl);
        let (authorization, user, password) = (field()?, field()?, field()?);
        if user.is_empty() || password.is_empty() || fields.next().is_some() {
            return Err(InvalidSasl);
        }
        Ok(Self {
            authorization: authorization.to_owned(),
            user: user.to_owned(),
            password: Secret::new(password.to_owned()),
        })
    }
}

/// A challenge of the server, as it goes after `+ ` or `334 `.
pub fn challenge(text: &str) -> String {
    BASE64.encode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_4616_is_understood() {
        let message = Secret::new(b"Ursel\0Kurt\0xipj3plmq".to_vec());
        let credentials = PlainCredentials::parse(&message).unwrap();
        assert_eq!(credentials.authorization, "Ursel");
        assert_eq!(credentials.user, "Kurt");
        assert_eq!(credentials.password.expose(), "xipj3plmq");
        assert!(!format!("{credentials:?}").contains("xipj3plmq"));
        for broken in ["", "\0a", "\0a\0", "\0\0b", "\0a\0b\0c", "a\0b"] {
            let message = Secret::new(broken.as_bytes().to_vec());
            assert_eq!(PlainCredentials::parse(&message), Err(InvalidSasl), "{broken:?}");
        }
        assert!(PlainCredentials::parse(&Secret::new(b"\0a\0\xff".to_vec())).is_err());
    }

    #[test]
    fn response_lines_are_base64_or_a_star() {
        let data = |bytes: &[u8]| Ok(SaslResponse::Data(Secret::new(bytes.to_vec())));
        assert_eq!(SaslResponse::from_line(b"dGltOg=="), data(b"tim:"));
        assert_eq!(SaslResponse::from_line(b"dGltOg "), data(b"tim:"));
        assert_eq!(SaslResponse::from_line(b""), data(b""));
        assert_eq!(SaslResponse::from_line(b"*"), Ok(SaslResponse::Cancel));
        assert_eq!(SaslResponse::from_line(b"**"), Err(InvalidSasl));
        assert_eq!(challenge("Username:"), "VXNlcm5hbWU6");
    }
}

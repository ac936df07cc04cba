//! The verbs that `imap-codec` reads, and the way from its types to ours.

use imap_codec::CommandCodec;
use imap_codec::decode::Decoder as _;
use imap_codec::imap_types::IntoStatic as _;
use imap_codec::imap_types::command::CommandBody;
use imap_codec::imap_types::core::{AString, IString, NString};
use imap_codec::imap_types::extensions::compress::CompressionAlgorithm;
use imap_codec::imap_types::mailbox::Mailbox;

use crate::imap::lexer::{Expected, Lexer};
use crate::imap::{Body, IdField, MailboxName, NameEncoding, Tag};
use crate::{Mechanism, Secret};

const VERBS: [&str; 19] = [
    "AUTHENTICATE",
    "CAPABILITY",
    "CHECK",
    "CLOSE",
    "COMPRESS",
    "DELETE",
    "ENABLE",
    "EXPUNGE",
    "ID",
    "IDLE",
    "LOGIN",
    "LOGOUT",
    "NAMESPACE",
    "NOOP",
    "RENAME",
    "STARTTLS",
    "SUBSCRIBE",
    "UNSELECT",
    "UNSUBSCRIBE",
];

pub(super) fn knows(verb: &str) -> bool {
    VERBS.contains(&verb)
}

/// The lexer stands behind the verb; the final line end is cut.
pub(super) fn parse(verb: &str, lexer: &Lexer<'_>, tag: &Tag) -> Result<Body, Expected> {
    let (arguments, names) = (lexer.rest(), lexer.names);
    // The decoder is stricter about spaces at the end than clients are. As they may belong to a
    // literal, they are taken away only if they are in the way.
    let command = decode(verb, arguments, tag)
        .or_else(|| decode(verb, arguments.trim_ascii_end(), tag))
        .ok_or_else(|| Expected(complaint(verb, arguments)))?;
    convert(command, names)
}

/// `None` if the decoder refuses the command.
fn decode(verb: &str, arguments: &[u8], tag: &Tag) -> Option<CommandBody<'static>> {
    let line = [tag.as_str().as_bytes(), b" ", verb.as_bytes(), arguments, b"\r\n"].concat();
    match CommandCodec::default().decode(&line) {
        Ok(([], command)) => Some(command.into_static().body),
        _ => None,
    }
}

fn convert(body: CommandBody<'_>, names: NameEncoding) -> Result<Body, Expected> {
    let name = |mailbox: &Mailbox<'_>| name(mailbox, names);
    Ok(match body {
        CommandBody::Capability => Body::Capability,
        CommandBody::Check => Body::Check,
        CommandBody::Close => Body::Close,
        CommandBody::Compress { algorithm: CompressionAlgorithm::Deflate } => Body::Compress,
        CommandBody::Expunge => Body::Expunge,
        CommandBody::Idle => Body::Idle,
        CommandBody::Logout => Body::Logout,
        CommandBody::Namespace => Body::Namespace,
        CommandBody::Noop => Body::Noop,
        CommandBody::StartTLS => Body::StartTls,
        CommandBody::Unselect => Body::Unselect,
        CommandBody::Login { username, password } => Body::Login {
            user: bytes(&username),
            password: Secret::new(bytes(password.declassify())),
        },
        CommandBody::Authenticate { mechanism, initial_response } => Body::Authenticate {
            mechanism: Mechanism::from_name(mechanism.as_ref()),
            initial: initial_response.map(|response| Secret::new(response.declassify().to_vec())),
        },
        CommandBody::Enable { capabilities } => {
            let word = |capability: &dyn ToString| capability.to_string().to_ascii_uppercase();
            Body::Enable(capabilities.as_ref().iter().map(|one| word(one)).collect())
        }
        CommandBody::Id { parameters } => {
            let field = |(name, value): &(IString<'_>, NString<'_>)| IdField {
                name: text(name).into(),
                value: value.0.as_ref().map(|value| text(value).into()),
            };
            Body::Id(parameters.map(|fields| fields.iter().map(field).collect()))
        }
        CommandBody::Delete { mailbox } => Body::Delete(name(&mailbox)?),
        CommandBody::Subscribe { mailbox } => Body::Subscribe(name(&mailbox)?),
        CommandBody::Unsubscribe { mailbox } => Body::Unsubscribe(name(&mailbox)?),
        CommandBody::Rename { from, to } => Body::Rename { from: name(&from)?, to: name(&to)? },
        _ => return Err(Expected("command is not supported")),
    })
}

/// What to tell the client: the decoder itself gives no reason.
fn complaint(verb: &str, arguments: &[u8]) -> &'static str {
    match verb {
        "LOGIN" => "LOGIN needs a user name and a password",
        "AUTHENTICATE" => "AUTHENTICATE needs a mechanism and at most a base64 response",
        "COMPRESS" => "COMPRESS knows DEFLATE and nothing else",
        "ENABLE" => "ENABLE needs capabilities",
        "ID" => "ID needs NIL or a list of strings",
        "RENAME" => "RENAME needs two mailbox names",
        "DELETE" | "SUBSCRIBE" | "UNSUBSCRIBE" => "expected one mailbox name",
        _ if !arguments.is_empty() => "this command takes no arguments",
        _ => "invalid arguments",
    }
}

fn bytes(string: &AString<'_>) -> Vec<u8> {
    string.as_ref().to_vec()
}

fn text(string: &IString<'_>) -> String {
    String::from_utf8_lossy(string.as_ref()).into_owned()
}

fn name(mailbox: &Mailbox<'_>, names: NameEncoding) -> Result<MailboxName, Expected> {
    match mailbox {
        Mailbox::Inbox => Ok(MailboxName::inbox()),
        Mailbox::Other(other) => Ok(MailboxName::from_wire(other.as_ref(), names)?),
    }
}

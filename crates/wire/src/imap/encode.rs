//! What the server says, as bytes, appended to a buffer of the caller.

mod mailbox;

use std::fmt::Display;
use std::io::Write as _;
use std::num::{NonZeroU32, NonZeroU64};

use self::mailbox::{write_extended, write_listing, write_mailbox, write_namespaces};
use super::lexer::is_atom_char;
use super::response::AnyKeyword;
use super::{
    Code, Data, DateTime, FetchItem, Flag, IdField, MessageSet, NameEncoding, Reply, Status,
};

/// One FETCH response, written piece by piece so that bodies can be streamed between the pieces.
#[derive(Debug)]
#[must_use = "a FETCH response that is not ended breaks the connection"]
pub struct FetchWriter {
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    Later,
}

/// A continuation request (RFC 3501 section 7.5). A SASL challenge goes in as base64.
pub fn continuation(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"+ ");
    write_text(out, text);
    out.extend_from_slice(b"\r\n");
}

// === impl FetchWriter ===

impl FetchWriter {
    pub fn begin(out: &mut Vec<u8>, number: NonZeroU32) -> Self {
        out.extend_from_slice(b"* ");
        put_number(out, number.get().into());
        out.extend_from_slice(b" FETCH (");
        Self { place: Place::First }
    }

    pub fn uid(&mut self, out: &mut Vec<u8>, uid: NonZeroU32) {
        self.name(out, &FetchItem::Uid);
        put_number(out, uid.get().into());
    }

    pub fn flags<'a>(&mut self, out: &mut Vec<u8>, flags: impl IntoIterator<Item = &'a Flag>) {
        self.name(out, &FetchItem::Flags);
        write_list(out, flags);
    }

    /// FLAGS by their names on the wire: `\Seen`, or an atom.
    pub fn flag_names<'a>(&mut self, out: &mut Vec<u8>, names: impl IntoIterator<Item = &'a str>) {
        self.name(out, &FetchItem::Flags);
        out.push(b'(');
        for (index, name) in names.into_iter().enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(name.as_bytes());
        }
        out.push(b')');
    }

    pub fn mod_seq(&mut self, out: &mut Vec<u8>, value: NonZeroU64) {
        self.name(out, &FetchItem::ModSeq);
        put(out, format_args!("({value})"));
    }

    pub fn internal_date(&mut self, out: &mut Vec<u8>, date: DateTime) {
        self.name(out, &FetchItem::InternalDate);
        out.push(b'"');
        date.write(out);
        out.push(b'"');
    }

    /// RFC822.SIZE in octets.
    pub fn size(&mut self, out: &mut Vec<u8>, octets: u64) {
        self.name(out, &FetchItem::Rfc822Size);
        put_number(out, octets);
    }

    /// An item whose value is finished wire text: ENVELOPE, BODY, BODYSTRUCTURE.
    pub fn value(&mut self, out: &mut Vec<u8>, item: &FetchItem, value: &[u8]) {
        self.name(out, item);
        out.extend_from_slice(value);
    }

    /// An item whose value is a literal. The caller writes exactly `length` octets after it.
    pub fn literal(&mut self, out: &mut Vec<u8>, item: &FetchItem, length: u64) {
        self.name(out, item);
        put(out, format_args!("{{{length}}}\r\n"));
    }

    /// A section that the message does not have.
    pub fn nil(&mut self, out: &mut Vec<u8>, item: &FetchItem) {
        self.name(out, item);
        out.extend_from_slice(b"NIL");
    }

    pub fn end(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b")\r\n");
    }

    fn name(&mut self, out: &mut Vec<u8>, item: &FetchItem) {
        if self.place == Place::Later {
            out.push(b' ');
        }
        self.place = Place::Later;
        match item.simple_name() {
            // By far the most frequent, and without the formatter three times as quick.
            Some(name) => out.extend_from_slice(name.as_bytes()),
            None => put(out, item),
        }
        out.push(b' ');
    }
}

// === impl Reply ===

impl Reply {
    pub fn write(&self, out: &mut Vec<u8>) {
        match &self.tag {
            Some(tag) => put(out, tag),
            None => out.push(b'*'),
        }
        put(out, format_args!(" {} ", self.status.name()));
        if let Some(code) = &self.code {
            out.push(b'[');
            code.write(out);
            out.extend_from_slice(b"] ");
        }
        // `resp-text` must not be empty.
        write_text(out, if self.text.is_empty() { "done" } else { &self.text });
        out.extend_from_slice(b"\r\n");
    }
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::No => "NO",
            Self::Bad => "BAD",
            Self::Bye => "BYE",
            Self::PreAuth => "PREAUTH",
        }
    }
}

// === impl Code ===

impl Code {
    fn write(&self, out: &mut Vec<u8>) {
        put(out, self.word());
        match self {
            Self::BadCharset(charsets) if charsets.is_empty() => {}
            Self::BadCharset(charsets) => {
                out.push(b' ');
                write_list(out, charsets);
            }
            Self::Capability(capabilities) => write_words(out, capabilities),
            Self::PermanentFlags { flags, any_keyword } => {
                let flags = flags.iter().map(|flag| flag as &dyn Display);
                let any: Option<&dyn Display> = match any_keyword {
                    AnyKeyword::Allowed => Some(&"\\*"),
                    AnyKeyword::Refused => None,
                };
                out.push(b' ');
                write_list(out, flags.chain(any));
            }
            Self::UidNext(number) | Self::UidValidity(number) | Self::Unseen(number) => {
                put(out, format_args!(" {number}"));
            }
            Self::AppendUid { validity, uid } => put(out, format_args!(" {validity} {uid}")),
            Self::CopyUid { validity, source, target } => {
                put(out, format_args!(" {validity} {source} {target}"));
            }
            Self::HighestModSeq(value) => put(out, format_args!(" {value}")),
            Self::MailboxId(id) => put(out, format_args!(" ({id})")),
            Self::Modified(MessageSet::Seq(set)) => put(out, format_args!(" {set}")),
            Self::Modified(MessageSet::Uid(set)) => put(out, format_args!(" {set}")),
            _ => {}
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Alert => "ALERT",
            Self::AlreadyExists => "ALREADYEXISTS",
            Self::AppendUid { .. } => "APPENDUID",
            Self::AuthenticationFailed => "AUTHENTICATIONFAILED",
            Self::AuthorizationFailed => "AUTHORIZATIONFAILED",
            Self::BadCharset(_) => "BADCHARSET",
            Self::Cannot => "CANNOT",
            Self::Capability(_) => "CAPABILITY",
            Self::ClientBug => "CLIENTBUG",
            Self::Closed => "CLOSED",
            Self::CompressionActive => "COMPRESSIONACTIVE",
            Self::ContactAdmin => "CONTACTADMIN",
            Self::CopyUid { .. } => "COPYUID",
            Self::Corruption => "CORRUPTION",
            Self::Expired => "EXPIRED",
            Self::ExpungeIssued => "EXPUNGEISSUED",
            Self::HasChildren => "HASCHILDREN",
            Self::HighestModSeq(_) => "HIGHESTMODSEQ",
            Self::InUse => "INUSE",
            Self::Limit => "LIMIT",
            Self::MailboxId(_) => "MAILBOXID",
            Self::Modified(_) => "MODIFIED",
            Self::NoModSeq => "NOMODSEQ",
            Self::NonExistent => "NONEXISTENT",
            Self::NoPerm => "NOPERM",
            Self::OverQuota => "OVERQUOTA",
            Self::PermanentFlags { .. } => "PERMANENTFLAGS",
            Self::PrivacyRequired => "PRIVACYREQUIRED",
            Self::ReadOnly => "READ-ONLY",
            Self::ReadWrite => "READ-WRITE",
            Self::ServerBug => "SERVERBUG",
            Self::TooBig => "TOOBIG",
            Self::TryCreate => "TRYCREATE",
            Self::UidNext(_) => "UIDNEXT",
            Self::UidValidity(_) => "UIDVALIDITY",
            Self::Unavailable => "UNAVAILABLE",
            Self::Unseen(_) => "UNSEEN",
            Self::UseAttr => "USEATTR",
        }
    }
}

// === impl Data ===

impl Data {
    /// For a client that has enabled nothing.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_with(out, NameEncoding::default());
    }

    /// With mailbox names as the client reads them.
    pub fn write_with(&self, out: &mut Vec<u8>, names: NameEncoding) {
        out.extend_from_slice(b"* ");
        match self {
            Self::Capability(capabilities) => {
                put(out, "CAPABILITY");
                write_words(out, capabilities);
            }
            Self::Enabled(capabilities) => {
                put(out, "ENABLED");
                write_words(out, capabilities);
            }
            Self::Exists(count) => put(out, format_args!("{count} EXISTS")),
            Self::Expunge(number) => put(out, format_args!("{number} EXPUNGE")),
            Self::Flags(flags) => {
                put(out, "FLAGS ");
                write_list(out, flags);
            }
            Self::Id(fields) => write_id(out, fields.as_deref()),
            Self::List { attributes, delimiter, mailbox } => {
                put(out, "LIST ");
                write_listing(out, attributes, *delimiter, (mailbox, names));
            }
            Self::ListExtended { attributes, delimiter, mailbox, extended } => {
                put(out, "LIST ");
                write_listing(out, attributes, *delimiter, (mailbox, names));
                write_extended(out, extended, names);
            }
            Self::Lsub { attributes, delimiter, mailbox } => {
                put(out, "LSUB ");
                write_listing(out, attributes, *delimiter, (mailbox, names));
            }
            Self::Namespace { personal, other_users, shared } => {
                put(out, "NAMESPACE");
                for namespaces in [personal, other_users, shared] {
                    out.push(b' ');
                    write_namespaces(out, namespaces, names);
                }
            }
            Self::Recent(count) => put(out, format_args!("{count} RECENT")),
            Self::Search(numbers) => {
                put(out, "SEARCH");
                for number in numbers {
                    out.push(b' ');
                    put_number(out, number.get().into());
                }
            }
            Self::SearchModSeq(numbers, highest) => {
                put(out, "SEARCH");
                write_words(out, numbers);
                put(out, format_args!(" (MODSEQ {highest})"));
            }
            Self::Vanished(uids) => put(out, format_args!("VANISHED {uids}")),
            Self::VanishedEarlier(uids) => put(out, format_args!("VANISHED (EARLIER) {uids}")),
            Self::Status { mailbox, items } => {
                put(out, "STATUS ");
                write_mailbox(out, mailbox, names);
                out.push(b' ');
                let pair = |(item, value): &(super::StatusItem, super::StatusValue)| {
                    format!("{} {value}", item.name())
                };
                write_list(out, items.iter().map(pair));
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn write_id(out: &mut Vec<u8>, fields: Option<&[IdField]>) {
    let Some(fields) = fields else { return put(out, "ID NIL") };
    put(out, "ID (");
    for (index, IdField { name, value }) in fields.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        write_ascii(out, name.as_bytes());
        out.push(b' ');
        match value {
            Some(value) => write_ascii(out, value.as_bytes()),
            None => put(out, "NIL"),
        }
    }
    out.push(b')');
}

// === pieces ===

fn put(out: &mut Vec<u8>, value: impl Display) {
    write!(out, "{value}").expect("a Vec takes every write");
}

/// In decimal. Long listings are numbers for the most part.
fn put_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

/// Each word after a space.
fn write_words(out: &mut Vec<u8>, words: impl IntoIterator<Item = impl Display>) {
    for word in words {
        put(out, format_args!(" {word}"));
    }
}

fn write_list(out: &mut Vec<u8>, items: impl IntoIterator<Item = impl Display>) {
    out.push(b'(');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        put(out, item);
    }
    out.push(b')');
}

/// Text for people must not be able to look like protocol: only printable US-ASCII, and no
/// bracket where a response code could stand.
fn write_text(out: &mut Vec<u8>, text: &str) {
    for (index, character) in text.chars().enumerate() {
        out.push(match character {
            '[' if index == 0 => b'(',
            ' '..='~' => u8::try_from(character).unwrap_or(b'?'),
            _ => b'?',
        });
    }
}

fn write_ascii(out: &mut Vec<u8>, bytes: &[u8]) {
    write_string(out, bytes, NameEncoding::default());
}

/// Quoted if it can be, else a literal. What is not US-ASCII is quoted for those who have said that
/// they read it so.
fn write_string(out: &mut Vec<u8>, bytes: &[u8], names: NameEncoding) {
    let is_quotable = |byte: &u8| match names {
        NameEncoding::Utf7 => matches!(byte, b' '..=b'~'),
        NameEncoding::Utf8 => *byte >= b' ' && *byte != 0x7f,
    };
    if !bytes.iter().all(is_quotable) {
        put(out, format_args!("{{{}}}\r\n", bytes.len()));
        return out.extend_from_slice(bytes);
    }
    out.push(b'"');
    for &byte in bytes {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

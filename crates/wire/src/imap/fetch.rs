//! What FETCH can ask of a message (RFC 3501 section 6.4.5).

use std::fmt;
use std::num::NonZeroU32;

use super::{BinaryPart, BinarySection, ChangedSince, MessageSet, Page};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    pub set: MessageSet,
    /// At least one; the macros ALL, FAST and FULL are already expanded.
    pub items: Vec<FetchItem>,
    pub changed_since: Option<ChangedSince>,
    /// Only these of the messages (RFC 9394 section 3.3).
    pub page: Option<Page>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchItem {
    Uid,
    Flags,
    InternalDate,
    Rfc822Size,
    Envelope,
    /// `BODY` without brackets: the structure without extension data.
    Body,
    BodyStructure,
    Rfc822,
    Rfc822Header,
    Rfc822Text,
    Section(BodySection),
    /// RFC 7162 section 3.1.4.2.
    ModSeq,
    Binary(BinarySection),
    /// Octets of a part without its transfer encoding (RFC 3516 section 4.2).
    BinarySize(BinaryPart),
    /// RFC 8474 section 5.1.
    EmailId,
    /// RFC 8474 section 5.2.
    ThreadId,
    /// RFC 8970.
    Preview(Laziness),
}

/// Whether a preview may be left out because it takes work (RFC 8970 section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Laziness {
    Eager,
    Lazy,
}

/// `BODY[section]<partial>` and `BODY.PEEK[…]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodySection {
    pub peek: Peek,
    pub section: Section,
    pub partial: Option<Partial>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peek {
    /// `BODY.PEEK[…]`: flags stay as they are.
    Peek,
    /// `BODY[…]`: sets \Seen.
    SetsSeen,
}

/// The inside of the brackets. Displays as the client asked, field names untouched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Empty for the whole message.
    pub part: Vec<NonZeroU32>,
    pub text: SectionText,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionText {
    /// Nothing after the part number: the whole message, or the body of the part.
    Whole,
    Header,
    /// Field names as the client wrote them; never empty.
    HeaderFields(Vec<String>),
    HeaderFieldsNot(Vec<String>),
    Text,
    /// Only with a part number.
    Mime,
}

/// `<offset.length>` in octets. A length of 0 is tolerated and selects nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial {
    pub offset: u64,
    pub length: u64,
}

// === impl FetchItem ===

impl FetchItem {
    /// The name of an item that has no parts: all but `BODY[…]` and `BINARY[…]`.
    pub(super) fn simple_name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Uid => "UID",
            Self::Flags => "FLAGS",
            Self::InternalDate => "INTERNALDATE",
            Self::Rfc822Size => "RFC822.SIZE",
            Self::Envelope => "ENVELOPE",
            Self::Body => "BODY",
            Self::BodyStructure => "BODYSTRUCTURE",
            Self::Rfc822 => "RFC822",
            Self::Rfc822Header => "RFC822.HEADER",
            Self::Rfc822Text => "RFC822.TEXT",
            Self::ModSeq => "MODSEQ",
            Self::EmailId => "EMAILID",
            Self::ThreadId => "THREADID",
            Self::Preview(_) => "PREVIEW",
            Self::Section(_) | Self::Binary(_) | Self::BinarySize(_) => return None,
        })
    }

    /// Whether asking for this item sets \Seen (RFC 3501 section 6.4.5).
    pub fn sets_seen(&self) -> bool {
        match self {
            Self::Rfc822 | Self::Rfc822Text => true,
            Self::Section(section) => section.peek == Peek::SetsSeen,
            Self::Binary(section) => section.peek == Peek::SetsSeen,
            _ => false,
        }
    }
}

/// As the answer names it: without `.PEEK`, and of a partial only the offset (RFC 3501 section
/// 7.4.2).
impl fmt::Display for FetchItem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Section(BodySection { section, partial, .. }) => {
                write!(formatter, "BODY[{section}]")?;
                partial.map_or(Ok(()), |Partial { offset, .. }| write!(formatter, "<{offset}>"))
            }
            Self::Binary(section) => write!(formatter, "{section}"),
            Self::BinarySize(part) => write!(formatter, "BINARY.SIZE[{part}]"),
            _ => formatter.write_str(self.simple_name().unwrap_or_default()),
        }
    }
}

// === impl Section ===

impl Section {
    /// `BODY[]`
    pub fn whole() -> Self {
        Self { part: Vec::new(), text: SectionText::Whole }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, number) in self.part.iter().enumerate() {
            if index > 0 {
                formatter.write_str(".")?;
            }
            write!(formatter, "{number}")?;
        }
        if !self.part.is_empty() && self.text != SectionText::Whole {
            formatter.write_str(".")?;
        }
        match &self.text {
            SectionText::Whole => Ok(()),
            SectionText::Header => formatter.write_str("HEADER"),
            SectionText::HeaderFields(names) => write_names(formatter, "HEADER.FIELDS", names),
            SectionText::HeaderFieldsNot(names) => {
                write_names(formatter, "HEADER.FIELDS.NOT", names)
            }
            SectionText::Text => formatter.write_str("TEXT"),
            SectionText::Mime => formatter.write_str("MIME"),
        }
    }
}

fn write_names(formatter: &mut fmt::Formatter<'_>, keyword: &str, names: &[String]) -> fmt::Result {
    write!(formatter, "{keyword} (")?;
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            formatter.write_str(" ")?;
        }
        if !name.is_empty() && name.bytes().all(super::lexer::is_atom_char) {
            formatter.write_str(name)?;
        } else {
            write!(formatter, "\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))?;
        }
    }
    formatter.write_str(")")
}

//! Message flags and special uses of mailboxes.

use std::fmt;

use super::lexer::is_atom_char;

/// A message flag (RFC 3501 section 2.3.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Flag {
    Answered,
    Deleted,
    Draft,
    Flagged,
    Seen,
    /// Only ever said by the server; refused in STORE and APPEND.
    Recent,
    Keyword(Keyword),
    /// A flag that begins with a backslash and that no RFC we know defines; without the backslash.
    Extension(Keyword),
}

/// A keyword: an atom. Case is kept; [`Keyword::matches`] ignores it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Keyword(Box<str>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a keyword must be an atom")]
pub struct InvalidKeyword;

/// What a mailbox is for (RFC 6154 section 2, RFC 8457).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpecialUse {
    All,
    Archive,
    Drafts,
    Flagged,
    Important,
    Junk,
    Sent,
    Trash,
}

// === impl Flag ===

impl Flag {
    /// A system flag by its name without the backslash, in any case.
    pub(super) fn system(name: &str) -> Result<Self, InvalidKeyword> {
        let known = [
            ("Answered", Self::Answered),
            ("Deleted", Self::Deleted),
            ("Draft", Self::Draft),
            ("Flagged", Self::Flagged),
            ("Seen", Self::Seen),
            ("Recent", Self::Recent),
        ];
        match known.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)) {
            Some((_, flag)) => Ok(flag),
            None => Keyword::new(name).map(Self::Extension),
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered => formatter.write_str("\\Answered"),
            Self::Deleted => formatter.write_str("\\Deleted"),
            Self::Draft => formatter.write_str("\\Draft"),
            Self::Flagged => formatter.write_str("\\Flagged"),
            Self::Seen => formatter.write_str("\\Seen"),
            Self::Recent => formatter.write_str("\\Recent"),
            Self::Keyword(keyword) => formatter.write_str(keyword.as_str()),
            Self::Extension(name) => write!(formatter, "\\{}", name.as_str()),
        }
    }
}

// === impl Keyword ===

impl Keyword {
    pub fn new(text: &str) -> Result<Self, InvalidKeyword> {
        if text.is_empty() || !text.bytes().all(is_atom_char) {
            return Err(InvalidKeyword);
        }
        Ok(Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn matches(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

// === impl SpecialUse ===

impl SpecialUse {
    pub const ALL: [Self; 8] = [
        Self::All,
        Self::Archive,
        Self::Drafts,
        Self::Flagged,
        Self::Important,
        Self::Junk,
        Self::Sent,
        Self::Trash,
    ];

    /// With its backslash, as it is written on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "\\All",
            Self::Archive => "\\Archive",
            Self::Drafts => "\\Drafts",
            Self::Flagged => "\\Flagged",
            Self::Important => "\\Important",
            Self::Junk => "\\Junk",
            Self::Sent => "\\Sent",
            Self::Trash => "\\Trash",
        }
    }
}

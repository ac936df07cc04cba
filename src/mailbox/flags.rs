//! A message's flags and what a client's edit does to them (RFC 3501 §2.3.2).

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

/// The flags that every mailbox behind the bridge can hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum SystemFlag {
    Seen = 1,
    Answered = 2,
    Flagged = 4,
    Deleted = 8,
    /// Read-only: whether a message can be edited is the service's to say.
    Draft = 16,
    /// `$Forwarded` on the wire (RFC 5788 registry); the service keeps it beside "answered".
    Forwarded = 32,
    /// `\Draft` on the wire as well: a client's own mark on a message that the service holds as
    /// finished. Never together with `Draft`.
    MarkedDraft = 64,
}

/// A user-defined flag: an IMAP atom, compared without regard to case.
#[derive(Clone)]
pub struct Keyword(Box<str>);

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Flags {
    system: u8,
    keywords: BTreeSet<Keyword>,
}

/// What STORE asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FlagEdit {
    Set(Flags),
    Add(Flags),
    Remove(Flags),
}

// === impl SystemFlag ===

impl SystemFlag {
    /// Those that look different to a client.
    pub const SHOWN: [Self; 6] =
        [Self::Answered, Self::Flagged, Self::Deleted, Self::Seen, Self::Draft, Self::Forwarded];
}

// === impl Keyword ===

impl Keyword {
    /// Longest keyword kept: an Outlook category holds 255 characters, escapes included.
    pub const MAX_LEN: usize = 255;

    /// `None` unless `text` is an IMAP atom (RFC 3501 §9 `flag-keyword`).
    pub fn new(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= Self::MAX_LEN;
        (fits && text.chars().all(Self::allows)).then(|| Self(text.into()))
    }

    /// Whether a character may stand in a keyword.
    pub fn allows(c: char) -> bool {
        c.is_ascii_graphic() && !matches!(c, '(' | ')' | '{' | '%' | '*' | '"' | '\\' | ']')
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn folded(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.bytes().map(|b| b.to_ascii_lowercase())
    }
}

impl Ord for Keyword {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl PartialOrd for Keyword {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Keyword {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Keyword {}

impl fmt::Debug for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Flags ===

impl Flags {
    pub fn none() -> Self {
        Self::default()
    }

    pub fn has(&self, flag: SystemFlag) -> bool {
        self.system & flag as u8 != 0
    }

    #[must_use]
    pub fn with(mut self, flag: SystemFlag) -> Self {
        self.system |= flag as u8;
        self
    }

    #[must_use]
    pub fn without(mut self, flag: SystemFlag) -> Self {
        self.system &= !(flag as u8);
        self
    }

    #[must_use]
    pub fn with_keyword(mut self, keyword: Keyword) -> Self {
        self.keywords.insert(keyword);
        self
    }

    pub fn keywords(&self) -> impl Iterator<Item = &Keyword> + Clone {
        self.keywords.iter()
    }

    pub fn has_keyword(&self, keyword: &Keyword) -> bool {
        self.keywords.contains(keyword)
    }

    /// Whether a client sees `\Draft`, whoever said so.
    pub fn shows_draft(&self) -> bool {
        self.has(SystemFlag::Draft) || self.has(SystemFlag::MarkedDraft)
    }

    pub fn is_empty(&self) -> bool {
        self.system == 0 && self.keywords.is_empty()
    }

    /// The system flags as bits, for the index.
    pub fn bits(&self) -> u8 {
        self.system
    }

    /// The inverse of `bits` and `keywords`.
    pub fn from_parts(bits: u8, keywords: impl IntoIterator<Item = Keyword>) -> Self {
        Self { system: bits & 0b111_1111, keywords: keywords.into_iter().collect() }
    }
}

// === impl FlagEdit ===

impl FlagEdit {
    /// The flags after the edit. `\Draft` stays as it was (see `SystemFlag::Draft`).
    pub fn apply(&self, before: &Flags) -> Flags {
        let mut after = match self {
            Self::Set(flags) => flags.clone(),
            Self::Add(flags) => Flags {
                system: before.system | flags.system,
                keywords: before.keywords.union(&flags.keywords).cloned().collect(),
            },
            Self::Remove(flags) => Flags {
                system: before.system & !flags.system,
                keywords: before.keywords.difference(&flags.keywords).cloned().collect(),
            },
        };
        after.system &= !(SystemFlag::Draft as u8);
        after.system |= before.system & SystemFlag::Draft as u8;
        if after.has(SystemFlag::Draft) { after.without(SystemFlag::MarkedDraft) } else { after }
    }

    /// Whether messages have the flag by this edit, whatever they had before.
    pub fn sets(&self, flag: SystemFlag) -> bool {
        matches!(self, Self::Set(flags) | Self::Add(flags) if flags.has(flag))
    }

    /// Whether the edit would undo or repeat what changed between two states. Of an edit that adds
    /// or removes only the flags that it names count (RFC 7162 §3.1.12).
    pub fn collides(&self, before: &Flags, now: &Flags) -> bool {
        match self {
            Self::Set(_) => before != now,
            Self::Add(named) | Self::Remove(named) => {
                let differs = |keyword| before.has_keyword(keyword) != now.has_keyword(keyword);
                (before.system ^ now.system) & named.system != 0
                    || named.keywords.iter().any(differs)
            }
        }
    }

    /// Whether a message has any of what the edit is about. System flags it always has, set or not
    /// (RFC 7162 §3.1.3).
    pub fn is_about_something_of(&self, flags: &Flags) -> bool {
        match self {
            Self::Set(_) => true,
            Self::Add(named) | Self::Remove(named) => {
                let keyword = SystemFlag::Forwarded as u8;
                named.system & !keyword != 0
                    || named.system & flags.system != 0
                    || named.keywords.iter().any(|keyword| flags.has_keyword(keyword))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_change_whether_a_message_is_a_draft() {
        let draft = Flags::none().with(SystemFlag::Draft);
        assert!(FlagEdit::Set(Flags::none()).apply(&draft).has(SystemFlag::Draft));
        assert!(!FlagEdit::Add(draft.clone()).apply(&Flags::none()).has(SystemFlag::Draft));
        let mark = Flags::none().with(SystemFlag::MarkedDraft);
        assert_eq!(FlagEdit::Add(mark.clone()).apply(&draft), draft);
        assert_eq!(FlagEdit::Add(mark.clone()).apply(&Flags::none()), mark);
    }

    #[test]
    fn keywords_are_compared_without_regard_to_case() {
        let red = Flags::none().with_keyword(Keyword::new("Red").unwrap());
        let removed = FlagEdit::Remove(Flags::none().with_keyword(Keyword::new("red").unwrap()));
        assert!(removed.apply(&red).is_empty());
    }

    #[test]
    fn an_edit_collides_with_a_change_of_the_flags_it_names_and_a_replacement_with_any() {
        let red = Flags::none().with_keyword(Keyword::new("Red").unwrap());
        let seen = Flags::none().with(SystemFlag::Seen);
        assert!(FlagEdit::Add(red.clone()).collides(&Flags::none(), &red));
        assert!(!FlagEdit::Add(red.clone()).collides(&Flags::none(), &seen));
        assert!(FlagEdit::Remove(seen.clone()).collides(&seen, &red));
        assert!(FlagEdit::Set(red.clone()).collides(&Flags::none(), &seen));
        assert!(!FlagEdit::Set(red).collides(&seen, &seen));
    }

    #[test]
    fn a_system_flag_is_there_even_when_it_is_not_set() {
        let red = Flags::none().with_keyword(Keyword::new("Red").unwrap());
        let seen = Flags::none().with(SystemFlag::Seen);
        let forwarded = Flags::none().with(SystemFlag::Forwarded);
        assert!(FlagEdit::Add(seen).is_about_something_of(&Flags::none()));
        assert!(!FlagEdit::Add(red.clone()).is_about_something_of(&Flags::none()));
        assert!(FlagEdit::Remove(red.clone()).is_about_something_of(&red));
        assert!(!FlagEdit::Add(forwarded.clone()).is_about_something_of(&red));
        assert!(FlagEdit::Add(forwarded.clone()).is_about_something_of(&forwarded));
        assert!(FlagEdit::Set(red).is_about_something_of(&Flags::none()));
    }

    #[test]
    fn a_keyword_is_an_atom() {
        assert!(Keyword::new("$MDNSent").is_some());
        assert!(Keyword::new("two words").is_none());
        assert!(Keyword::new("").is_none());
    }
}

//! Folders: where they hang, what they are called, what they are for.

use std::fmt;

use super::escape::{escape, unescape};
use super::{FolderId, Misnomer, ModSeq, RemoteId, Uid, UidValidity};

/// What a folder is for (RFC 6154 special use, and INBOX).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Role {
    Inbox,
    Archive,
    Drafts,
    Junk,
    Sent,
    Trash,
}

/// A folder's place in the tree as clients spell it: names joined by `/`.
///
/// A name that holds `/` or a LIST wildcard is spelled with escapes (`escape.rs`), so a path always
/// splits back into the very names it was made of. `INBOX` in any case is the inbox.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FolderPath(Box<str>);

/// One folder as recorded.
#[derive(Clone, Debug)]
pub struct Folder {
    pub id: FolderId,
    pub remote: RemoteId,
    /// `None` at the top of the tree.
    pub parent: Option<RemoteId>,
    pub path: FolderPath,
    pub role: Option<Role>,
    pub subscribed: bool,
    pub validity: UidValidity,
    /// The UID that the next message will get.
    pub next: Uid,
    pub highest: ModSeq,
    /// Whether the folder's messages were ever listed whole.
    pub listed: bool,
}

// === impl Role ===

impl Role {
    pub const ALL: [Self; 6] =
        [Self::Inbox, Self::Archive, Self::Drafts, Self::Junk, Self::Sent, Self::Trash];

    /// The role's name in the index.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Archive => "archive",
            Self::Drafts => "drafts",
            Self::Junk => "junk",
            Self::Sent => "sent",
            Self::Trash => "trash",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

// === impl FolderPath ===

impl FolderPath {
    pub const SEPARATOR: char = '/';
    pub const INBOX: &'static str = "INBOX";

    pub fn inbox() -> Self {
        Self(Self::INBOX.into())
    }

    /// The path that a client names. `INBOX` and what lies below it are found in any case.
    /// `None` for the empty path and for empty names (`a//b`, `/a`).
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix(Self::SEPARATOR).unwrap_or(text);
        let mut names = text.split(Self::SEPARATOR);
        let first = names.next()?;
        if text.split(Self::SEPARATOR).any(str::is_empty) || text.chars().any(char::is_control) {
            return None;
        }
        if first.eq_ignore_ascii_case(Self::INBOX) {
            let rest = &text[first.len()..];
            return Some(Self(format!("{}{rest}", Self::INBOX).into()));
        }
        Some(Self(text.into()))
    }

    /// The path of a folder called `name` by the service, below `parent`.
    pub fn child(parent: Option<&Self>, name: &str) -> Self {
        // Line and paragraph separators are for no client to send (RFC 6855 §3).
        let keep =
            |c: char| !c.is_control() && !matches!(c, '/' | '%' | '*' | '\u{2028}' | '\u{2029}');
        let mut spelled = escape(name, keep);
        match parent {
            Some(parent) => Self(format!("{parent}{}{spelled}", Self::SEPARATOR).into()),
            None => {
                // A stranger called "Inbox" at the top must not pass for the inbox.
                if spelled.eq_ignore_ascii_case(Self::INBOX) {
                    let first = u32::from(spelled.remove(0));
                    spelled = format!("_x{first:04X}_{spelled}");
                }
                Self(spelled.into())
            }
        }
    }

    /// The folder above, if this one is not at the top.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once(Self::SEPARATOR).map(|(parent, _)| Self(parent.into()))
    }

    /// The last name, as the service spells it.
    pub fn name(&self) -> String {
        let last = self.0.rsplit(Self::SEPARATOR).next().unwrap_or_default();
        unescape(last)
    }

    /// Why a folder made under this path would be found under another one.
    pub fn misnomer(&self) -> Option<Misnomer> {
        let name = self.name();
        if name.trim() != name {
            return Some(Misnomer::Blank);
        }
        let spelled = Self::child(self.parent().as_ref(), &name);
        (spelled != *self).then_some(Misnomer::Escape)
    }

    pub fn is_inbox(&self) -> bool {
        &*self.0 == Self::INBOX
    }

    /// Whether this folder lies somewhere below `other`.
    pub fn is_below(&self, other: &Self) -> bool {
        self.0.strip_prefix(&*other.0).is_some_and(|rest| rest.starts_with(Self::SEPARATOR))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inbox_is_found_in_any_case_and_so_is_what_lies_below() {
        assert_eq!(FolderPath::parse("inBox"), Some(FolderPath::inbox()));
        assert_eq!(FolderPath::parse("inbox/Done").unwrap().as_str(), "INBOX/Done");
    }

    #[test]
    fn a_name_with_a_separator_is_one_name() {
        let path = FolderPath::child(Some(&FolderPath::inbox()), "In/Out");
        assert_eq!(path.as_str(), "INBOX/In_x002F_Out");
        assert_eq!(path.name(), "In/Out");
        assert_eq!(path.parent(), Some(FolderPath::inbox()));
        let path = FolderPath::child(None, "One\u{2028}Two");
        assert_eq!((path.as_str(), path.name().as_str()), ("One_x2028_Two", "One\u{2028}Two"));
    }

    #[test]
    fn a_stranger_called_inbox_does_not_pass_for_the_inbox() {
        let path = FolderPath::child(None, "Inbox");
        assert!(!path.is_inbox());
        assert_eq!(path.name(), "Inbox");
    }

    #[test]
    fn a_name_that_would_come_back_spelled_otherwise_is_a_misnomer() {
        let misnomer = |text: &str| FolderPath::parse(text).unwrap().misnomer();
        for text in ["Work", "a b", "In_x002F_Out", "_x0049_nbox", "_x", "inbox/Inbox", "a_xZZZZ_"]
        {
            assert_eq!(misnomer(text), None, "{text}");
        }
        for text in ["trail ", " lead", "a/\u{a0}b", "_x0020_", "_x0009_tab"] {
            assert_eq!(misnomer(text), Some(Misnomer::Blank), "{text}");
        }
        for text in ["a_x002f_b", "q_x0041_r", "_xD800_", "a/_x0049_nbox"] {
            assert_eq!(misnomer(text), Some(Misnomer::Escape), "{text}");
        }
    }

    #[test]
    fn empty_names_are_refused() {
        assert!(FolderPath::parse("").is_none());
        assert!(FolderPath::parse("a//b").is_none());
        assert!(FolderPath::parse("/a").is_none());
        assert_eq!(FolderPath::parse("a/").unwrap().as_str(), "a");
    }
}

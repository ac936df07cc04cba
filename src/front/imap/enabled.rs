//! Extensions that change what is said without being asked, once the client has shown that it knows
//! them (RFC 5161, RFC 7162 §3.1, RFC 6855, RFC 9051).

use wire::imap::{Body, NameEncoding};

use super::ending::Ending;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(super) enum Extension {
    /// Mod-sequences go with flags.
    CondStore = 1,
    /// Expunges are told by UID.
    QResync = 2,
    /// Names and quoted strings are UTF-8, and a SEARCH names no charset (RFC 6855 §3).
    Utf8 = 4,
    /// The newer protocol (RFC 9051): nothing is recent, names are UTF-8, SELECT lists its folder.
    Rev2 = 8,
}

/// Lasts until the connection is closed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Enabled(u8);

impl Extension {
    pub(super) const ALL: [Self; 4] = [Self::CondStore, Self::QResync, Self::Utf8, Self::Rev2];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CondStore => "CONDSTORE",
            Self::QResync => "QRESYNC",
            Self::Utf8 => "UTF8=ACCEPT",
            Self::Rev2 => "IMAP4rev2",
        }
    }
}

impl Enabled {
    pub(super) fn has(self, extension: Extension) -> bool {
        self.0 & extension as u8 != 0
    }

    /// Whether messages may come as `UTF8 (...)` (RFC 6855 §4).
    pub(super) fn takes_utf8(self) -> bool {
        self.has(Extension::Utf8)
    }

    /// QRESYNC brings CONDSTORE with it (RFC 7162 §3.2.3).
    #[must_use]
    pub(super) fn with(self, extension: Extension) -> Self {
        let brought = match extension {
            Extension::CondStore | Extension::Utf8 | Extension::Rev2 => 0,
            Extension::QResync => Extension::CondStore as u8,
        };
        Self(self.0 | extension as u8 | brought)
    }

    /// # Errors
    /// BAD for a SEARCH that names a charset where there is only one (RFC 6855 §3).
    pub(super) fn permits(self, body: &Body) -> Result<(), Ending> {
        match body {
            Body::Search(search) if search.charset.is_some() && self.has(Extension::Utf8) => {
                Err(Ending::bad("With UTF8=ACCEPT a SEARCH names no charset"))
            }
            _ => Ok(()),
        }
    }

    /// How mailbox names are written.
    pub(super) fn names(self) -> NameEncoding {
        if self.has(Extension::Utf8) || self.has(Extension::Rev2) {
            NameEncoding::Utf8
        } else {
            NameEncoding::Utf7
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qresync_brings_condstore_with_it() {
        let enabled = Enabled::default().with(Extension::QResync);
        assert!(enabled.has(Extension::QResync) && enabled.has(Extension::CondStore));
        assert!(!enabled.has(Extension::Utf8) && !enabled.has(Extension::Rev2));
        assert!(!Enabled::default().with(Extension::CondStore).has(Extension::QResync));
    }

    #[test]
    fn names_are_utf_8_for_either_of_the_two_that_say_so() {
        let names = |extension| Enabled::default().with(extension).names();
        assert_eq!(names(Extension::QResync), NameEncoding::Utf7);
        assert_eq!(names(Extension::Utf8), NameEncoding::Utf8);
        assert_eq!(names(Extension::Rev2), NameEncoding::Utf8);
    }
}

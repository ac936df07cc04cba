//! Extensions that change what is said without being asked, once the client has shown that it knows
//! them (RFC 5161, RFC 7162 §3.1).

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(super) enum Extension {
    /// Mod-sequences go with flags.
    CondStore = 1,
    /// Expunges are told by UID.
    QResync = 2,
}

/// Lasts until the connection is closed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Enabled(u8);

impl Extension {
    pub(super) const ALL: [Self; 2] = [Self::CondStore, Self::QResync];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CondStore => "CONDSTORE",
            Self::QResync => "QRESYNC",
        }
    }
}

impl Enabled {
    pub(super) fn has(self, extension: Extension) -> bool {
        self.0 & extension as u8 != 0
    }

    /// Whether messages may come as `UTF8 (...)` (RFC 6855 §4).
    pub(super) fn takes_utf8(self) -> bool {
        Extension::ALL.iter().any(|one| one.name() == "UTF8=ACCEPT" && self.has(*one))
    }

    /// QRESYNC brings CONDSTORE with it (RFC 7162 §3.2.3).
    #[must_use]
    pub(super) fn with(self, extension: Extension) -> Self {
        let brought = match extension {
            Extension::CondStore => 0,
            Extension::QResync => Extension::CondStore as u8,
        };
        Self(self.0 | extension as u8 | brought)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qresync_brings_condstore_with_it() {
        let enabled = Enabled::default().with(Extension::QResync);
        assert!(Extension::ALL.into_iter().all(|extension| enabled.has(extension)));
        assert!(!Enabled::default().with(Extension::CondStore).has(Extension::QResync));
    }
}

//! Which permissions a connection needs, which it has, and what that lets it do (reference A.8).

use crate::config::connections::ConnectionUse;

/// What a connection is for decides what is asked of the user: never more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Needs {
    pub purpose: ConnectionUse,
    pub mailbox: Ownership,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ownership {
    Own,
    /// One's own, and mail goes out in the name of others, too.
    OwnForOthers,
    /// Opened with someone's sign-in: that takes the `.Shared` permissions.
    Shared,
}

/// The permissions of a grant, by their bare names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Granted(Vec<String>);

/// What may be done with mail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reading {
    No,
    ReadOnly,
    ReadWrite,
}

/// Always asked for: who signed in, and that it lasts.
const BASIC: [&str; 4] = ["User.Read", "offline_access", "openid", "profile"];

impl Needs {
    /// The permissions on mail.
    pub fn permissions(self) -> Vec<&'static str> {
        use ConnectionUse::{Both, Outbound, Source};
        match (self.purpose, self.mailbox) {
            (Source, Ownership::Own | Ownership::OwnForOthers) => vec!["Mail.ReadWrite"],
            (Source, Ownership::Shared) => vec!["Mail.ReadWrite.Shared"],
            (Outbound, Ownership::Own) => vec!["Mail.Send"],
            (Outbound, Ownership::OwnForOthers) => vec!["Mail.Send", "Mail.Send.Shared"],
            (Outbound, Ownership::Shared) => vec!["Mail.Send.Shared"],
            (Both, Ownership::Own) => vec!["Mail.ReadWrite", "Mail.Send"],
            (Both, Ownership::OwnForOthers) => {
                vec!["Mail.ReadWrite", "Mail.Send", "Mail.Send.Shared"]
            }
            (Both, Ownership::Shared) => vec!["Mail.ReadWrite.Shared", "Mail.Send.Shared"],
        }
    }

    /// The `scope` of a sign-in. Names without a resource mean Graph.
    pub fn scopes(self) -> Vec<&'static str> {
        self.permissions().into_iter().chain(BASIC).collect()
    }

    pub fn missing(self, granted: &Granted) -> Vec<&'static str> {
        self.permissions().into_iter().filter(|needed| !granted.has(needed)).collect()
    }
}

impl Granted {
    /// Reads names as the token endpoint spells them, with their resource or without.
    pub fn new<S: AsRef<str>>(scopes: impl IntoIterator<Item = S>) -> Self {
        let bare = |scope: S| {
            let scope = scope.as_ref();
            scope.rsplit_once('/').map_or(scope, |(_, name)| name).to_owned()
        };
        Self(scopes.into_iter().map(bare).filter(|name| !name.is_empty()).collect())
    }

    pub fn has(&self, permission: &str) -> bool {
        self.0.iter().any(|held| held.eq_ignore_ascii_case(permission))
    }

    /// Nothing is known yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn names(&self) -> &[String] {
        &self.0
    }

    pub fn reading(&self) -> Reading {
        let any = |names: [&str; 2]| names.iter().any(|name| self.has(name));
        if any(["Mail.ReadWrite", "Mail.ReadWrite.Shared"]) {
            return Reading::ReadWrite;
        }
        match any(["Mail.Read", "Mail.Read.Shared"]) {
            true => Reading::ReadOnly,
            false => Reading::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_asked_than_the_use_needs() {
        let needs = |purpose, mailbox| Needs { purpose, mailbox }.permissions();
        assert_eq!(needs(ConnectionUse::Outbound, Ownership::Own), ["Mail.Send"]);
        assert_eq!(needs(ConnectionUse::Source, Ownership::Own), ["Mail.ReadWrite"]);
        let shared = needs(ConnectionUse::Both, Ownership::Shared);
        assert_eq!(shared, ["Mail.ReadWrite.Shared", "Mail.Send.Shared"]);
    }

    #[test]
    fn what_is_missing_is_told_however_the_grant_is_spelled() {
        let needs = Needs { purpose: ConnectionUse::Both, mailbox: Ownership::Own };
        let granted = Granted::new(["https://graph.microsoft.com/mail.send", "openid"]);
        assert_eq!(needs.missing(&granted), ["Mail.ReadWrite"]);
        assert_eq!(granted.reading(), Reading::No);
        assert_eq!(Granted::new(["Mail.Read"]).reading(), Reading::ReadOnly);
    }
}

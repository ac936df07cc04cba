//! What the sign-in service remembers: tokens, codes, devices that wait, pages that people are on.

use std::collections::{BTreeSet, HashMap};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use uuid::Uuid;

use super::device::Device;
use super::flow::Flow;
use super::handle::Stage;
use super::scope::normal;

#[derive(Default)]
pub(crate) struct LoginDesk {
    pub(super) refresh: HashMap<String, Grant>,
    /// By user: the refresh token given out last.
    pub(super) newest: HashMap<String, String>,
    pub(super) access: HashMap<String, Access>,
    pub(super) codes: HashMap<String, Code>,
    /// By device code.
    pub(super) devices: HashMap<String, Device>,
    pub(super) flows: HashMap<String, Flow>,
    /// Browser sessions: who is signed in, by cookie.
    pub(super) sessions: HashMap<String, String>,
    /// Scripted failures, oldest first.
    pub(super) failures: Vec<(Stage, u32)>,
    /// Users whose next tokens must answer a claims challenge. (reference A.5)
    pub(super) challenged: BTreeSet<String>,
    /// Verifiers and tokens that passed through the token endpoint, good for anything or not.
    pub(super) passed: BTreeSet<String>,
}

/// What a refresh token stands for.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(super) user: String,
    pub(super) client: String,
    /// As granted: bare for Graph, with their resource otherwise.
    pub(super) scopes: Vec<String>,
    pub(super) used: Timestamp,
    /// When the person was last there.
    pub(super) signed_in: Timestamp,
    pub(super) factors: Factors,
    pub(super) revoked: bool,
}

/// How sure the sign-in was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Factors {
    One,
    Two,
}

/// What an access token stands for.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) user: String,
    pub(crate) client: String,
    pub(crate) resource: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires: Timestamp,
    pub(crate) evaluation: Evaluation,
}

/// Whether Graph may question a token before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evaluation {
    /// It is good until it ends: the client did not say `cp1`.
    Once,
    Continuous,
    /// Continuous, and something has happened since.
    Challenged,
}

/// An authorization code.
#[derive(Clone)]
pub(crate) struct Code {
    pub(super) grant: Grant,
    /// The path's first segment at the authorize endpoint.
    pub(super) alias: String,
    pub(super) redirect_uri: String,
    pub(super) challenge: Option<Challenge>,
    pub(super) nonce: Option<String>,
    pub(super) issued: Timestamp,
    pub(super) redeemed: bool,
}

/// PKCE. (RFC 7636)
#[derive(Clone, Debug)]
pub(crate) enum Challenge {
    Plain(String),
    S256(String),
}

impl LoginDesk {
    /// A refresh token as after a sign-in with these scopes, separated by spaces.
    pub(crate) fn grant(
        &mut self,
        user: &str,
        client: &str,
        scopes: &str,
        now: Timestamp,
    ) -> String {
        self.remember(Grant {
            user: user.to_lowercase(),
            client: client.into(),
            scopes: normal(scopes),
            used: now,
            signed_in: now,
            factors: Factors::One,
            revoked: false,
        })
    }

    /// Refresh tokens die. Access tokens die too, or are questioned if their client understands that.
    pub(crate) fn revoke(&mut self, user: &str) {
        let user = user.to_lowercase();
        for grant in self.refresh.values_mut().filter(|grant| grant.user == user) {
            grant.revoked = true;
        }
        self.sessions.retain(|_, signed_in| *signed_in != user);
        self.access.retain(|_, access| {
            if access.user == user && access.evaluation == Evaluation::Continuous {
                access.evaluation = Evaluation::Challenged;
            }
            access.user != user || access.evaluation == Evaluation::Challenged
        });
    }

    /// Graph questions every token of this user whose client said `cp1`.
    pub(crate) fn challenge(&mut self, user: &str) {
        let user = user.to_lowercase();
        for access in self.access.values_mut().filter(|access| access.user == user) {
            if access.evaluation == Evaluation::Continuous {
                access.evaluation = Evaluation::Challenged;
            }
        }
        self.challenged.insert(user);
    }

    pub(crate) fn expire_access(&mut self) {
        self.access.clear();
    }

    pub(crate) fn access(&self, token: &str, now: Timestamp) -> Option<&Access> {
        self.access.get(token).filter(|access| access.expires > now)
    }

    pub(super) fn remember(&mut self, grant: Grant) -> String {
        let token = format!("1.A{}", random(2));
        self.newest.insert(grant.user.clone(), token.clone());
        self.refresh.insert(token.clone(), grant);
        token
    }

    /// The failure that is due at this stage, if a test scripted one.
    pub(super) fn failure(&mut self, stage: Stage) -> Option<u32> {
        let index = self.failures.iter().position(|(at, _)| *at == stage)?;
        Some(self.failures.remove(index).1)
    }
}

/// 22 random characters for each block.
pub(super) fn random(blocks: usize) -> String {
    let bytes: Vec<u8> = (0..blocks).flat_map(|_| *Uuid::new_v4().as_bytes()).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

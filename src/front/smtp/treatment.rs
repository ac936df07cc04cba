//! How one client is treated: by the rules for all, or as the device that it is known to be.

use std::net::IpAddr;
use std::sync::Arc;

use super::transaction::Terms;
use crate::config::{Device, DeviceLogin, Submission};
use crate::front::Silence;
use crate::net::{PlainLogin, Security};

/// What is the same for every client. A handle, cheap to clone.
#[derive(Clone, Debug)]
pub struct Policy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    silence: Silence,
    base: Arc<Profile>,
    /// In the order of their names.
    devices: Vec<Arc<Profile>>,
    largest: u64,
}

/// One way of treating a client.
#[derive(Debug)]
pub(super) struct Profile {
    rules: Arc<Submission>,
    device: Option<Device>,
}

/// What holds for one client, as far as it is known.
#[derive(Clone, Debug)]
pub(super) struct Treatment {
    policy: Policy,
    client: IpAddr,
    profile: Arc<Profile>,
    ground: Ground,
}

/// By what a client is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ground {
    /// It came to the device's own address, and stays what it is whatever it logs in with.
    Listener,
    Other,
}

/// A password is for a device that the settings do not have.
#[derive(Debug)]
pub(super) struct UnknownDevice;

impl Policy {
    /// `largest` is the largest message, in octets, that any account could send: announced to who
    /// has not logged in, since only then its account's own limit is known.
    pub fn new(silence: Silence, base: Submission, devices: &[Device], largest: u64) -> Self {
        let devices = devices.iter().map(|device| {
            let rules = Arc::new(device.rules.clone());
            Arc::new(Profile { rules, device: Some(device.clone()) })
        });
        let base = Arc::new(Profile { rules: Arc::new(base), device: None });
        Self(Arc::new(Inner { silence, base, devices: devices.collect(), largest }))
    }

    pub(super) fn silence(&self) -> Silence {
        self.0.silence
    }

    fn device(&self, name: &str) -> Option<&Arc<Profile>> {
        self.0.devices.iter().find(|profile| profile.name() == Some(name))
    }
}

impl Profile {
    fn name(&self) -> Option<&str> {
        self.device.as_ref().map(|device| device.name.as_str())
    }

    fn is_at(&self, client: IpAddr) -> bool {
        self.device.as_ref().is_none_or(|device| device.is_at(client))
    }

    /// Whether it can be told by the client's address alone, and has to be before any login.
    fn is_told_by_place(&self) -> bool {
        self.device.as_ref().is_some_and(|device| {
            let matters =
                device.login != DeviceLogin::Password || device.auth_without_tls || !device.esmtp;
            matters && device.networks.is_some() && !device.has_addresses()
        })
    }
}

impl Treatment {
    /// Of someone who has said nothing yet; `listener` is the device that the address belongs to.
    /// `None` if it is for that device only, and this client is elsewhere.
    pub(super) fn begin(policy: Policy, listener: Option<&str>, client: IpAddr) -> Option<Self> {
        let inner = &policy.0;
        let (profile, ground) = match listener {
            Some(name) => (Arc::clone(policy.device(name)?), Ground::Listener),
            None => {
                let fits =
                    |profile: &&Arc<Profile>| profile.is_told_by_place() && profile.is_at(client);
                let profile = inner.devices.iter().find(fits).unwrap_or(&inner.base);
                (Arc::clone(profile), Ground::Other)
            }
        };
        profile.is_at(client).then_some(Self { policy, client, profile, ground })
    }

    /// The client has logged in with a password that is for `device`.
    ///
    /// # Errors
    /// If there is no such device: whatever it was to be allowed or forbidden is not known.
    pub(super) fn log_in(&mut self, device: Option<&str>) -> Result<(), UnknownDevice> {
        let Some(name) = device else { return Ok(()) };
        let profile = self.policy.device(name).ok_or(UnknownDevice)?;
        if self.ground == Ground::Other && profile.is_at(self.client) {
            self.profile = Arc::clone(profile);
        }
        Ok(())
    }

    /// The name of the device that it is treated as.
    pub(super) fn device(&self) -> Option<&str> {
        self.profile.name()
    }

    pub(super) fn rules(&self) -> &Arc<Submission> {
        &self.profile.rules
    }

    /// For a mailbox that sends up to `message` octets.
    pub(super) fn terms(&self, message: u64) -> Terms {
        Terms { message, recipients: self.rules().recipients_per_message }
    }

    /// Before it is known who sends.
    pub(super) fn first_terms(&self) -> Terms {
        self.terms(self.policy.0.largest)
    }

    /// What protects the connection, and what this client may do without it.
    pub(super) fn security(&self, security: Security) -> Security {
        let is_let_off = self.profile.device.as_ref().is_some_and(|device| device.auth_without_tls);
        match security {
            Security::Offered(PlainLogin::Refused) if is_let_off => {
                Security::Offered(PlainLogin::Allowed)
            }
            security => security,
        }
    }

    /// Whether EHLO is answered.
    pub(super) fn is_esmtp(&self) -> bool {
        self.profile.device.as_ref().is_none_or(|device| device.esmtp)
    }

    /// The user name of the connection by which it may send without a login.
    pub(super) fn connection(&self) -> Option<&str> {
        match &self.profile.device.as_ref()?.login {
            DeviceLogin::Network { connection } => Some(connection),
            DeviceLogin::Password => None,
        }
    }
}

#[cfg(test)]
#[path = "treatment_tests.rs"]
mod tests;

//! `[device.NAME]`: what a printer, a scanner or a script is given that a mail client is not.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::listener::{self, Listener};
use super::network::Network;
use super::reader::Reader;
use super::submission::{self, Submission};
use crate::mailbox::Address;

/// One kind of client that hands in mail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Device {
    pub name: String,
    /// Addresses of its own; without any it comes to those of `[smtp]`.
    pub listener: Listener,
    /// Where it is; `None` if it may be anywhere.
    pub networks: Option<Vec<Network>>,
    pub login: DeviceLogin,
    /// Whether it may log in without TLS where `[smtp]` asks for TLS first.
    pub auth_without_tls: bool,
    /// Whether EHLO is answered; a device that does not cope with what it offers says HELO then.
    pub esmtp: bool,
    pub rules: Submission,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DeviceLogin {
    /// With a local password.
    Password,
    /// Being in its networks is enough: it sends by the connection of this user name.
    Network { connection: String },
}

impl Device {
    pub fn has_addresses(&self) -> bool {
        self.listener.addresses().next().is_some()
    }

    /// Whether a client with this address can be one.
    pub fn is_at(&self, client: IpAddr) -> bool {
        let Some(networks) = &self.networks else { return true };
        networks.iter().any(|network| network.contains(client))
    }
}

/// Every device, by name. What one does not say is as in `smtp` and `base`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    networks: &BTreeMap<String, Vec<Network>>,
    smtp: &Listener,
    base: &Submission,
) -> Vec<Device> {
    let mut devices = Vec::new();
    for name in reader.tables_in("device") {
        let section = format!("device.{name}");
        let networks = its_networks(reader, &section, networks);
        let device = Device {
            listener: listener::read(reader, &section, smtp.elsewhere()),
            networks,
            login: login(reader, &section),
            auth_without_tls: reader.switch(&format!("{section}.auth_without_tls"), false),
            esmtp: reader.switch(&format!("{section}.esmtp"), true),
            rules: submission::read(reader, &section, base.clone()),
            name,
        };
        check(reader, &section, &device);
        devices.push(device);
    }
    devices
}

fn its_networks(
    reader: &mut Reader<'_>,
    section: &str,
    known: &BTreeMap<String, Vec<Network>>,
) -> Option<Vec<Network>> {
    let key = format!("{section}.networks");
    let names = reader.list(&key, Vec::new(), |name| Ok(name.to_owned()));
    if names.is_empty() {
        return None;
    }
    let mut networks = Vec::new();
    for name in names {
        match known.get(&name) {
            Some(group) => networks.extend(group),
            None => {
                let all: Vec<&str> = known.keys().map(String::as_str).collect();
                let text = match all.is_empty() {
                    true => format!("names {name:?}, and there is no section [networks]"),
                    false => format!("names {name:?}, but [networks] has only {}", all.join(", ")),
                };
                reader.problem(&key, text);
            }
        }
    }
    Some(networks)
}

#[derive(Clone, Copy)]
enum Way {
    Password,
    Network,
}

fn login(reader: &mut Reader<'_>, section: &str) -> DeviceLogin {
    let (login, key) = (format!("{section}.login"), format!("{section}.connection"));
    let ways = [("password", Way::Password), ("network", Way::Network)];
    let way = reader.choice(&login, Way::Password, &ways);
    let connection = reader.string(&key, "");
    match (way, connection.as_str()) {
        (Way::Password, "") => DeviceLogin::Password,
        (Way::Password, _) => {
            reader.problem(&key, format!("is used with {login} = \"network\" only"));
            DeviceLogin::Password
        }
        (Way::Network, "") => {
            let text =
                format!("needs to know who sends: set {key} to the user name of a connection");
            reader.problem(&login, text);
            DeviceLogin::Network { connection }
        }
        (Way::Network, user) => {
            if Address::new(user).is_none() {
                let text = "wants the user name of a connection, such as \"scans@contoso.com\" or \
                            \"ada@contoso.com/sales@contoso.com\"";
                reader.problem(&key, format!("{text}, not {user:?}"));
            }
            DeviceLogin::Network { connection }
        }
    }
}

/// What does not fit together.
fn check(reader: &mut Reader<'_>, section: &str, device: &Device) {
    let key = |name: &str| format!("{section}.{name}");
    if !is_name(&device.name) {
        let text = "is not a name for a device: lower-case letters, digits, - and single _ are";
        reader.problem(section, text);
    }
    let is_anywhere = device.networks.is_none();
    if let DeviceLogin::Network { .. } = device.login {
        if is_anywhere {
            let text = format!("lets everyone send: say who may, in {}", key("networks"));
            reader.problem(&key("login"), text);
        }
        if let Some(network) =
            device.networks.iter().flatten().find(|network| network.is_too_wide())
        {
            let text = format!(
                "has {network}, and with {} = \"network\" everyone in it could send: name the devices' own networks",
                key("login")
            );
            reader.problem(&key("networks"), text);
        }
    }
    if device.auth_without_tls && is_anywhere {
        let text = format!(
            "needs networks: say who may send a password in plain text, in {}",
            key("networks")
        );
        reader.problem(&key("auth_without_tls"), text);
    }
    if !device.esmtp && is_anywhere && !device.has_addresses() {
        let text = format!(
            "cannot work before the device is known: give it {} or {}",
            key("listen"),
            key("networks")
        );
        reader.problem(&key("esmtp"), text);
    }
}

/// What can be part of the name of an environment variable, once it is in upper case, and - besides.
fn is_name(name: &str) -> bool {
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    name.bytes().all(fits) && !name.contains("__") && !name.starts_with('_') && !name.ends_with('_')
}

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;

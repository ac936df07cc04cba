//! What `serve` and `demo` say once everything listens.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::print;
use crate::app::{Addresses, Gate};

/// The one line that scripts wait for.
#[derive(Debug, Serialize)]
pub struct Ready {
    pub ready: bool,
    pub imap: Vec<String>,
    pub smtp: Vec<String>,
    /// SMTP addresses of single devices, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub devices: BTreeMap<String, Vec<String>>,
    pub pop3: Vec<String>,
    pub console: Option<String>,
    pub connections: Vec<ReadyConnection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sim: Option<String>,
    /// The gates again, with their security, for people.
    #[serde(skip)]
    gates: Vec<(&'static str, Gate)>,
}

#[derive(Serialize)]
pub struct ReadyConnection {
    pub address: String,
    pub user: String,
    /// Only in the demo, where it guards nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

impl fmt::Debug for ReadyConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyConnection").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Ready {
    pub fn new(
        addresses: &Addresses,
        connections: Vec<ReadyConnection>,
        sim: Option<String>,
    ) -> Self {
        let texts = |list: &[Gate]| list.iter().map(|gate| gate.address.to_string()).collect();
        let named = |name, list: &[Gate]| list.iter().map(|gate| (name, *gate)).collect::<Vec<_>>();
        let of_devices = addresses.devices.values().flatten().copied().collect::<Vec<Gate>>();
        Self {
            ready: true,
            imap: texts(&addresses.imap),
            smtp: texts(&addresses.smtp),
            devices: addresses
                .devices
                .iter()
                .map(|(name, gates)| (name.clone(), texts(gates)))
                .collect(),
            pop3: Vec::new(),
            console: addresses.console.map(|address| format!("http://{address}")),
            connections,
            sim,
            gates: [
                named("IMAP", &addresses.imap),
                named("SMTP", &addresses.smtp),
                named("SMTP", &of_devices),
            ]
            .concat(),
        }
    }

    pub(crate) fn print_json(&self) -> anyhow::Result<()> {
        print(&serde_json::to_string(self)?)
    }

    /// What to type into a mail client.
    pub(crate) fn greeting(&self) -> String {
        let mut lines = vec!["footbridge is ready".to_owned()];
        lines.extend(self.gates.iter().map(|(name, Gate { address, security })| {
            format!("  {name}     {address}  ({security})")
        }));
        lines.extend(self.console.iter().map(|console| format!("  Console  {console}")));
        lines.extend(self.sim.iter().map(|sim| format!("  Tenant   {sim}  (simulated)")));
        for connection in &self.connections {
            lines.push(format!("  User     {}", connection.user));
            lines.extend(
                connection.password.iter().map(|password| format!("  Password {password}")),
            );
        }
        lines.push("Stop with Ctrl-C.".to_owned());
        lines.join("\n")
    }
}

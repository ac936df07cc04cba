//! `footbridge consent-url`: the link for the administrator.

use anyhow::anyhow;
use clap::Args;

use super::{UseArgument, print};
use crate::app;
use crate::auth::consent::admin_consent_url;
use crate::auth::scopes::{Needs, Ownership};
use crate::config::Config;

#[derive(Args, Debug)]
pub(super) struct ConsentUrl {
    #[arg(long = "use", value_enum, default_value_t = UseArgument::Both)]
    purpose: UseArgument,
    /// The organisation's tenant id or domain, if it is not the configured one.
    #[arg(long, value_name = "T")]
    tenant: Option<String>,
    /// For shared mailboxes (`connection add --mailbox`).
    #[arg(long)]
    shared: bool,
}

pub(super) fn run(config: &Config, wanted: &ConsentUrl) -> anyhow::Result<()> {
    let mailbox = if wanted.shared { Ownership::Shared } else { Ownership::Own };
    let needs = Needs { purpose: wanted.purpose.into(), mailbox };
    if config.cloud.client_id.is_empty() {
        return Err(anyhow!(
            "cloud.client_id is not set: register an application first (docs/entra-app-registration.md)"
        ));
    }
    let url = admin_consent_url(&app::cloud(&config.cloud), needs, wanted.tenant.as_deref());
    print(&url.ok_or_else(|| anyhow!("cloud.login is not a URL"))?)
}

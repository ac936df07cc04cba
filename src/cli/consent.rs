//! `footbridge consent-url`: the link for the administrator, and what came of it.

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::browser::{self, Opening};
use super::sign_in::pasted;
use super::{UseArgument, print};
use crate::app;
use crate::auth::Cloud;
use crate::auth::consent::{ConsentError, ConsentRequest, Consented};
use crate::auth::scopes::{Needs, Ownership};
use crate::auth::sign_in::{Loopback, Page};
use crate::clock::Clock;
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
    /// The administrator is at this machine: open the link, wait, and say what came of it.
    #[arg(long, conflicts_with = "paste")]
    wait: bool,
    /// The link is opened elsewhere: read the address that the browser there ended on from standard
    /// input, and say what it means.
    #[arg(long)]
    paste: bool,
    /// With --wait: print the address instead of opening it.
    #[arg(long, requires = "wait")]
    no_browser: bool,
    /// With --wait: give up if nobody has consented after so long.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    timeout: u64,
    #[arg(long)]
    json: bool,
}

pub(super) const AFTER_HELP: &str = "\
Without --wait the link can be opened anywhere. After the consent that browser says that it cannot
connect to localhost; that is expected: if its address bar shows admin_consent=True and no error=,
all is done. Paste that address into --paste to be sure.

Example: footbridge consent-url --use both --tenant contoso.com --wait";

pub(super) async fn run(config: &Config, wanted: &ConsentUrl) -> anyhow::Result<()> {
    super::sign_in::check(config)?;
    let cloud = app::cloud(&config.cloud);
    let mailbox = if wanted.shared { Ownership::Shared } else { Ownership::Own };
    let needs = Needs { purpose: wanted.purpose.into(), mailbox };
    if wanted.wait {
        return waited(&cloud, needs, wanted).await;
    }
    let request = ConsentRequest::to_send(&cloud, needs, wanted.tenant.as_deref())?;
    match (wanted.paste, wanted.json) {
        (true, _) => {
            print(&format!("open: {}", request.url))?;
            report(wanted, needs, request.pasted(&pasted().await?))
        }
        (false, true) => print(&json!({"url": request.url}).to_string()),
        (false, false) => print(&request.url),
    }
}

async fn waited(cloud: &Cloud, needs: Needs, wanted: &ConsentUrl) -> anyhow::Result<()> {
    let loopback = Loopback::bind().await.context("no port for the browser's answer")?;
    let request = ConsentRequest::to_open(cloud, needs, wanted.tenant.as_deref(), &loopback)?;
    print(&format!("open: {}", request.url))?;
    let (limit, clock) = (Duration::from_secs(wanted.timeout), Clock::system());
    let (outcome, ending) = tokio::select! {
        heard = request.wait(loopback, limit, &clock) => heard,
        never = browser::show(&request.url, Opening::unless(wanted.no_browser)) => match never {},
    };
    let page = match &outcome {
        Ok(consented) => Page::consented(&consented.tenant),
        Err(error) => Page::not_consented(&error.to_string()),
    };
    let reported = report(wanted, needs, outcome);
    if let Some(ending) = ending {
        ending.show(&page, &clock).await;
    }
    reported
}

fn report(
    wanted: &ConsentUrl,
    needs: Needs,
    outcome: Result<Consented, ConsentError>,
) -> anyhow::Result<()> {
    let consented = match outcome {
        Ok(consented) => consented,
        Err(error) => {
            if wanted.json {
                let codes = error.entra().map(|error| error.error_codes.clone());
                let line = json!({"consented": false, "error": error.to_string(), "codes": codes});
                print(&line.to_string())?;
            }
            return Err(error.into());
        }
    };
    let Consented { tenant, granted } = &consented;
    // An answer that lists nothing tells nothing.
    let missing = if granted.is_empty() { Vec::new() } else { needs.missing(granted) };
    if wanted.json {
        let (granted, tenant) = (granted.names(), tenant.as_str());
        let line =
            json!({"consented": true, "tenant": tenant, "granted": granted, "missing": missing});
        return print(&line.to_string());
    }
    let mut text = format!("consent recorded for the organisation {tenant}");
    if !missing.is_empty() {
        text += &format!("\nnot in it: {}; check --use and --shared", missing.join(" and "));
    }
    print(&format!("{text}\nnow run: footbridge connection add ADDRESS (or sign-in ADDRESS)"))
}

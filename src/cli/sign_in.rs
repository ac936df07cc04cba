//! A person's sign-in, driven from the command line.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};
use tokio::sync::oneshot;

use super::{print, prompt};
use crate::app;
use crate::auth::scopes::Needs;
use crate::auth::sign_in::{Loopback, Redirect, SignIn, SignInError, SignedInAs};
use crate::clock::Clock;
use crate::config::{self, Config};

#[derive(Args, Clone, Debug)]
pub(super) struct SignInArguments {
    /// browser: a browser on this machine. paste: a browser elsewhere, and its address bar copied
    /// back. device: a code typed elsewhere.
    #[arg(long, value_enum, default_value_t = Way::Browser)]
    sign_in: Way,
    /// Print the address instead of opening it.
    #[arg(long)]
    no_browser: bool,
    /// Give up if nobody has signed in after so long.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    timeout: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    Browser,
    Device,
    Paste,
}

/// Where a pasted sign-in ends: the registered address, where nothing needs to listen.
const NOWHERE: &str = "http://localhost";

/// Who is to sign in, and for what.
pub(super) struct Wanted<'a> {
    pub(super) account: &'a str,
    pub(super) needs: Needs,
    /// What the service demanded of the next sign-in.
    pub(super) challenge: Option<String>,
    /// The account's tenant, if it has signed in before.
    pub(super) tenant_id: Option<String>,
}

/// Nobody is sent to Microsoft without an application.
pub(super) fn check(config: &Config) -> anyhow::Result<()> {
    match config.cloud.client_id.is_empty() {
        true => Err(anyhow!(
            "cloud.client_id is not set: register an application first (docs/entra-app-registration.md)"
        )),
        false => Ok(()),
    }
}

pub(super) async fn run(
    config: &Config,
    arguments: &SignInArguments,
    wanted: Wanted<'_>,
) -> anyhow::Result<SignedInAs> {
    check(config)?;
    let Wanted { account, needs, challenge, tenant_id } = wanted;
    let clock = Clock::system();
    let http = app::http_client(config, clock.clone())?;
    let cloud = app::cloud(&config.cloud);
    let account = account.to_owned();
    let sign_in = SignIn { http, cloud, needs, account, challenge, tenant_id };
    let limit = Duration::from_secs(arguments.timeout);
    let work = Box::pin(by(&sign_in, arguments, &clock, limit));
    let done = clock.timeout(limit, work).await;
    let done = done.unwrap_or_else(|_| Err(SignInError::TimedOut(limit).into()));
    done.map_err(|error| match error.downcast_ref::<SignInError>() {
        Some(reason) => anyhow!(sign_in.told(reason)),
        None => error,
    })
}

async fn by(
    sign_in: &SignIn,
    arguments: &SignInArguments,
    clock: &Clock,
    limit: Duration,
) -> anyhow::Result<SignedInAs> {
    match arguments.sign_in {
        Way::Device => {
            let show = |prompt: &crate::auth::sign_in::DevicePrompt| {
                // If nobody reads standard output, the code will expire.
                let _ = print(&format!("open: {}\ncode: {}", prompt.open, prompt.code));
            };
            Ok(sign_in.by_device(show).await?)
        }
        Way::Paste => {
            let attempt = sign_in.begin(NOWHERE)?;
            print(&format!("open: {}", attempt.url))?;
            let text = pasted().await?;
            Ok(sign_in.finish(attempt, Redirect::pasted(&text)?).await?)
        }
        Way::Browser => {
            let loopback = Loopback::bind().await.context("no port for the browser's answer")?;
            let attempt = sign_in.begin(&loopback.redirect_uri())?;
            print(&format!("open: {}", attempt.url))?;
            if !arguments.no_browser {
                open(&attempt.url);
            }
            let (redirect, visitor) = loopback.wait(&attempt, limit, clock).await?;
            match sign_in.finish(attempt, redirect).await {
                Ok(done) => {
                    visitor.confirm(&done.identity.address).await;
                    Ok(done)
                }
                Err(error) => {
                    visitor.explain(&error).await;
                    Err(error.into())
                }
            }
        }
    }
}

/// A thread of its own: a read that is not answered must not keep the process from ending.
pub(super) async fn pasted() -> anyhow::Result<String> {
    let (tell, told) = oneshot::channel();
    std::thread::spawn(move || {
        let question = "paste the address that the browser ended on (or the error that it shows): ";
        tell.send(prompt::line(question))
    });
    told.await?
}

/// Best effort: the address is printed as well.
pub(super) fn open(url: &str) {
    if !config::has_display() {
        return;
    }
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(opener);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = command.spawn() {
        tracing::info!(%error, "no browser could be opened; open the address by hand");
    }
}

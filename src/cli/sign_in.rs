//! A person's sign-in, driven from the command line.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};
use tokio::sync::oneshot;

use super::{print, prompt};
use crate::app;
use crate::auth::consent::admin_consent_url;
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

/// Signs in as `account`; `challenge` is what the service demanded of the next sign-in.
pub(super) async fn run(
    config: &Config,
    arguments: &SignInArguments,
    account: &str,
    needs: Needs,
    challenge: Option<String>,
) -> anyhow::Result<SignedInAs> {
    if config.cloud.client_id.is_empty() {
        return Err(anyhow!(
            "cloud.client_id is not set: register an application first (docs/entra-app-registration.md)"
        ));
    }
    let clock = Clock::system();
    let http = app::http_client(config, clock.clone())?;
    let cloud = app::cloud(&config.cloud);
    let sign_in = SignIn { http, cloud, needs, account: account.to_owned(), challenge };
    let limit = Duration::from_secs(arguments.timeout);
    let work = Box::pin(by(&sign_in, arguments, &clock, limit));
    let done = clock.timeout(limit, work).await;
    let done = done.unwrap_or_else(|_| Err(SignInError::TimedOut(limit).into()));
    done.map_err(|error| with_link(error, &sign_in))
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
async fn pasted() -> anyhow::Result<String> {
    let (tell, told) = oneshot::channel();
    std::thread::spawn(move || {
        let question = "paste the address that the browser ended on: ";
        tell.send(prompt::line(question))
    });
    told.await?
}

/// Best effort: the address is printed as well.
fn open(url: &str) {
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

/// What an administrator can lift is followed by the link for the administrator. A sign-in that
/// timed out may have been that, too: Microsoft's page does not lead back here then.
fn with_link(error: anyhow::Error, sign_in: &SignIn) -> anyhow::Error {
    let Some(reason) = error.downcast_ref::<SignInError>() else { return error };
    if !reason.wants_admin() && !matches!(reason, SignInError::TimedOut(_)) {
        return error;
    }
    let Some(link) = admin_consent_url(&sign_in.cloud, sign_in.needs, None) else { return error };
    let text = match reason {
        SignInError::TimedOut(_) => "if the page asks for an administrator's approval",
        _ => "an administrator can consent for everyone",
    };
    anyhow!("{error:#}\n{text}, send this link: {link}\nand sign in again afterwards")
}

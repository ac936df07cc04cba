//! A person's sign-in, driven from the command line.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};
use tokio::sync::oneshot;

use super::browser::{self, Opening};
use super::{print, prompt};
use crate::app;
use crate::auth::scopes::Needs;
use crate::auth::sign_in::{Ending, Loopback, Page, Redirect, SignIn, SignInError, SignedInAs};
use crate::clock::Clock;
use crate::config::Config;

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

/// Signs in, and has `keep` store and report it; what it answers is what was not granted. The
/// browser is told the end of all that, not of the sign-in alone.
pub(super) async fn run(
    config: &Config,
    arguments: &SignInArguments,
    wanted: Wanted<'_>,
    keep: impl AsyncFnOnce(SignedInAs) -> anyhow::Result<Vec<&'static str>>,
) -> anyhow::Result<()> {
    check(config)?;
    let Wanted { account, needs, challenge, tenant_id } = wanted;
    let clock = Clock::system();
    let http = app::http_client(config, clock.clone())?;
    let cloud = app::cloud(&config.cloud);
    let account = account.to_owned();
    let sign_in = SignIn { http, cloud, needs, account, challenge, tenant_id };
    let limit = Duration::from_secs(arguments.timeout);
    let mut ending = None;
    let work = Box::pin(by(&sign_in, arguments, &clock, &mut ending));
    let done = clock.timeout(limit, work).await;
    let done = match done.unwrap_or_else(|_| Err(SignInError::TimedOut(limit).into())) {
        Ok(signed_in) => {
            let address = signed_in.identity.address.clone();
            keep(signed_in).await.map(|missing| Page::success(&address, &missing))
        }
        Err(error) => Err(error),
    };
    let done = done.map_err(|error| match error.downcast_ref::<SignInError>() {
        Some(reason) => anyhow!(sign_in.told(reason)),
        None => error,
    });
    if let Some(ending) = ending {
        let page = match &done {
            Ok(page) => page,
            Err(error) => &Page::failure(&format!("{error:#}")),
        };
        ending.show(page, &clock).await;
    }
    done.map(drop)
}

/// `ending` is left behind if a browser waits for the outcome.
async fn by(
    sign_in: &SignIn,
    arguments: &SignInArguments,
    clock: &Clock,
    ending: &mut Option<Ending>,
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
            let limit = Duration::from_secs(arguments.timeout);
            let opening = Opening::unless(arguments.no_browser);
            let (redirect, left) = tokio::select! {
                answered = loopback.wait(&attempt, limit, clock) => answered?,
                never = browser::show(&attempt.url, opening) => match never {},
            };
            *ending = Some(left);
            Ok(sign_in.finish(attempt, redirect).await?)
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

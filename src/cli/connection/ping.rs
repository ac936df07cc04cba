//! `connection ping`: is it the token, the permissions, the mailbox, or the way to it?

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use tokio::net::TcpStream;

use super::steps::{Report, Trouble};
use super::{existing, list, needs};
use crate::app;
use crate::auth::oauth::{self, Grant, NoGrant};
use crate::auth::password::HashedPassword;
use crate::auth::scopes::{Granted, Reading};
use crate::auth::{AccessToken, FileVault, Lapse, TokenVault as _, is_stale};
use crate::cli::print;
use crate::cli::vaults::Vaults;
use crate::clock::Clock;
use crate::config::Config;
use crate::config::connections::{Connection, ConnectionUse, Connections};
use crate::http::{Failure, HttpClient, MailboxHttp, Patience, Request, Tokens, Urgency};
use crate::mailbox::{Address, Outcome, Timestamp};

#[derive(Args, Debug)]
pub(in crate::cli) struct Ping {
    #[arg(required_unless_present = "all")]
    address: Option<String>,
    #[arg(long)]
    all: bool,
    #[arg(long)]
    json: bool,
    /// Send a short test message to this address.
    #[arg(long, value_name = "TO")]
    send_test: Option<String>,
}

/// One connection under test.
struct Probe<'a> {
    config: &'a Config,
    connection: &'a Connection,
    clock: Clock,
    http: HttpClient,
    vault: FileVault,
    report: Report,
}

/// The one token of this test; if it is refused, that is the answer.
#[derive(Debug)]
struct Held(AccessToken);

/// A local port answers at once or not at all.
const LOCAL_WITHIN: Duration = Duration::from_secs(2);

pub(super) async fn run(config: &Config, wanted: Ping) -> anyhow::Result<()> {
    let connections = match &wanted.address {
        Some(address) => vec![existing(config, address)?],
        None => Connections::load(&config.state_dir)?.list,
    };
    let send_test = wanted
        .send_test
        .as_deref()
        .map(|to| Address::new(to).ok_or_else(|| anyhow!("{to:?} is not a mail address")));
    let send_test = send_test.transpose()?;
    let vaults = Vaults::unlock(config)?;
    let mut failed = Vec::new();
    for connection in &connections {
        let clock = Clock::system();
        let user = connection.user();
        let probe = Probe {
            config,
            connection,
            http: app::http_client(config, clock.clone())?,
            clock,
            vault: vaults.of(&user),
            report: Report::new(&connection.address, &user),
        };
        let report = probe.run(send_test.as_ref()).await?;
        if wanted.json {
            print(&serde_json::to_string(&report)?)?;
        } else {
            print(&report.text())?;
        }
        failed.extend((!report.ok).then_some(user));
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(anyhow!("not ok: {}", failed.join(", "))),
    }
}

impl Probe<'_> {
    async fn run(mut self, send_test: Option<&Address>) -> anyhow::Result<Report> {
        let before = (self.vault.saved_at(), list::lapse(self.config, self.connection));
        let started = self.clock.instant();
        let grant = self.token().await;
        let took = self.clock.instant().since(started);
        match grant {
            Err(trouble) => {
                self.report.set("token", took, Err(trouble));
                self.warn_of_age(before.0);
            }
            Ok(grant) => {
                self.report.set("token", took, Ok(()));
                self.with_token(grant, send_test).await?;
            }
        }
        self.warn_of_lapse(before.1);
        let started = self.clock.instant();
        let local = self.local().await;
        self.report.set("local", self.clock.instant().since(started), local);
        Ok(self.report)
    }

    /// A refresh that fails once may be a bad line; one that fails for days is not.
    fn warn_of_age(&mut self, renewed: Option<Timestamp>) {
        if let Some(renewed) = renewed.filter(|at| is_stale(*at, self.clock.now())) {
            let since = text_of(renewed);
            self.report.warn(format!("no token refresh has succeeded since {since}"));
        }
    }

    /// Says how long the sign-in lasts now, and whether it nearly lapsed before this test renewed it.
    fn warn_of_lapse(&mut self, before: Lapse) {
        let now = self.clock.now();
        self.report.last_refresh = self.vault.saved_at().map(text_of);
        self.report.days_left = list::lapse(self.config, self.connection).days_left(now);
        if let Some(days) = before.days_left(now).filter(|_| before.is_near(now)) {
            self.report.warn(format!(
                "the sign-in had {days} of 90 days left when this test began: leave the bridge running, or ping at least once a month"
            ));
        }
    }

    /// Renews the token as the bridge does, under the same lock, so that a running one is not disturbed.
    async fn token(&self) -> Result<Grant, Trouble> {
        let vault = |error: crate::auth::VaultError| {
            let cure = "give the key that the connection was added with, or sign in anew: footbridge connection add ADDRESS --replace";
            Trouble::new(error.to_string(), cure)
        };
        let _lock = self.vault.lock().await.map_err(vault)?;
        let token = self.vault.load().await.map_err(vault)?;
        let token = token.ok_or(NoGrant::NOBODY)?;
        let cloud = app::cloud(&self.config.cloud);
        let demanded = self.vault.demanded().await.map_err(vault)?;
        let grant = oauth::refresh(&self.http, &cloud, &token, demanded.as_deref()).await?;
        // Stored even if it is the old one: by the date of that it is known when it was last used.
        let refresh = grant.refresh.as_ref().unwrap_or(&token);
        self.vault.save(refresh).await.map_err(vault)?;
        Ok(grant)
    }

    async fn with_token(
        &mut self,
        grant: Grant,
        send_test: Option<&Address>,
    ) -> anyhow::Result<()> {
        let granted = Granted::new(&grant.scopes);
        let scopes = self.scopes(&granted);
        self.report.set("scopes", Duration::ZERO, scopes);
        let root = app::cloud(&self.config.cloud).graph_root();
        let http = MailboxHttp::new(self.http.clone(), &root, Arc::new(Held(grant.access)))?;
        let patience = http.patience(Urgency::Interactive);
        let prefix = match &self.connection.mailbox {
            Some(mailbox) => format!("/users/{mailbox}"),
            None => "/me".to_owned(),
        };
        let me = format!("{prefix}?$select=id,displayName,mail,userPrincipalName");
        // A shared mailbox is no person whose entry User.Read opens; its folder tells enough.
        if self.connection.mailbox.is_none() && !self.get("mailbox", &http, patience, me).await {
            return Ok(());
        }
        if granted.reading() != Reading::No {
            let inbox = format!("{prefix}/mailFolders/inbox?$select=id,displayName");
            self.get("folder", &http, patience, inbox).await;
        }
        if self.connection.purpose != ConnectionUse::Source {
            let started = self.clock.instant();
            let sent = match send_test {
                Some(to) => self.send(&http, patience, &prefix, to).await,
                None => may_send(&granted),
            };
            self.report.set("send", self.clock.instant().since(started), sent);
        }
        Ok(())
    }

    fn scopes(&self, granted: &Granted) -> Result<(), Trouble> {
        let missing = needs(self.connection).missing(granted);
        if missing.is_empty() {
            return Ok(());
        }
        let held = match granted.reading() {
            Reading::ReadOnly => "; folders are served read-only",
            _ => "",
        };
        Err(Trouble::new(
            format!("not granted: {}{held}", missing.join(" and ")),
            "send an administrator the link of: footbridge consent-url; then run: footbridge connection sign-in",
        ))
    }

    async fn get(
        &mut self,
        step: &'static str,
        http: &MailboxHttp,
        patience: Patience,
        path: String,
    ) -> bool {
        let started = self.clock.instant();
        let answer = http.bytes(&Request::get("GET for ping", path), patience).await;
        let outcome = answer.map(drop).map_err(|failure| self.refused(failure));
        self.report.set(step, self.clock.instant().since(started), outcome)
    }

    async fn send(
        &self,
        http: &MailboxHttp,
        patience: Patience,
        prefix: &str,
        to: &Address,
    ) -> Result<(), Trouble> {
        let from = self.connection.mailbox.as_ref().unwrap_or(&self.connection.address);
        let id = uuid::Uuid::new_v4();
        let message = format!(
            "From: <{from}>\r\nTo: <{}>\r\nSubject: Footbridge test\r\nMessage-ID: <{id}@footbridge.invalid>\r\n\
             Content-Type: text/plain; charset=us-ascii\r\n\r\nThis message was sent by: footbridge connection ping --send-test\r\n",
            to.as_str()
        );
        let request = Request::post("POST sendMail", format!("{prefix}/sendMail"))
            .expect(&[202])
            .text(STANDARD.encode(message));
        http.done(&request, patience).await.map_err(|failure| self.refused(failure))
    }

    fn refused(&self, failure: Failure) -> Trouble {
        Trouble::of_request(failure, needs(self.connection).mailbox)
    }

    /// Whether a mail client could log in here: a password for it, and someone who listens.
    async fn local(&self) -> Result<(), Trouble> {
        let passwords = &self.connection.passwords;
        if passwords.is_empty() {
            return Err(Trouble::new("there is no local password", "run: footbridge password add"));
        }
        if !passwords.iter().any(|password| overlap(self.connection.purpose, password.purpose)) {
            return Err(Trouble::new(
                "no local password is for what the connection is for",
                "run: footbridge password add (with --use as the connection has it)",
            ));
        }
        if passwords.iter().any(|password| HashedPassword::parse(&password.hash).is_none()) {
            return Err(Trouble::new(
                "a local password's hash is damaged",
                "revoke it and add a new one (footbridge password list)",
            ));
        }
        let listeners = self.config.addresses();
        for address in listeners.into_iter().filter(|address| address.port() != 0) {
            let reached = self.clock.timeout(LOCAL_WITHIN, TcpStream::connect(address)).await;
            if !matches!(reached, Ok(Ok(_))) {
                return Err(Trouble::new(
                    format!("nobody listens at {address}"),
                    "start the bridge: footbridge serve",
                ));
            }
        }
        Ok(())
    }
}

fn overlap(connection: ConnectionUse, password: ConnectionUse) -> bool {
    connection == password || connection == ConnectionUse::Both || password == ConnectionUse::Both
}

fn text_of(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.0).map(|at| at.to_string()).unwrap_or_default()
}

fn may_send(granted: &Granted) -> Result<(), Trouble> {
    if granted.has("Mail.Send") || granted.has("Mail.Send.Shared") {
        return Ok(());
    }
    Err(Trouble::new(
        "the permission to send was not granted",
        "send an administrator the link of: footbridge consent-url; then run: footbridge connection sign-in",
    ))
}

#[async_trait]
impl Tokens for Held {
    async fn access_token(&self) -> Outcome<AccessToken> {
        Ok(self.0.clone())
    }

    fn reject(&self, _: &AccessToken) {}
}

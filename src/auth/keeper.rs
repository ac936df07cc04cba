//! One task per connection that keeps its access token fresh.
//!
//! The task alone talks to the token endpoint, so refreshes never run twice at once. Each refresh
//! starts from what the vault holds, so a refresh token is always stored before it is used. Shutdown
//! waits for a refresh that is under way: its answer may hold the only token that is still good.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, info, info_span, warn};

use super::oauth::{self, Cloud, Grant, NoGrant};
use super::{
    AccessToken, Owner, Secret, SignInState, SignInStatus, TokenVault, VaultError, VaultLock,
    claims, is_stale,
};
use crate::clock::{Clock, Instant};
use crate::http::{HttpClient, Tokens};
use crate::mailbox::{Fault, Kind, Outcome, Timestamp};

#[derive(Clone, Debug)]
pub struct KeeperLimits {
    /// How long before its end a token is renewed (reference A.2).
    pub early: Duration,
    /// How long a request waits for a token before it fails.
    pub patience: Duration,
    /// First pause after a failed refresh; doubles each time.
    pub first_back_off: Duration,
    /// Longest pause after a failed refresh: the network may be back any moment.
    pub longest_back_off: Duration,
    /// A token refused sooner than this after it was issued was refused for no fault of its age.
    pub young: Duration,
    /// How many young tokens may be refused in a row before refreshes slow down: Entra locks out
    /// clients that loop (AADSTS50196).
    pub young_refusals: u32,
}

/// What a keeper works with.
#[derive(Clone, Debug)]
pub struct Keeper {
    /// The connection's address, for the log.
    pub address: String,
    pub owner: Owner,
    pub http: HttpClient,
    pub cloud: Cloud,
    pub vault: Arc<dyn TokenVault>,
    pub limits: KeeperLimits,
    pub shutdown: CancellationToken,
}

/// The handle to a running keeper.
#[derive(Clone, Debug)]
pub struct TokenSource(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    patience: Duration,
    held: Mutex<Option<Held>>,
    /// What the next token has to satisfy (reference A.5), until one does.
    challenge: Mutex<Option<String>>,
    status: watch::Sender<SignInStatus>,
    /// Someone waits for a token.
    wanted: Notify,
    /// The present token was refused.
    refused: Notify,
    /// Someone signed in.
    signed_in: Notify,
}

#[derive(Debug)]
struct Held {
    token: AccessToken,
    until: Instant,
}

struct Task {
    keeper: Keeper,
    shared: Arc<Shared>,
    tracker: TaskTracker,
    failures: u32,
    young_refusals: u32,
    /// When it was last said that the sign-in is not renewed.
    warned: Option<Timestamp>,
}

/// One refresh, alone with the vault.
struct Renewal {
    lock: VaultLock,
    http: HttpClient,
    cloud: Cloud,
    vault: Arc<dyn TokenVault>,
    challenge: Option<String>,
}

/// What a refresh brought, with the vault still locked.
struct Renewed {
    _lock: VaultLock,
    grant: Grant,
    received: Instant,
    /// Set if the new refresh token could not be stored.
    unstored: Option<Secret>,
}

impl Keeper {
    /// Starts the task; it ends at shutdown.
    pub fn start(self, tracker: &TaskTracker) -> TokenSource {
        let status = SignInStatus::new(self.vault.saved_at(), self.owner);
        let now = self.http.clock().now();
        if status.lapse().is_near(now) {
            let sign_in = status.lapse().words(now);
            warn!(connection = self.address, sign_in, "the sign-in was not used for long");
        }
        let shared = Arc::new(Shared {
            clock: self.http.clock().clone(),
            patience: self.limits.patience,
            held: Mutex::default(),
            challenge: Mutex::default(),
            status: watch::Sender::new(status),
            wanted: Notify::new(),
            refused: Notify::new(),
            signed_in: Notify::new(),
        });
        let shutdown = self.shutdown.clone();
        let span = info_span!("keeper", connection = self.address);
        let mut task = Task {
            keeper: self,
            shared: Arc::clone(&shared),
            tracker: tracker.clone(),
            failures: 0,
            young_refusals: 0,
            warned: None,
        };
        let work = async move {
            shutdown.run_until_cancelled_owned(Box::pin(task.keep())).await;
        };
        tracker.spawn(work.instrument(span));
        TokenSource(shared)
    }
}

impl TokenSource {
    /// The vault holds another refresh token, or none: what was made of the old one is dropped.
    pub fn renew(&self) {
        *self.0.held() = None;
        self.0.tell(SignInState::Refreshing);
        self.0.refused.notify_one();
        self.signed_in();
    }

    /// The vault holds a new refresh token: a person signed in.
    pub fn signed_in(&self) {
        self.0.signed_in.notify_one();
    }

    /// Days that the sign-in lasts without use, where that can be known.
    pub fn days_left(&self) -> Option<i64> {
        self.0.status.borrow().lapse().days_left(self.0.clock.now())
    }

    /// The present state, and a way to learn of its changes.
    pub fn status(&self) -> watch::Receiver<SignInStatus> {
        self.0.status.subscribe()
    }
}

#[async_trait]
impl Tokens for TokenSource {
    async fn access_token(&self) -> Outcome<AccessToken> {
        let mut status = self.0.status.subscribe();
        let wait = self.0.clock.timeout(self.0.patience, self.0.fresh(&mut status)).await;
        wait.unwrap_or_else(|_| {
            let cause = match &status.borrow().state {
                SignInState::Troubled { cause } => cause.clone(),
                _ => "the token endpoint does not answer".to_owned(),
            };
            Err(Fault::from(Kind::Unreachable).because(cause).because("no access token"))
        })
    }

    fn reject(&self, token: &AccessToken) {
        let mut held = self.0.held();
        if held.as_ref().is_some_and(|held| held.token == *token) {
            *held = None;
            drop(held);
            self.0.status.send_modify(|status| status.state = SignInState::Refreshing);
            self.0.refused.notify_one();
        }
    }

    fn challenge(&self, token: &AccessToken, claims: &str) {
        *self.0.demanded() = claims::decoded(claims);
        self.reject(token);
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn demanded(&self) -> MutexGuard<'_, Option<String>> {
        self.challenge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Option<AccessToken> {
        let now = self.clock.instant();
        self.held().as_ref().filter(|held| held.until > now).map(|held| held.token.clone())
    }

    async fn fresh(&self, status: &mut watch::Receiver<SignInStatus>) -> Outcome<AccessToken> {
        loop {
            // The state is read before the token, which is set before the state: nothing is missed.
            let state = status.borrow_and_update().state.clone();
            if let Some(token) = self.current() {
                return Ok(token);
            }
            if let SignInState::NeedsSignIn { cause } = state {
                return Err(Fault::from(Kind::SignInNeeded).because(cause));
            }
            self.wanted.notify_one();
            if status.changed().await.is_err() {
                return Err(Fault::from(Kind::Unreachable).because("shutting down"));
            }
        }
    }

    fn tell(&self, state: SignInState) {
        self.status.send_modify(|status| status.state = state);
    }
}

impl Task {
    async fn keep(&mut self) {
        loop {
            match self.renew().await {
                Ok(renew_in) => self.until_due(renew_in).await,
                Err(reason @ (NoGrant::SignIn(_) | NoGrant::Nothing(_))) => {
                    let cause = reason.to_string();
                    warn!(cause, "sign-in needed");
                    self.failed();
                    *self.shared.held() = None;
                    self.shared.tell(SignInState::NeedsSignIn { cause });
                    self.shared.signed_in.notified().await;
                    *self.shared.demanded() = None;
                    self.shared.tell(SignInState::Refreshing);
                }
                Err(NoGrant::Passing { cause, retry_after, .. }) => {
                    warn!(cause, "token refresh failed, will be tried again");
                    self.failed();
                    self.warn_of_lapse();
                    self.shared.tell(SignInState::Troubled { cause });
                    self.wait_to_retry(retry_after).await;
                }
            }
        }
    }

    /// One refresh: another process with the same connection waits, and then starts from what this
    /// one has stored. Only the waiting ends with the task; the rest is a task of its own.
    async fn renew(&mut self) -> Result<Duration, NoGrant> {
        let Keeper { http, cloud, vault, .. } = &self.keeper;
        let renewal = Renewal {
            lock: vault.lock().await.map_err(unread)?,
            http: http.clone(),
            cloud: cloud.clone(),
            vault: Arc::clone(vault),
            challenge: self.shared.demanded().clone(),
        };
        let renewing = self.tracker.spawn(renewal.run().in_current_span());
        let renewed = renewing
            .await
            .unwrap_or_else(|_| Err(NoGrant::passing("the refresh broke off".to_owned(), None)))?;
        *self.shared.demanded() = None;
        self.failures = 0;
        Ok(self.publish(renewed).await)
    }

    fn failed(&self) {
        self.shared.status.send_modify(|status| status.refreshes.failed += 1);
    }

    /// Once a day while no refresh succeeds: each failure by itself looks harmless.
    fn warn_of_lapse(&mut self) {
        let now = self.shared.clock.now();
        let status = self.shared.status.borrow();
        let Some(renewed) = status.renewed else { return };
        let is_said = self.warned.is_some_and(|warned| !is_stale(warned, now));
        if !is_stale(renewed, now) || is_said {
            return;
        }
        self.warned = Some(now);
        let sign_in = status.lapse().words(now);
        warn!(renewed = renewed.0, sign_in, "no token refresh has succeeded for a day");
    }

    /// Hands out the access token. A vault that cannot be written must not stop the mail: but then no
    /// refresh happens, here or elsewhere, until it can be written again. Answers how long the access
    /// token may be used.
    async fn publish(&mut self, renewed: Renewed) -> Duration {
        let Renewed { grant, received, unstored, .. } = &renewed;
        let early = self.keeper.limits.early.min(grant.expires_in / 2);
        let renew_in = grant.expires_in.saturating_sub(early);
        let until = received.plus(grant.expires_in);
        *self.shared.held() = Some(Held { token: grant.access.clone(), until });
        let now = self.shared.clock.now();
        self.shared.status.send_modify(|status| status.refreshed(now, &grant.scopes));
        info!(seconds = grant.expires_in.as_secs(), "access token refreshed");
        if let Some(token) = unstored {
            self.store_at_last(token).await;
        }
        renew_in.saturating_sub(self.shared.clock.instant().since(*received))
    }

    async fn store_at_last(&mut self, token: &Secret) {
        loop {
            self.shared.clock.sleep(self.back_off()).await;
            self.failures += 1;
            if store(self.keeper.vault.as_ref(), token).await {
                self.failures = 0;
                return;
            }
        }
    }

    /// Until the token should be renewed, or was refused.
    async fn until_due(&mut self, renew_in: Duration) {
        let issued = self.shared.clock.instant();
        tokio::select! {
            () = self.shared.clock.sleep(renew_in) => { self.young_refusals = 0; }
            () = self.shared.refused.notified() => {
                let age = self.shared.clock.instant().since(issued);
                let young = age < self.keeper.limits.young;
                self.young_refusals = if young { self.young_refusals + 1 } else { 0 };
            }
        }
        let excess = self.young_refusals.saturating_sub(self.keeper.limits.young_refusals);
        if excess > 0 {
            self.failures = excess;
            let pause = self.back_off();
            self.shared.clock.back_off(pause).await;
        }
    }

    async fn wait_to_retry(&mut self, retry_after: Option<Duration>) {
        // A service whose clock is behind ours names a moment that is over: that is no leave to hurry.
        let named = retry_after.unwrap_or_default().min(self.keeper.limits.longest_back_off);
        let pause = named.max(self.back_off());
        self.failures += 1;
        let started = self.shared.clock.instant();
        tokio::select! {
            () = self.shared.clock.sleep(pause) => {}
            () = self.shared.wanted.notified() => {
                let waited = self.shared.clock.instant().since(started);
                self.shared.clock.back_off(pause.saturating_sub(waited)).await;
            }
        }
    }

    /// Doubling, with jitter so that many connections that lost the network do not return as one.
    fn back_off(&self) -> Duration {
        let limits = &self.keeper.limits;
        let pause = limits.first_back_off.saturating_mul(1 << self.failures.min(16));
        let pause = pause.min(limits.longest_back_off);
        let random = getrandom::u32().unwrap_or(u32::MAX / 2);
        pause / 2 + (pause / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

impl Renewal {
    async fn run(self) -> Result<Renewed, NoGrant> {
        let Self { lock, http, cloud, vault, challenge } = self;
        let stored = vault.load().await.map_err(unread)?;
        let token = stored.ok_or(NoGrant::NOBODY)?;
        let challenge = match challenge {
            // A bridge that ran before, or runs elsewhere, may have heard of it.
            None => vault.demanded().await.map_err(unread)?,
            heard => heard,
        };
        let grant = match oauth::refresh(&http, &cloud, &token, challenge.as_deref()).await {
            Err(NoGrant::SignIn(error)) => {
                // Whoever signs in now, in whatever process, has to answer what was demanded here.
                let demanded = claims::joined(challenge.as_deref(), error.claims.as_deref());
                if let Some(demanded) = demanded {
                    vault.demand(&demanded).await.map_err(unread)?;
                }
                return Err(NoGrant::SignIn(error));
            }
            granted => granted?,
        };
        let received = http.clock().instant();
        // A token that stays good is stored again: by its date the vault knows when it was last used.
        let kept = grant.refresh.as_ref().unwrap_or(&token);
        let is_stored = store(vault.as_ref(), kept).await;
        let unstored = grant.refresh.clone().filter(|_| !is_stored);
        Ok(Renewed { _lock: lock, grant, received, unstored })
    }
}

async fn store(vault: &dyn TokenVault, token: &Secret) -> bool {
    let stored = vault.save(token).await;
    if let Err(error) = &stored {
        warn!(%error, "the new refresh token cannot be stored");
    }
    stored.is_ok()
}

fn unread(error: VaultError) -> NoGrant {
    match error {
        // Asking again would open it no better.
        VaultError::Shut { .. } => NoGrant::Nothing(error.to_string().into()),
        error => NoGrant::passing(error.to_string(), None),
    }
}

impl Default for KeeperLimits {
    fn default() -> Self {
        Self {
            early: Duration::from_secs(5 * 60),
            patience: Duration::from_secs(20),
            first_back_off: Duration::from_secs(1),
            longest_back_off: Duration::from_secs(5 * 60),
            young: Duration::from_secs(60),
            young_refusals: 3,
        }
    }
}

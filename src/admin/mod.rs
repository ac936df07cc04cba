//! The console: a page for people, three addresses for machines. Loopback only; it changes nothing.

mod metrics;
mod pages;

use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::account::{Account, QueueFigures};
use crate::auth::{SignInState, SignInStatus, TokenSource};
use crate::config::connections::ConnectionUse;
use crate::metrics::{Requests, Submissions};
use crate::net::Drain;

/// A connection as the console sees it.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The local user name.
    pub user: String,
    pub account: Account,
    pub tokens: TokenSource,
    pub requests: Arc<Requests>,
    pub purpose: ConnectionUse,
}

/// Replaced whole when a connection comes or goes.
pub type Watchlist = Arc<RwLock<Arc<Vec<Watched>>>>;

/// What can be said of a connection at a glance.
#[derive(Clone, Debug)]
pub struct Health {
    pub user: String,
    /// The folder tree and the inbox are known.
    pub ready: bool,
    pub sign_in: SignInStatus,
    /// Days that the sign-in lasts without use, where that can be known.
    pub days_left: Option<i64>,
    pub requests: Arc<Requests>,
    pub submissions: Arc<Submissions>,
    pub queue: QueueFigures,
}

impl Watched {
    fn health(&self) -> Health {
        let status = self.tokens.status().borrow().clone();
        Health {
            user: self.user.clone(),
            ready: match self.purpose {
                // Nothing is read for it.
                ConnectionUse::Outbound => status.last_refresh.is_some(),
                ConnectionUse::Source | ConnectionUse::Both => {
                    self.account.looks().borrow().good > 0
                }
            },
            sign_in: status,
            days_left: self.tokens.days_left(),
            requests: Arc::clone(&self.requests),
            submissions: self.account.submissions(),
            queue: self.account.queue_figures(),
        }
    }
}

type Connections = Watchlist;

/// Serves until shutdown begins.
pub async fn serve(listener: TcpListener, connections: Watchlist, drain: Drain) {
    let router = Router::new()
        .route("/", get(home))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(connections);
    let ending = async move { drain.begun().await };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(ending).await {
        tracing::error!(%error, "the console stopped");
    }
}

fn health(connections: &Connections) -> Vec<Health> {
    let watched = Arc::clone(&connections.read().unwrap_or_else(PoisonError::into_inner));
    watched.iter().map(Watched::health).collect()
}

async fn home(State(connections): State<Connections>) -> impl IntoResponse {
    // The page holds addresses of people: no other site may frame or read it.
    let guard =
        [(header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'")];
    (guard, Html(pages::home(&health(&connections))))
}

/// The process answers.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Every connection can be used.
async fn readyz(State(connections): State<Connections>) -> (StatusCode, String) {
    let waiting: Vec<String> = health(&connections).iter().filter_map(waits).collect();
    if waiting.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, waiting.concat())
}

/// What a connection waits for, if it does.
fn waits(health: &Health) -> Option<String> {
    let user = &health.user;
    if matches!(health.sign_in.state, SignInState::NeedsSignIn { .. }) {
        let command = sign_in_command(user);
        return Some(format!("waiting for {user}: sign-in needed; run: {command}\n"));
    }
    (!health.ready).then(|| format!("waiting for {user}\n"))
}

fn sign_in_command(user: &str) -> String {
    format!("footbridge connection sign-in {user}")
}

async fn metrics(State(connections): State<Connections>) -> impl IntoResponse {
    let format = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (format, metrics::text(&health(&connections)))
}

//! The console: a page for people, three addresses for machines. Loopback only; it changes nothing.

mod pages;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::account::Account;
use crate::auth::{SignInState, TokenSource};
use crate::net::Drain;

/// A connection as the console sees it.
#[derive(Clone, Debug)]
pub struct Watched {
    pub account: Account,
    pub tokens: TokenSource,
}

/// What can be said of a connection at a glance.
#[derive(Clone, Debug)]
pub struct Health {
    pub address: String,
    /// The folder tree and the inbox are known.
    pub ready: bool,
    pub sign_in: SignInState,
}

impl Watched {
    fn health(&self) -> Health {
        Health {
            address: self.account.address().to_string(),
            ready: self.account.looks().borrow().good > 0,
            sign_in: self.tokens.status().borrow().state.clone(),
        }
    }
}

type Connections = Arc<Vec<Watched>>;

/// Serves until shutdown begins.
pub async fn serve(listener: TcpListener, connections: Vec<Watched>, drain: Drain) {
    let router = Router::new()
        .route("/", get(home))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(connections));
    let ending = async move { drain.begun().await };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(ending).await {
        tracing::error!(%error, "the console stopped");
    }
}

fn health(connections: &Connections) -> Vec<Health> {
    connections.iter().map(Watched::health).collect()
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
    let waiting: Vec<String> = health(&connections)
        .into_iter()
        .filter(|health| !health.ready || matches!(health.sign_in, SignInState::NeedsSignIn { .. }))
        .map(|health| format!("waiting for {}\n", health.address))
        .collect();
    if waiting.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, waiting.concat())
}

async fn metrics(State(connections): State<Connections>) -> impl IntoResponse {
    let format = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (format, pages::metrics(&health(&connections)))
}

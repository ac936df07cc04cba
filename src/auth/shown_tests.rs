//! What `{:?}`, `{:#?}` and the texts of errors show: never a secret.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use oauth2::RequestTokenError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Owner;
use super::entra::{EntraError, EntraTokens};
use super::oauth::{Grant, NoGrant};
use super::password::{self, HashedPassword, VerifiedLogins};
use super::scopes::{Needs, Ownership};
use super::sign_in::{Redirect, SignIn, SignInError};
use super::wire::Seen;
use super::{
    AccessToken, Cloud, FileVault, Keeper, KeeperLimits, KeySources, MemoryVault, Secret,
    VaultError, VaultKey,
};
use crate::account::{Accounts, LocalPassword, Use};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::connections::{Connection, ConnectionUse, Connections, StoredPassword};
use crate::http::{HttpClient, HttpLimits, Reach};
use crate::mailbox::Timestamp;

/// Stands for every secret: a name that nothing else has.
const SECRET: &str = "xyzzy-4711-secret";

#[track_caller]
fn hides(value: &impl Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        assert!(!text.contains("xyzzy"), "{text}");
        // As a list of octets.
        assert!(!text.contains("120, 121, 122") && !text.contains("120,\n"), "{text}");
    }
}

#[track_caller]
fn says_nothing(error: &impl std::error::Error) {
    hides(error);
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text += &format!(" {inner} {inner:?}");
        source = inner.source();
    }
    assert!(!text.contains("xyzzy"), "{text}");
}

fn clock() -> Clock {
    Clock::manual(Timestamp(0))
}

fn cloud(login: &str) -> Cloud {
    Cloud {
        login: login.to_owned(),
        graph: login.to_owned(),
        resource: login.to_owned(),
        tenant: "organizations".to_owned(),
        client_id: "app".to_owned(),
    }
}

fn sign_in(login: &str) -> SignIn {
    SignIn {
        http: HttpClient::new(Reach::Loopback, clock(), HttpLimits::default()).unwrap(),
        cloud: cloud(login),
        needs: Needs { purpose: ConnectionUse::Both, mailbox: Ownership::Own },
        account: "ada@contoso.example".to_owned(),
        challenge: None,
        tenant_id: None,
    }
}

fn keeper() -> Keeper {
    let SignIn { http, cloud, account, .. } = sign_in("http://127.0.0.1:9");
    Keeper {
        address: account,
        owner: Owner::Organisation,
        http,
        cloud,
        vault: Arc::new(MemoryVault::holding(Secret::new(SECRET))),
        limits: KeeperLimits::default(),
        shutdown: CancellationToken::new(),
    }
}

#[test]
fn secrets_and_what_holds_them() {
    let secret = || Secret::new(SECRET);
    let key = VaultKey::new(Some(SECRET.repeat(2).as_bytes())).unwrap();
    let hash = HashedPassword::new(&secret());
    hides(&secret());
    hides(&AccessToken::new(SECRET));
    hides(&MemoryVault::holding(secret()));
    hides(&FileVault::within(Path::new("vault"), "ada", key));
    hides(&KeySources {
        secret: Some(secret()),
        passphrase: Some(secret()),
        ..KeySources::default()
    });
    hides(&password::generate());
    assert!(!format!("{hash:?}").contains("argon2"));
    let logins = VerifiedLogins::new();
    logins.remember("ada", &secret(), &hash);
    hides(&logins);
    let local = LocalPassword { hash: hash.clone(), purpose: Use::Both, device: None };
    assert!(!format!("{local:?} {:?}", Accounts::new()).contains("argon2"));
    let stored = StoredPassword {
        label: "printer".to_owned(),
        purpose: ConnectionUse::Both,
        hash: hash.as_str().to_owned(),
        ..StoredPassword::default()
    };
    let connection = Connection { passwords: vec![stored], ..Connection::default() };
    let connections = Connections { list: vec![connection] };
    assert!(!format!("{connections:?} {connections:#?}").contains("argon2"));
}

#[tokio::test]
async fn a_sign_in_under_way_and_what_came_of_it() {
    let sign_in = sign_in("http://127.0.0.1:9");
    let attempt = sign_in.begin("http://localhost").unwrap();
    let text = format!("{sign_in:?} {attempt:?} {attempt:#?}");
    for parameter in attempt.url.split(['?', '&']).filter(|part| !part.contains("://")) {
        let (name, value) = parameter.split_once('=').unwrap();
        if ["state", "nonce", "code_challenge"].contains(&name) {
            assert!(!text.contains(value), "{name} in {text}");
        }
    }
    hides(&Redirect::pasted(&format!("code={SECRET}&state={SECRET}")).unwrap());
    let not_one = Redirect::pasted(&format!("http://localhost/?code={SECRET}"));
    says_nothing(&not_one.unwrap_err());
    let tokens = serde_json::json!({
        "access_token": SECRET, "refresh_token": SECRET, "id_token": SECRET,
        "token_type": "Bearer", "expires_in": 3600,
    });
    let tokens: EntraTokens = serde_json::from_value(tokens).unwrap();
    hides(&tokens);
    hides(&Grant::read(&tokens));
}

#[tokio::test]
async fn a_keeper_and_its_token() {
    let keeper = keeper();
    hides(&keeper);
    hides(&keeper.vault.load().await.unwrap());
    hides(&keeper.start(&TaskTracker::new()));
}

#[test]
fn errors() {
    let broken = format!("{{\"access_token\":\"{SECRET}\"");
    let seen = Seen { status: Some(200), retry_after: None };
    says_nothing(&NoGrant::read(RequestTokenError::Other(broken), seen));
    let told = format!("AADSTS50173: the grant {SECRET} is revoked. Correlation ID: 1-2");
    let told = EntraError::of_redirect("invalid_grant", &told);
    says_nothing(&NoGrant::told(told.clone(), Seen::default()));
    says_nothing(&SignInError::Refused(told));
    let passing = NoGrant::passing("no answer".to_owned(), None);
    says_nothing(&SignInError::from(passing));
    says_nothing(&VaultError::Sealed);
    says_nothing(&VaultKey::new(Some(b"xyzzy")).err().unwrap());
    let short = KeySources { passphrase: Some(Secret::new("xyzzy")), ..KeySources::default() };
    says_nothing(&short.find(Path::new("/nowhere")).err().unwrap());
    // The settings hold no secret, but a mistake may put one there.
    let text = format!("[cloud]\nclient_secret = \"{SECRET}\"\nname = \"{SECRET}\"\n");
    let problems = Config::parse(Some((Path::new("f"), &text)), Default::default());
    says_nothing(&problems.unwrap_err());
}

/// reqwest's own errors carry the URL, and a URL may carry a code or a delta token.
#[tokio::test]
async fn an_endpoint_that_cannot_be_reached() {
    let login = format!("http://127.0.0.1:9/{SECRET}");
    let sign_in = sign_in(&login);
    let token = Secret::new(SECRET);
    let refused = super::oauth::refresh(&sign_in.http, &sign_in.cloud, &token, None).await;
    says_nothing(&refused.unwrap_err());
    says_nothing(&sign_in.by_device(|_| {}).await.unwrap_err());
}

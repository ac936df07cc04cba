//! The scheduler and its retries against a stub that answers by script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Request as Incoming, State};
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    AccessToken, Failure, HttpClient, HttpLimits, MailboxHttp, Reach, Repeat, Request, Tokens,
    Urgency,
};
use crate::clock::Clock;
use crate::mailbox::{Kind, Outcome, Timestamp};

type Script = Arc<Mutex<Stub>>;

/// Status, headers, body.
type Answer = (u16, &'static [(&'static str, &'static str)], &'static str);

#[derive(Default)]
struct Stub {
    answers: VecDeque<Answer>,
    seen: Vec<(String, String)>,
}

#[derive(Debug, Default)]
struct CountedTokens(Mutex<usize>);

#[async_trait]
impl Tokens for CountedTokens {
    async fn access_token(&self) -> Outcome<AccessToken> {
        Ok(AccessToken::new(format!("token {}", self.0.lock().unwrap())))
    }

    fn reject(&self, token: &AccessToken) {
        assert_eq!(token.expose(), format!("token {}", self.0.lock().unwrap()));
        *self.0.lock().unwrap() += 1;
    }
}

struct World {
    script: Script,
    tokens: Arc<CountedTokens>,
    clock: Clock,
    http: MailboxHttp,
    root: String,
}

const NOT_NOW: Answer = (503, &[], "");
const THROTTLED: Answer = (429, &[], "");

impl World {
    #[expect(clippy::disallowed_methods, reason = "the stub ends with the test's runtime")]
    async fn new() -> Self {
        let script = Script::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = format!("http://{}/v1.0", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let clock = Clock::manual(Timestamp(1_000_000));
        let client =
            HttpClient::new(Reach::Loopback, clock.clone(), HttpLimits::default()).unwrap();
        let tokens = Arc::new(CountedTokens::default());
        let http = MailboxHttp::new(client, &root, tokens.clone()).unwrap();
        Self { script, tokens, clock, http, root }
    }

    fn answers(&self, answers: &[Answer]) {
        self.script.lock().unwrap().answers.extend(answers);
    }

    fn requests(&self) -> usize {
        self.script.lock().unwrap().seen.len()
    }

    async fn send(&self, request: &Request) -> Result<Value, Failure> {
        self.http.json(request, self.http.patience(Urgency::Interactive)).await
    }
}

async fn answer(State(script): State<Script>, request: Incoming) -> Response<String> {
    let mut script = script.lock().unwrap();
    let token = request.headers()["authorization"].to_str().unwrap().to_owned();
    script.seen.push((request.uri().to_string(), token));
    let (status, headers, body) =
        script.answers.pop_front().unwrap_or((200, &[], r#"{"fine":true}"#));
    let mut response = Response::new(body.to_owned());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}

fn get() -> Request {
    Request::get("GET thing", "/thing")
}

fn create() -> Request {
    Request::post("POST thing", "/things").json(&json!({}))
}

#[tokio::test]
async fn a_read_is_repeated_until_it_succeeds() {
    let world = World::new().await;
    world.answers(&[NOT_NOW, (500, &[], "<html>"), (200, &[], ""), (200, &[], "{\"cut")]);
    assert_eq!(world.send(&get()).await.unwrap(), json!({ "fine": true }));
    assert_eq!(world.requests(), 5);
}

#[tokio::test]
async fn a_creation_in_doubt_is_handed_back_at_once() {
    for (status, body) in [(503, ""), (500, ""), (504, ""), (200, "{}"), (201, ""), (201, "<html>")]
    {
        let world = World::new().await;
        world.script.lock().unwrap().answers.push_back((status, &[], body));
        let failure = world.send(&create()).await.unwrap_err();
        assert!(
            matches!(failure, Failure::InDoubt { status: Some(seen), .. } if seen == status),
            "{failure:?}"
        );
        assert_eq!(world.requests(), 1);
    }
}

#[tokio::test]
async fn a_creation_that_was_turned_away_is_repeated() {
    let world = World::new().await;
    world.answers(&[THROTTLED, (401, &[], ""), THROTTLED, (201, &[], "{}")]);
    world.send(&create()).await.unwrap();
    assert_eq!(world.requests(), 4);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let world = World::new().await;
    world.answers(&[(401, &[], "")]);
    world.send(&get()).await.unwrap();
    let tokens: Vec<String> =
        world.script.lock().unwrap().seen.iter().map(|(_, token)| token.clone()).collect();
    assert_eq!(tokens, ["Bearer token 0", "Bearer token 1"]);
    world.answers(&[(401, &[], ""), (401, &[], "")]);
    let failure = world.send(&get()).await.unwrap_err();
    assert!(matches!(failure, Failure::Refused(refusal) if refusal.status == 401));
    assert_eq!(world.requests(), 4);
}

#[tokio::test]
async fn a_claims_challenge_goes_into_the_next_token_and_is_answered_once() {
    const CHALLENGE: &[(&str, &str)] = &[(
        "www-authenticate",
        "Bearer realm=\"\", error=\"insufficient_claims\", claims=\"e30=\"",
    )];
    for status in [401, 403] {
        let world = World::new().await;
        world.answers(&[(status, CHALLENGE, ""), (200, &[], "{}")]);
        world.send(&get()).await.unwrap();
        assert_eq!((world.requests(), *world.tokens.0.lock().unwrap()), (2, 1));
        world.answers(&[(status, CHALLENGE, ""), (status, CHALLENGE, "")]);
        let failure = world.send(&get()).await.unwrap_err();
        assert!(matches!(failure, Failure::Refused(refusal) if refusal.status == status));
        assert_eq!(world.requests(), 4);
    }
}

#[tokio::test]
async fn the_time_the_service_names_is_kept_by_every_request_of_the_mailbox() {
    let world = World::new().await;
    let started = world.clock.instant();
    world.answers(&[(429, &[("retry-after", "2.128")], "")]);
    let (first, second) = (get(), get());
    let (first, second) = tokio::join!(world.send(&first), world.send(&second));
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(world.requests(), 3);
    assert!(world.clock.instant().since(started) >= Duration::from_millis(2_128));
}

#[tokio::test]
async fn a_person_is_told_at_once_when_the_wait_would_be_too_long() {
    let world = World::new().await;
    let started = world.clock.instant();
    world.answers(&[(429, &[("retry-after", "300")], "")]);
    assert!(world.send(&get()).await.is_err());
    let failure = world.send(&get()).await.unwrap_err();
    let Failure::Fault(fault) = failure else { panic!("{failure:?}") };
    let retry_after = Some(Duration::from_secs(300));
    assert_eq!(*fault.kind(), Kind::Throttled { retry_after });
    assert_eq!((world.requests(), world.clock.instant().since(started)), (1, Duration::ZERO));
}

#[tokio::test]
async fn endless_throttling_without_a_time_ends_within_the_patience() {
    let world = World::new().await;
    let started = world.clock.instant();
    world.answers(&[THROTTLED; 40]);
    assert!(world.send(&get()).await.is_err());
    assert!(world.clock.instant().since(started) <= Duration::from_secs(25));
    assert!(world.requests() >= 3);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let world = World::new().await;
    world.answers(&[(302, &[("location", "http://127.0.0.1:9/")], "")]);
    let failure = world.send(&get()).await.unwrap_err();
    assert!(matches!(failure, Failure::Refused(refusal) if refusal.status == 302));
    assert_eq!(world.requests(), 1);
}

#[tokio::test]
async fn a_link_is_followed_as_it_is_but_only_to_the_service() {
    let world = World::new().await;
    let link =
        format!("{}/me/mailFolders('A%2B=')/messages/delta?$deltatoken=x_%7E%3d", world.root);
    world.send(&Request::follow("GET link", &link)).await.unwrap();
    assert!(link.ends_with(&world.script.lock().unwrap().seen[0].0));
    let port = world.root.trim_start_matches("http://127.0.0.1");
    for away in [
        "http://127.0.0.1:9/v1.0/me".to_owned(),
        format!("https://127.0.0.1{port}/me"),
        format!("http://localhost{port}/me"),
        format!("http://127.0.0.1{port}/me").replace("http://", "http://user@"),
        format!("{}.evil.example/v1.0/me", world.root.trim_end_matches("/v1.0")),
        "/me".to_owned(),
    ] {
        let failure = world.send(&Request::follow("GET link", &away)).await.unwrap_err();
        assert!(
            matches!(failure, Failure::Fault(fault) if *fault.kind() == Kind::Defect),
            "{away}"
        );
    }
    assert_eq!(world.requests(), 1);
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_unreachable_for_a_creation_too() {
    let world = World::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}/v1.0", listener.local_addr().unwrap());
    drop(listener);
    let client =
        HttpClient::new(Reach::Loopback, world.clock.clone(), HttpLimits::default()).unwrap();
    let http = MailboxHttp::new(client, &root, world.tokens.clone()).unwrap();
    let failure = http.json::<Value>(&create(), http.patience(Urgency::Interactive)).await;
    let Err(Failure::Fault(fault)) = failure else { panic!("{failure:?}") };
    assert_eq!(*fault.kind(), Kind::Unreachable);
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_not_read_into_memory() {
    let world = World::new().await;
    let limits = HttpLimits { json_body: 5, ..HttpLimits::default() };
    let client = HttpClient::new(Reach::Loopback, world.clock.clone(), limits).unwrap();
    let http = MailboxHttp::new(client, &world.root, world.tokens.clone()).unwrap();
    let failure = http.json::<Value>(&get(), http.patience(Urgency::Interactive)).await;
    assert!(matches!(failure, Err(Failure::Fault(fault)) if *fault.kind() == Kind::Defect));
}

#[tokio::test]
async fn a_safe_post_is_repeated() {
    let world = World::new().await;
    world.answers(&[NOT_NOW, NOT_NOW]);
    let request = create().expect(&[200]).repeat(Repeat::Safe);
    world.send(&request).await.unwrap();
    assert_eq!(world.requests(), 3);
}

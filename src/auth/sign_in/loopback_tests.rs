//! The listener as browsers, scanners and strangers meet it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::authorize::Attempt;
use super::{Ending, Loopback, Page, SignIn};
use crate::auth::oauth::Cloud;
use crate::auth::scopes::{Needs, Ownership};
use crate::clock::Clock;
use crate::config::connections::ConnectionUse;
use crate::http::{HttpClient, HttpLimits, Reach};
use crate::mailbox::Timestamp;

const FOUR: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SIX: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
const LONG: Duration = Duration::from_secs(600);

struct Listening {
    clock: Clock,
    loopback: Loopback,
    attempt: Attempt,
    port: u16,
    /// The path that ends the browser's part.
    answer: String,
}

impl Listening {
    async fn new() -> Self {
        let clock = Clock::manual(Timestamp(0));
        let sign_in = SignIn {
            http: HttpClient::new(Reach::Loopback, clock.clone(), HttpLimits::default()).unwrap(),
            cloud: Cloud {
                login: "http://127.0.0.1:9".to_owned(),
                graph: "http://127.0.0.1:9".to_owned(),
                resource: "http://127.0.0.1:9".to_owned(),
                tenant: "organizations".to_owned(),
                client_id: "app".to_owned(),
            },
            needs: Needs { purpose: ConnectionUse::Both, mailbox: Ownership::Own },
            account: "ada@contoso.example".to_owned(),
            challenge: None,
            tenant_id: None,
        };
        let loopback = Loopback::bind().await.unwrap();
        let uri = loopback.redirect_uri();
        let attempt = sign_in.begin(&uri).unwrap();
        let (_, state) = attempt.url.split_once("&state=").unwrap();
        let answer = format!("/?code=secret&state={}", state.split('&').next().unwrap());
        let port = uri.rsplit(':').next().unwrap().parse().unwrap();
        Self { clock, loopback, attempt, port, answer }
    }

    /// The browser has brought the answer and was led on.
    async fn answered(self) -> (Ending, Clock, u16, String) {
        let Self { clock, loopback, attempt, port, answer } = self;
        let waiting = loopback.wait(&attempt, LONG, &clock);
        let (waited, led) = tokio::join!(waiting, ask(FOUR, port, &answer));
        assert!(
            led.starts_with("HTTP/1.1 303 ") && led.contains("\r\nLocation: /done\r\n"),
            "{led}"
        );
        assert!(!led.contains("secret"), "{led}");
        (waited.unwrap().1, clock, port, answer)
    }
}

/// The whole answer to one GET.
async fn ask(host: IpAddr, port: u16, path: &str) -> String {
    let mut socket = TcpStream::connect((host, port)).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn localhost_is_both_of_its_addresses() {
    let listening = Listening::new().await;
    let has_six = TcpListener::bind((SIX, 0)).await.is_ok();
    let port = listening.port;
    let asking = async {
        for host in [FOUR, SIX].into_iter().take(1 + usize::from(has_six)) {
            let answer = ask(host, port, "/").await;
            assert!(answer.contains("only takes the end of a sign-in"), "{host}: {answer}");
        }
    };
    let waiting = listening.loopback.wait(&listening.attempt, LONG, &listening.clock);
    tokio::select! { waited = waiting => panic!("{waited:?}"), () = asking => {} }
}

#[tokio::test]
async fn what_comes_before_the_answer_is_sent_away() {
    let Listening { clock, loopback, attempt, port, answer } = Listening::new().await;
    let state = answer.split("state=").nth(1).unwrap().to_owned();
    let asking = async {
        let spoiled = format!("/?code=other&state={}x", state);
        for (path, status) in [
            ("/favicon.ico", 404),
            ("/done", 404),
            ("/?code=c", 404),
            ("/?state=s", 400),
            ("/other?code=c&state=s", 404),
            ("/?code=other&state=s", 400),
            ("/?error=access_denied&state=s", 400),
            (spoiled.as_str(), 400),
        ] {
            let answer = ask(FOUR, port, path).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        }
        // One that hangs up, one that stays silent, one that speaks something else.
        drop(TcpStream::connect((FOUR, port)).await.unwrap());
        let silent = TcpStream::connect((FOUR, port)).await.unwrap();
        let mut other = TcpStream::connect((FOUR, port)).await.unwrap();
        other.write_all(b"\x16\x03\x01\r\n\r\n").await.unwrap();
        ask(FOUR, port, &answer).await;
        drop(silent);
    };
    let waiting = loopback.wait(&attempt, LONG, &clock);
    let (waited, ()) = tokio::join!(waiting, asking);
    let (redirect, _) = waited.unwrap();
    assert!(attempt.owns(&redirect));
}

#[tokio::test]
async fn a_browser_that_comes_twice_sees_the_same_outcome() {
    let (ending, clock, port, answer) = Listening::new().await.answered().await;
    let page = Page::success("<ada>@contoso.example", &["Mail.Send"]);
    let asking = async {
        assert!(ask(FOUR, port, &answer).await.starts_with("HTTP/1.1 303 "));
        assert!(ask(FOUR, port, "/?code=x&state=y").await.starts_with("HTTP/1.1 400 "));
        let first = ask(FOUR, port, "/done").await;
        assert!(first.contains("&lt;ada&gt;@contoso.example is connected"), "{first}");
        assert!(first.contains("Not granted: Mail.Send"), "{first}");
        assert!(ask(FOUR, port, "/favicon.ico").await.starts_with("HTTP/1.1 404 "));
        assert_eq!(ask(FOUR, port, "/done").await, first);
        for line in [
            "Content-Security-Policy: default-src 'none';",
            "Referrer-Policy: no-referrer",
            "Cache-Control: no-store",
        ] {
            assert!(first.contains(&format!("\r\n{line}")), "{line} is not in {first}");
        }
        assert!(!first.contains("<script") && !first.contains("//"), "{first}");
        loop {
            clock.advance(Duration::from_millis(100));
            tokio::task::yield_now().await;
        }
    };
    tokio::select! { () = ending.show(&page, &clock) => {}, () = asking => {} }
    assert!(TcpStream::connect((FOUR, port)).await.is_err(), "it still listens");
}

#[tokio::test]
async fn a_browser_that_was_closed_is_not_waited_for() {
    let (ending, clock, ..) = Listening::new().await.answered().await;
    let page = Page::failure("no");
    let mut showing = Box::pin(ending.show(&page, &clock));
    assert!(futures_util::poll!(&mut showing).is_pending());
    clock.advance(Duration::from_secs(10));
    showing.await;
}

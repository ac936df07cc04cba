//! What the bridge does and says about a sign-in: while it holds, and when only a person can mend it.

use std::net::SocketAddr;
use std::time::Duration;

use m365_sim::switch::OtherEntries;
use m365_sim::{Fault, Kind, Rule, Tenant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::{ADA, START, World};

const BOB: &str = "bob@fabrikam.example";
const SALES: &str = "sales@contoso.example";
const DAY: i64 = 24 * 60 * 60;

fn mail_from(sender: &str) -> Vec<u8> {
    format!("Message-ID: <1@client.example>\r\nFrom: <{sender}>\r\nTo: <{BOB}>\r\nSubject: Hello\r\n\r\nHello\r\n")
        .into_bytes()
}

async fn with_console() -> World {
    let console = |config: &mut footbridge::config::Config| {
        config.console = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    };
    World::adjusted(Tenant::builder().user(ADA), |_| {}, console).await
}

/// Status line, headers and body.
async fn page(world: &World, path: &str) -> String {
    let mut stream = TcpStream::connect(world.console_address()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_lapsed_sign_in_is_told_by_every_door_and_cached_mail_stays_readable() {
    let world = with_console().await;
    world.ada().inbox().seed(2);
    world.tick().await;
    let mut open = world.selected("INBOX").await;
    let cached = open.command("FETCH 2 (BODY.PEEK[])").await.ok().literal().unwrap();
    world.tenant.revoke(ADA);
    let mut other = world.imap().await;
    let refused = other.command("SELECT Drafts").await.no("CONTACTADMIN");
    assert!(refused.tagged.contains("footbridge connection sign-in"), "{refused}");

    // The first is not here, the second is: one does not hide the other.
    let fetched = open.command("FETCH 1:2 (BODY.PEEK[])").await.no("CONTACTADMIN");
    assert_eq!(fetched.literal().unwrap(), cached);
    let fetched = open.command("FETCH 2 (BODY[])").await.ok();
    assert_eq!(fetched.literal().unwrap(), cached);
    let refused = open.command("STORE 2 +FLAGS (\\Flagged)").await;
    refused.no("CONTACTADMIN");
    open.command("NOOP").await.ok();

    let reply = world.smtp().await.submit(ADA, &[BOB], &mail_from(ADA)).await;
    assert!(reply.starts_with("454 4.7.0 "), "{reply}");
    assert!(reply.contains("footbridge connection sign-in"), "{reply}");
    let command = format!("footbridge connection sign-in {ADA}");
    let ready = page(&world, "/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 503 ") && ready.contains(&command), "{ready}");
    let home = page(&world, "/").await;
    assert!(home.contains("sign-in needed") && home.contains(&command), "{home}");
    let metrics = page(&world, "/metrics").await;
    for line in [
        format!("footbridge_sign_in_needed{{connection=\"{ADA}\"}} 1"),
        format!("footbridge_sign_in_state{{connection=\"{ADA}\",state=\"needed\"}} 1"),
        format!("footbridge_sign_in_state{{connection=\"{ADA}\",state=\"fresh\"}} 0"),
        format!("footbridge_token_refreshes_total{{connection=\"{ADA}\",outcome=\"failed\"}} 1"),
    ] {
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn the_console_tells_when_the_sign_in_was_renewed_and_when_it_lapses() {
    let world = with_console().await;
    world.ready().await;
    let metrics = page(&world, "/metrics").await;
    for line in [
        format!("footbridge_sign_in_renewed_timestamp_seconds{{connection=\"{ADA}\"}} {START}"),
        format!(
            "footbridge_sign_in_lapses_timestamp_seconds{{connection=\"{ADA}\"}} {}",
            START + 90 * DAY
        ),
        format!("footbridge_sign_in_state{{connection=\"{ADA}\",state=\"fresh\"}} 1"),
        format!("footbridge_token_refreshes_total{{connection=\"{ADA}\",outcome=\"done\"}} 1"),
        format!("footbridge_graph_requests_total{{connection=\"{ADA}\",outcome=\"lost\"}} 0"),
    ] {
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    let answered =
        format!("footbridge_graph_requests_total{{connection=\"{ADA}\",outcome=\"answered\"}} ");
    let answered = metrics.split_once(&answered).unwrap().1.lines().next().unwrap();
    let seen = world.tenant.journal().graph_requests();
    assert_eq!(answered, seen.to_string(), "{metrics}");
    let home = page(&world, "/").await;
    assert!(home.contains("at most 90 days without use"), "{home}");
    assert!(home.contains("2026-11-02T09:00:00Z"), "{home}");
    assert!(page(&world, "/readyz").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn no_request_of_a_client_waits_for_a_refresh() {
    let world = World::new().await;
    world.ready().await;
    let life = world.tenant.switches().login.continuous_token_seconds;
    let refresh = world.tenant.hold_before(Kind::Token);
    world.advance(Duration::from_secs(life - 5 * 60));
    refresh.arrived(1).await;
    world.ada().inbox().seed(1);
    let mut client = world.imap().await;
    client.command("SELECT INBOX").await.ok().expect("* 1 EXISTS");
    client.message(1).await;
    let refreshes = world.tenant.journal().of(Kind::Token);
    assert_eq!(refreshes.last().unwrap().status, None, "it is still waiting");
    refresh.release();
}

#[tokio::test]
async fn a_demand_for_claims_by_403_is_met_as_one_by_401() {
    let world = World::new().await;
    let mut client = world.imap().await;
    world.tenant.faults().push(Rule::on(Kind::MessageDelta).answer(Fault::ClaimsRefusal));
    client.command("SELECT Drafts").await.ok();
    let refreshes = world.tenant.journal().of(Kind::Token).len();
    world.tenant.faults().push(Rule::on(Kind::MessageDelta).always().answer(Fault::ClaimsRefusal));
    client.command("SELECT Archive").await.no("CONTACTADMIN");
    let met = world.tenant.journal().of(Kind::Token).len();
    assert!(met <= refreshes + 2, "{met} refreshes after {refreshes}");
}

#[tokio::test]
async fn a_shared_mailbox_sends_as_itself_whether_or_not_its_entry_may_be_read() {
    for entries in [OtherEntries::Refused, OtherEntries::Shown] {
        let tenant = Tenant::builder().user(ADA).user(SALES);
        let world = World::shared(tenant, SALES).await;
        world.tenant.set_switches(|switches| switches.entra.other_entries = entries);
        let reply = world.smtp().await.submit(SALES, &[BOB], &mail_from(SALES)).await;
        assert!(reply.starts_with("250 "), "{entries:?}: {reply}");
        assert_eq!(world.tenant.sent_to(BOB).len(), 1, "{entries:?}");
        let reply = world.smtp().await.submit(ADA, &[BOB], &mail_from(ADA)).await;
        assert!(reply.starts_with("550 5.7.1 MAIL FROM names no address"), "{entries:?}: {reply}");
        assert_eq!(world.tenant.sent().len(), 1, "{entries:?}");
    }
}

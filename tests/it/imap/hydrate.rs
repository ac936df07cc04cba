//! Bytes that are fetched before a client asks, and sizes that are told without them.

use std::time::Duration;

use footbridge::config::{Config, Size};
use m365_sim::{Fault, Kind, RetryAfter, Rule, Tenant};

use crate::imap_client::ImapClient;
use crate::world::{ADA, START, World, mail};

fn hydrating(config: &mut Config) {
    config.sync.hydrate = true;
}

async fn with_mail(count: usize, adjust: fn(&mut Config)) -> World {
    let deliver = |tenant: &Tenant| {
        for number in 0..count {
            let second = START - 1_000 + i64::try_from(number).unwrap();
            let received = jiff::Timestamp::from_second(second).unwrap();
            tenant.person(ADA).inbox().deliver_at(mail(&format!("Mail{number}")), received);
        }
    };
    World::adjusted(Tenant::builder().user(ADA), deliver, adjust).await
}

/// As it comes from elsewhere: the service keeps the header as it was received.
fn received(subject: &str) -> Vec<u8> {
    [&b"Received: from mx.elsewhere.example by mx.contoso.example\r\n"[..], &mail(subject)].concat()
}

fn downloads(world: &World) -> usize {
    world.tenant.journal().of(Kind::Mime).len()
}

fn answered(world: &World) -> usize {
    world.tenant.journal().of(Kind::Mime).iter().filter(|entry| entry.status.is_some()).count()
}

/// Time passes until the tenant has answered this many downloads: by the pauses between them, and by
/// polls when there are none.
async fn downloaded(world: &World, count: usize) {
    const STEP: Duration = Duration::from_millis(250);
    let mut idle = 0;
    while answered(world) < count {
        match world.clock.next_waking().filter(|wait| *wait <= STEP) {
            Some(wait) => world.advance(wait),
            None => idle += 1,
        }
        tokio::task::yield_now().await;
        if idle > 5_000 {
            world.tick().await;
            idle = 0;
        }
    }
}

async fn sizes(imap: &mut ImapClient) -> Vec<String> {
    imap.command("FETCH 1:* (RFC822.SIZE)").await.ok().lines()
}

/// A few polls, with nothing asked by a client.
async fn quiet(world: &World) {
    for _ in 0..3 {
        world.tick().await;
    }
}

#[tokio::test]
async fn an_opened_folder_is_fetched_newest_first_and_its_sizes_cost_nothing_then() {
    let world = with_mail(60, hydrating).await;
    let mut imap = world.selected("INBOX").await;
    downloaded(&world, 60).await;
    quiet(&world).await;
    let order = world.tenant.journal().of(Kind::Mime);
    assert_eq!(order.len(), 60);
    let items = world.ada().items("Inbox");
    let newest = items.iter().rev().map(|item| item.immutable_id.trim_end_matches('='));
    for (entry, id) in order.iter().zip(newest) {
        assert!(entry.path.contains(id), "{} before {id}", entry.path);
    }
    world.forget();
    let lines = sizes(&mut imap).await;
    assert_eq!(lines[0], format!("* 1 FETCH (RFC822.SIZE {})", mail("Mail0").len()));
    assert_eq!(imap.message(60).await, mail("Mail59"));
    assert_eq!(world.requests(), 0);
}

#[tokio::test]
async fn folders_that_nobody_opened_are_left_alone_and_so_is_everything_if_it_is_switched_off() {
    let world = with_mail(3, hydrating).await;
    world.ready().await;
    let mut imap = world.selected("Archive").await;
    imap.command("STATUS INBOX (MESSAGES)").await.ok();
    quiet(&world).await;
    assert_eq!(downloads(&world), 0);
    let off = with_mail(3, |_| {}).await;
    off.selected("INBOX").await;
    quiet(&off).await;
    assert_eq!(downloads(&off), 0);
}

#[tokio::test]
async fn mail_that_arrives_later_is_fetched_as_well_and_no_more_than_once() {
    let world = with_mail(2, hydrating).await;
    let mut imap = world.selected("INBOX").await;
    downloaded(&world, 2).await;
    world.ada().inbox().deliver(mail("News"));
    downloaded(&world, 3).await;
    imap.command("UNSELECT").await.ok();
    world.ada().inbox().deliver(mail("While closed"));
    downloaded(&world, 4).await;
    imap.command("SELECT INBOX").await.ok();
    quiet(&world).await;
    imap.command("STORE 1:* +FLAGS (\\Flagged)").await.ok();
    quiet(&world).await;
    assert_eq!(downloads(&world), 4);
}

#[tokio::test]
async fn one_message_is_on_its_way_at_a_time_and_others_go_first() {
    let world = with_mail(5, hydrating).await;
    let mut imap = world.selected("INBOX").await;
    let held = world.tenant.hold_before(Kind::Mime);
    world.tick().await;
    held.arrived(1).await;
    world.tick().await;
    assert_eq!(downloads(&world), 1, "more than one at a time");
    // Who looks for changes, lists, or flags twenty messages needs all four lanes: the one that is
    // fetched ahead leaves its own.
    imap.command("STORE 1:5 +FLAGS (\\Seen)").await.ok();
    assert_eq!(world.ada().items("Inbox").iter().filter(|item| item.is_read).count(), 5);
    held.release();
    for _ in 0..10 {
        world.tick().await;
    }
    world.forget();
    assert_eq!(sizes(&mut imap).await.len(), 5);
    assert_eq!(downloads(&world), 0);
}

#[tokio::test]
async fn a_client_that_wants_the_very_message_does_not_wait_for_the_one_in_the_background() {
    let world = with_mail(1, hydrating).await;
    let mut imap = world.selected("INBOX").await;
    let held = world.tenant.hold_before(Kind::Mime);
    world.tick().await;
    held.arrived(1).await;
    let tag = imap.begin(b"FETCH 1 BODY.PEEK[]").await;
    // It makes a request of its own.
    held.arrived(2).await;
    held.release();
    let answer = imap.answer(&tag).await.ok();
    assert_eq!(answer.literal().unwrap(), mail("Mail0"));
    quiet(&world).await;
    assert_eq!(downloads(&world), 2);
}

#[tokio::test]
async fn a_service_that_wants_rest_gets_it_and_faults_end_no_more_than_a_round() {
    let world = with_mail(6, hydrating).await;
    let faults = world.tenant.faults();
    let throttled = Fault::throttled(RetryAfter::Seconds(120));
    faults.push(Rule::on(Kind::Mime).times(1).answer(throttled));
    let _imap = world.selected("INBOX").await;
    let before = world.clock.now().0;
    downloaded(&world, 2).await;
    let waited = world.clock.now().0 - before;
    assert!(waited >= 120, "{waited} seconds");
    faults.push(
        Rule::on(Kind::Mime).times(60).answer(Fault::status(500, "ErrorInternalServerError")),
    );
    let spoilt = answered(&world);
    downloaded(&world, spoilt + 7).await;
    faults.clear();
    let mut imap = world.selected("INBOX").await;
    // What could not be had in the background is had when it is asked for.
    assert_eq!(sizes(&mut imap).await.len(), 6);
    for uid in 1..=6 {
        assert_eq!(imap.message(uid).await, mail(&format!("Mail{}", uid - 1)));
    }
}

#[tokio::test]
async fn nothing_is_fetched_ahead_that_the_cache_has_no_room_for() {
    fn small(config: &mut Config) {
        config.sync.hydrate = true;
        // The service counts some 5,300 octets for each, of which 1,100 come in.
        config.cache.max_bytes = 12_000;
    }
    let world = World::adjusted(
        Tenant::builder().user(ADA),
        |tenant| {
            for number in 0..40 {
                let mut message = mail(&format!("Mail{number}"));
                message.extend("padding\r\n".repeat(100).into_bytes());
                tenant.person(ADA).inbox().deliver(message);
            }
        },
        small,
    )
    .await;
    let mut imap = world.selected("INBOX").await;
    downloaded(&world, 3).await;
    for _ in 0..10 {
        world.tick().await;
    }
    let ahead = downloads(&world);
    assert!((3..9).contains(&ahead), "{ahead} fetched ahead");
    // Whatever is evicted after that, an exact size stays known.
    let first = sizes(&mut imap).await;
    let after = downloads(&world);
    assert_eq!(sizes(&mut imap).await, first);
    assert_eq!(downloads(&world), after);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_what_is_fetched_ahead() {
    let mut world = with_mail(3, hydrating).await;
    let _imap = world.selected("INBOX").await;
    let held = world.tenant.hold_before(Kind::Mime);
    world.tick().await;
    held.arrived(1).await;
    world.stop().await;
    held.release();
    world.start().await;
    let mut imap = world.selected("INBOX").await;
    assert_eq!(imap.message(3).await, mail("Mail2"));
}

// === size = "estimate" ===

fn estimating(config: &mut Config) {
    config.sync.hydrate = true;
    config.sync.size = Size::Estimate;
}

#[tokio::test]
async fn estimated_sizes_cost_no_download_and_give_way_to_what_was_read() {
    let world = with_mail(30, estimating).await;
    let mut imap = world.selected("INBOX").await;
    world.forget();
    let lines = sizes(&mut imap).await;
    assert_eq!(lines.len(), 30);
    assert_eq!(imap.command("SEARCH LARGER 1").await.ok().search().len(), 30);
    quiet(&world).await;
    assert_eq!(downloads(&world), 0);
    let exact = mail("Mail4").len();
    assert_ne!(lines[4], format!("* 5 FETCH (RFC822.SIZE {exact})"), "no estimate");
    let both = imap.command("FETCH 5 (RFC822.SIZE BODY.PEEK[])").await.ok();
    assert_eq!(both.literal().unwrap(), mail("Mail4"));
    let head = String::from_utf8_lossy(&both.untagged[0]).into_owned();
    assert!(head.starts_with(&format!("* 5 FETCH (RFC822.SIZE {exact} ")), "{head}");
    assert_eq!(sizes(&mut imap).await[4], format!("* 5 FETCH (RFC822.SIZE {exact})"));
    assert_eq!(downloads(&world), 1);
}

#[tokio::test]
async fn headers_of_thousands_cost_a_page_of_requests_where_sizes_are_estimated() {
    let deliver = |tenant: &Tenant| {
        for second in 0..2_000 {
            let received_at = jiff::Timestamp::from_second(START - 5_000 + second).unwrap();
            let message = received(&format!("Mail{second}"));
            tenant.person(ADA).inbox().deliver_at(message, received_at);
        }
    };
    let world = World::adjusted(Tenant::builder().user(ADA), deliver, estimating).await;
    let mut imap = world.selected("INBOX").await;
    world.forget();
    let answer = imap.command("FETCH 1:* (ENVELOPE RFC822.SIZE)").await.ok();
    assert_eq!(answer.untagged.len(), 2_000);
    let asked = world.requests();
    assert!(asked <= 8, "{asked} requests");
    world.forget();
    let command = "UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (DATE FROM SUBJECT REFERENCES)])";
    imap.command(command).await.ok();
    assert_eq!(world.requests(), 0);
}

#[tokio::test]
async fn what_a_listing_tells_of_headers_is_what_the_message_says() {
    let world = with_mail(0, estimating).await;
    for number in 0..12 {
        world.ada().inbox().deliver(received(&format!("Mail{number}")));
    }
    let odd = b"Received: from x by y\r\nFrom: =?utf-8?q?J=C3=BCrgen?= <j@x.example>\r\nX-Odd:  spaced\r\n\tand folded\r\n\
        To: group: a@x.example;\r\nDate: Mon, 2 Nov 2026 08:00:00 +0000\r\n\r\nBody\r\n";
    world.ada().inbox().deliver(odd.to_vec());
    world.ada().folder("Drafts").draft(mail("Begun"));
    let mut imap = world.selected("INBOX").await;
    let texts = "(ENVELOPE BODY.PEEK[HEADER.FIELDS (X-ODD SUBJECT FROM)]<2.30>)";
    world.forget();
    let told = imap.command(&format!("FETCH 1:* {texts}")).await.ok().untagged;
    assert_eq!((told.len(), downloads(&world)), (13, 0));
    // Then from the bytes.
    imap.command("FETCH 1:* BODY.PEEK[]").await.ok();
    assert_eq!(downloads(&world), 13);
    assert_eq!(imap.command(&format!("FETCH 1:* {texts}")).await.ok().untagged, told);
    // What the service keeps no received header of is fetched.
    let mut drafts = world.selected("Drafts").await;
    let lines = drafts.command("FETCH 1 (ENVELOPE)").await.ok().lines();
    assert!(lines[0].contains("\"Begun\""), "{lines:?}");
    assert_eq!(downloads(&world), 14);
}

#[tokio::test]
async fn a_listing_that_fails_costs_downloads_and_no_answer() {
    let world = with_mail(8, estimating).await;
    let mut imap = world.selected("INBOX").await;
    let refusal = Fault::status(400, "ErrorRestrictionTooComplex");
    world.tenant.faults().push(Rule::on(Kind::ListMessages).always().answer(refusal));
    let answer = imap.command("FETCH 1:* (ENVELOPE)").await.ok();
    assert_eq!((answer.untagged.len(), downloads(&world)), (8, 8));
}

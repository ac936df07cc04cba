//! A client that waits hears of us: some hang up after ten seconds of silence (RFC 9585).

use std::time::Duration;

use footbridge::config::Config;
use m365_sim::{Hold, Kind, Tenant};

use crate::imap_client::{Answer, ImapClient};
use crate::world::{ADA, World, mail};

/// The longest silence.
const SIGN: Duration = Duration::from_secs(5);

async fn with_mail() -> World {
    World::with(prepare).await
}

fn prepare(tenant: &Tenant) {
    let ada = tenant.person(ADA);
    for subject in ["One", "Two", "Three", "Four", "Five", "Six"] {
        ada.inbox().deliver(mail(subject));
    }
    ada.folder("Work").deliver(mail("Seven"));
}

/// Reads signs of life for a while, each within five seconds of what was heard before.
async fn hears_signs(world: &World, imap: &mut ImapClient, tag: &str) {
    for _ in 0..4 {
        world.someone_wakes_within(SIGN).await;
        world.advance(SIGN);
        let mut line = imap.text().await;
        if line.starts_with("* OK [CLOSED]") {
            line = imap.text().await;
        }
        let head = format!("* OK [INPROGRESS (\"{tag}\" ");
        assert!(line.starts_with(&head), "{line}");
    }
}

/// The command is slow because the service does not answer this; it is kept alive and then done.
async fn kept_alive(world: &World, imap: &mut ImapClient, command: &str, slow: Kind) -> Answer {
    let hold = world.tenant.hold(slow);
    let tag = imap.begin(command.as_bytes()).await;
    waits(world, imap, (&tag, hold)).await
}

async fn waits(world: &World, imap: &mut ImapClient, (tag, hold): (&str, Hold)) -> Answer {
    hold.arrived(1).await;
    hears_signs(world, imap, tag).await;
    hold.release();
    imap.answer(tag).await.ok()
}

#[tokio::test]
async fn every_slow_command_is_kept_alive() {
    let world = with_mail().await;
    world.ready().await;
    let mut imap = world.imap().await.telling_signs();
    for (command, slow) in [
        ("SELECT Work", Kind::MessageDelta),
        ("NOOP", Kind::MessageDelta),
        ("CREATE New", Kind::CreateFolder),
        ("RENAME New Newer", Kind::RenameFolder),
        ("DELETE Newer", Kind::DeleteFolder),
        ("STATUS Archive (MESSAGES)", Kind::MessageDelta),
        ("SELECT INBOX", Kind::MessageDelta),
        ("FETCH 1 BODY.PEEK[]", Kind::Mime),
        ("FETCH 2 (ENVELOPE)", Kind::Mime),
        ("FETCH 3 BODY[]", Kind::Patch),
        ("SEARCH BODY nothing", Kind::Mime),
        ("STORE 1 +FLAGS (\\Flagged)", Kind::Patch),
        ("COPY 1:6 Work", Kind::Copy),
        ("MOVE 1 Work", Kind::Move),
        ("STORE 1 +FLAGS (\\Deleted)", Kind::Patch),
        ("EXPUNGE", Kind::Delete),
    ] {
        println!("{command}");
        kept_alive(&world, &mut imap, command, slow).await;
    }
}

#[tokio::test]
async fn an_append_is_kept_alive_while_it_is_filed() {
    let world = with_mail().await;
    let mut imap = world.imap().await.telling_signs();
    let hold = world.tenant.hold(Kind::CreateJson);
    let message = mail("New");
    let tag = imap.begin(format!("APPEND INBOX {{{}+}}", message.len()).as_bytes()).await;
    imap.send(&[&message[..], b"\r\n"].concat()).await;
    waits(&world, &mut imap, (&tag, hold)).await;
}

#[tokio::test]
async fn the_first_list_is_kept_alive_while_the_folders_are_asked_for() {
    let mut hold = None;
    let world = World::with(|tenant| {
        prepare(tenant);
        hold = Some(tenant.hold(Kind::FolderDelta));
    });
    let (world, hold) = (world.await, hold.unwrap());
    let mut imap = world.imap().await.telling_signs();
    let tag = imap.begin(b"LIST \"\" *").await;
    waits(&world, &mut imap, (&tag, hold)).await;
}

/// Time passes in small steps, so that whoever begins to wait a little later is not passed by.
async fn second_by_second<F: Future>(world: &World, work: F) -> F::Output {
    let mut work = std::pin::pin!(work);
    loop {
        for _ in 0..100 {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::task::yield_now() => {}
            }
        }
        if let Some(wait) = world.clock.next_waking() {
            world.advance(wait.min(Duration::from_secs(1)));
        }
    }
}

#[tokio::test]
async fn a_login_that_has_to_wait_is_kept_alive() {
    let slow = |config: &mut Config| {
        config.limits.login_delay = Duration::from_secs(12);
        config.limits.login_delay_max = Duration::from_secs(12);
    };
    let world = World::adjusted(Tenant::builder().user(ADA), prepare, slow).await;
    let mut imap = world.stranger().await.telling_signs();
    let tag = imap.begin(format!("LOGIN {ADA} wrong").as_bytes()).await;
    let mut signs = 0;
    loop {
        let line = second_by_second(&world, imap.text()).await;
        if line.starts_with(&tag) {
            break;
        }
        assert!(line.starts_with("* OK [INPROGRESS ("), "{line}");
        signs += 1;
    }
    assert!(signs > 0, "the delay is longer than five seconds");
}

#[tokio::test]
async fn short_waits_are_not_added_up_to_a_long_silence() {
    let world = with_mail().await;
    let mut imap = world.selected("INBOX").await.telling_signs();
    let (read, mark) = (world.tenant.hold(Kind::Mime), world.tenant.hold(Kind::Patch));
    let tag = imap.begin(b"FETCH 1 BODY[]").await;
    read.arrived(1).await;
    world.someone_wakes_within(SIGN).await;
    let (first, rest) = (Duration::from_secs(4), Duration::from_secs(1));
    world.advance(first);
    read.release();
    mark.arrived(1).await;
    world.someone_wakes_within(rest).await;
    world.advance(rest);
    let sign = format!("* OK [INPROGRESS (\"{tag}\" 1 1)] Still working");
    assert_eq!(imap.text().await, sign);
    mark.release();
    imap.answer(&tag).await.ok();
}

#[tokio::test]
async fn a_sign_tells_how_many_messages_are_done() {
    let world = with_mail().await;
    let mut imap = world.selected("INBOX").await.telling_signs();
    let hold = world.tenant.hold(Kind::Mime);
    let tag = imap.begin(b"FETCH 1:* (BODY.PEEK[TEXT])").await;
    hold.arrived(4).await;
    // Whichever came first: with all four answered, the last two are asked for.
    (0..4).for_each(|_| hold.step());
    hold.arrived(6).await;
    world.someone_wakes_within(SIGN).await;
    world.advance(SIGN);
    let head = format!("* OK [INPROGRESS (\"{tag}\" ");
    let mut answered = 0;
    let told = loop {
        let line = imap.text().await;
        match line.strip_prefix(&head) {
            Some(rest) => break rest.to_owned(),
            None => answered += usize::from(line.contains(" FETCH (BODY[TEXT] {")),
        }
    };
    assert!(answered >= 2, "{told}");
    assert_eq!(told, format!("{answered} 6)] Still working"));
    hold.release();
    imap.answer(&tag).await.ok();
}

#[tokio::test]
async fn a_quick_command_says_nothing_of_itself() {
    let world = with_mail().await;
    let mut imap = world.selected("INBOX").await.telling_signs();
    // Long silences between commands are the client's own.
    world.advance(Duration::from_secs(14));
    let answer = imap.command("FETCH 1:* (FLAGS BODY.PEEK[])").await.ok();
    assert_eq!(answer.untagged.len(), 6, "{answer}");
}

#[tokio::test]
async fn messages_are_fetched_four_at_a_time_and_answered_in_order() {
    let world = with_mail().await;
    let mut imap = world.selected("INBOX").await;
    let hold = world.tenant.hold(Kind::Mime);
    let tag = imap.begin(b"FETCH 1:* (UID BODY.PEEK[])").await;
    hold.arrived(4).await;
    (0..4).for_each(|_| hold.step());
    hold.arrived(6).await;
    hold.release();
    let answer = imap.answer(&tag).await.ok();
    let numbers = answer.untagged.iter().map(|line| line[2]);
    assert_eq!(numbers.collect::<Vec<_>>(), b"123456");
}

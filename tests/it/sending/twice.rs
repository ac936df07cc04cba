//! The same message again: a retry, a double, or another message that looks alike. Each as it should be.

use std::time::Duration;

use m365_sim::switch::{MimeFidelity, SentAgain, Waiting};
use m365_sim::{Fault, Kind, Rule, Switches, Tenant};

use super::letters::{Name, Shape, letter, told};
use super::{BOB, submit, switches, world};
use crate::world::{ADA, World};

const SMALL: Shape = Shape::File(1_000);
const LARGE: Shape = Shape::File(3_300_000);

/// Every delivery is of this message.
fn assert_sent(world: &World, times: usize, message: &[u8]) {
    let sent = world.tenant.sent_to(BOB);
    assert_eq!(sent.len(), times);
    for one in sent {
        assert_eq!(told(&one.mime), told(message));
    }
    assert!(world.ada().items("Drafts").is_empty(), "a draft is left");
    assert_eq!(world.ada().items("Sent Items").len(), times);
}

#[tokio::test]
async fn two_connections_that_hand_in_the_same_at_once_send_one_message() {
    for shape in [SMALL, LARGE] {
        let world = world().await;
        let message = letter("twin", shape, Name::Own);
        let (mut first, mut second) = (world.smtp().await, world.smtp().await);
        let to = [BOB];
        let replies =
            tokio::join!(first.submit(ADA, &to, &message), second.submit(ADA, &to, &message));
        assert!(replies.0.starts_with("250 ") && replies.0 == replies.1, "{replies:?}");
        assert_sent(&world, 1, &message);
        // Both have their answers; a third one is meant.
        first.command("NOOP").await;
        second.command("NOOP").await;
        assert!(submit(&world, &message).await.starts_with("250 "));
        assert_sent(&world, 2, &message);
    }
}

#[tokio::test]
async fn two_connections_that_hand_in_different_messages_under_one_name_send_both() {
    let world = world().await;
    let messages = ["one", "two"].map(|text| {
        let message = String::from_utf8(letter("same", SMALL, Name::Own)).unwrap();
        message.replace("Subject: same", &format!("Subject: {text}")).into_bytes()
    });
    let (mut first, mut second) = (world.smtp().await, world.smtp().await);
    let to = [BOB];
    let replies =
        tokio::join!(first.submit(ADA, &to, &messages[0]), second.submit(ADA, &to, &messages[1]));
    assert!(replies.0.starts_with("250 ") && replies.1.starts_with("250 "), "{replies:?}");
    let mut subjects: Vec<_> =
        world.ada().items("Sent Items").into_iter().map(|item| item.subject).collect();
    subjects.sort();
    assert_eq!(subjects, ["one", "two"]);
}

#[tokio::test]
async fn two_alerts_without_a_name_at_once_are_two_messages() {
    let world = world().await;
    let message = letter("alert", SMALL, Name::None);
    let (mut first, mut second) = (world.smtp().await, world.smtp().await);
    let to = [BOB];
    let replies = tokio::join!(first.submit(ADA, &to, &message), second.submit(ADA, &to, &message));
    assert!(replies.0.starts_with("250 ") && replies.1.starts_with("250 "), "{replies:?}");
    assert_sent(&world, 2, &message);
}

/// A device that says QUIT after each page; some devices use one Message-ID for all their pages.
#[tokio::test]
async fn the_same_scan_five_times_in_a_minute_is_five_messages() {
    for (name, shape) in [Name::Own, Name::None]
        .into_iter()
        .flat_map(|name| [Shape::Scan(2_000), Shape::Scan(3_200_000)].map(|shape| (name, shape)))
    {
        let world = world().await;
        let message = letter("page", shape, name);
        for _ in 0..5 {
            let mut smtp = world.smtp().await;
            let reply = smtp.submit(ADA, &[BOB], &message).await;
            assert!(reply.starts_with("250 "), "{name:?} {shape:?}: {reply}");
            assert!(smtp.command("QUIT").await.starts_with("221 "));
            world.advance(Duration::from_secs(10));
        }
        let sent = world.tenant.sent_to(BOB);
        assert_eq!(sent.len(), 5, "{name:?} {shape:?}");
        let page = &told(&message)[0].digest;
        assert!(sent.iter().all(|one| told(&one.mime)[0].digest == *page));
        assert!(world.ada().items("Drafts").is_empty());
    }
}

/// The same pages while the service's answers get lost: each page once, though their names are equal.
#[tokio::test]
async fn five_scans_under_one_name_are_told_apart_though_every_answer_is_lost() {
    for (survives, lists_well) in [(true, true), (false, true), (false, false)] {
        let mut switches = switches();
        switches.sending.id_survives_send = survives;
        if !lists_well {
            switches.messages.short_pages = Some(1);
            switches.messages.empty_first_page = true;
            switches.messages.filter_by_one = true;
        }
        let world = World::made(Tenant::builder().switches(switches).user(ADA), |_| {}).await;
        let message = letter("page", Shape::Scan(2_000), Name::Own);
        for number in 1..=5 {
            for kind in [Kind::CreateMime, Kind::Send] {
                world.tenant.faults().push(Rule::on(kind).answer(Fault::CutAfter));
            }
            let mut smtp = world.smtp().await;
            let reply = smtp.submit(ADA, &[BOB], &message).await;
            assert!(reply.starts_with("250 "), "{survives} {number}: {reply}");
            smtp.command("QUIT").await;
            assert_eq!(world.tenant.sent_to(BOB).len(), number, "{survives}");
            world.advance(Duration::from_secs(10));
        }
        assert!(world.ada().items("Drafts").is_empty());
    }
}

#[tokio::test]
async fn a_retry_after_a_lost_answer_gets_the_first_result_and_a_later_one_is_meant() {
    for shape in [SMALL, LARGE] {
        let world = world().await;
        let message = letter("lost", shape, Name::Own);
        let hold = world.tenant.hold(Kind::Send);
        let mut smtp = world.smtp().await;
        smtp.hand_in(ADA, &[BOB], &message).await.unwrap();
        hold.arrived(1).await;
        // The client gives up while the service is slow, and comes again.
        drop(smtp);
        hold.release();
        let mut smtp = world.smtp().await;
        let reply = smtp.submit(ADA, &[BOB], &message).await;
        assert!(reply.starts_with("250 "), "{shape:?}: {reply}");
        assert_sent(&world, 1, &message);
        smtp.command("NOOP").await;
        let again = smtp.submit(ADA, &[BOB], &message).await;
        assert!(again.starts_with("250 ") && again != reply, "{shape:?}: {again}");
        assert_sent(&world, 2, &message);
    }
}

/// What the service makes of such a Message-ID is its own affair, and the message must be found under it.
#[tokio::test]
async fn a_message_id_that_is_none_is_found_again_whatever_answer_is_lost() {
    for survives in [true, false] {
        let mut switches = switches();
        switches.sending.id_survives_send = survives;
        let world = World::made(Tenant::builder().switches(switches).user(ADA), |_| {}).await;
        let message = String::from_utf8(letter("odd", SMALL, Name::Own)).unwrap();
        let (before, after) = message.split_once("Message-ID: <").unwrap();
        let (_, after) = after.split_once("\r\n").unwrap();
        let mut sent = 0;
        for id in ["<a b@c>", "nobrackets", "(comment) <x@c>", "<x@c> <y@c>"] {
            for kind in [Kind::CreateMime, Kind::Send] {
                world.tenant.faults().push(Rule::on(kind).answer(Fault::CutAfter));
                let message = format!("{before}Message-ID: {id}\r\nX-Case: {kind:?}\r\n{after}");
                let reply = submit(&world, message.as_bytes()).await;
                assert!(reply.starts_with("250 "), "{survives} {id} {kind:?}: {reply}");
                sent += 1;
                assert_eq!(world.tenant.sent_to(BOB).len(), sent, "{survives} {id} {kind:?}");
                assert!(world.ada().items("Drafts").is_empty(), "{survives} {id} {kind:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_message_that_leaves_late_is_not_sent_again_whatever_it_looks_like_meanwhile() {
    // Where nothing shows that a draft is on its way, the service must not send it twice by itself.
    for (waiting, sent_again) in [
        (Waiting::NoDraft, SentAgain::Doubled),
        (Waiting::Submitted, SentAgain::Doubled),
        (Waiting::Draft, SentAgain::Refused),
    ] {
        for (survives, shape) in [(true, SMALL), (false, SMALL), (false, LARGE)] {
            let mut switches = switches();
            switches.sending.delay_seconds = 5 * 60;
            switches.sending.id_survives_send = survives;
            (switches.sending.waiting, switches.sending.sent_again) = (waiting, sent_again);
            let world = World::made(Tenant::builder().switches(switches).user(ADA), |_| {}).await;
            let case = format!("{waiting:?} {survives} {shape:?}");
            let message = letter("late", shape, Name::Own);
            world.tenant.faults().push(Rule::on(Kind::Send).answer(Fault::CutAfter));
            let mut reply = submit(&world, &message).await;
            for _ in 0..6 {
                if reply.starts_with("250 ") {
                    break;
                }
                assert!(reply.starts_with("451 "), "{case}: {reply}");
                world.advance(Duration::from_secs(2 * 60));
                reply = submit(&world, &message).await;
            }
            assert!(reply.starts_with("250 "), "{case}: {reply}");
            world.advance(Duration::from_secs(10 * 60));
            assert_sent(&world, 1, &message);
        }
    }
}

/// Whatever the service makes of a draft's bytes, one whose making is in doubt is found or stays alone.
#[tokio::test]
async fn a_draft_in_doubt_is_recognised_in_other_bytes_and_a_users_own_is_left_alone() {
    for fidelity in
        [MimeFidelity::ByteExact, MimeFidelity::Regenerated, MimeFidelity::RegeneratedEachTime]
    {
        for shape in [SMALL, Shape::Image(1_000), LARGE] {
            let mut switches: Switches = switches();
            switches.messages.mime = fidelity;
            let world = World::made(Tenant::builder().switches(switches).user(ADA), |_| {}).await;
            let message = letter("doubt", shape, Name::Own);
            let own = String::from_utf8(letter("doubt", Shape::Text(100), Name::Own)).unwrap();
            world.ada().folder("Drafts").draft(own.clone());
            world.tenant.faults().push(Rule::on(Kind::CreateMime).answer(Fault::CutAfter));
            let reply = submit(&world, &message).await;
            let case = format!("{fidelity:?} {shape:?}");
            assert!(reply.starts_with("250 "), "{case}: {reply}");
            assert_eq!(
                world.tenant.journal().of(Kind::CreateMime).len(),
                1,
                "{case}: it was found"
            );
            let sent = world.tenant.sent_to(BOB);
            assert_eq!((sent.len(), told(&sent[0].mime)), (1, told(&message)), "{case}");
            let drafts = world.ada().items("Drafts");
            assert_eq!(drafts.len(), 1, "{case}");
            assert!(drafts[0].mime == own.as_bytes(), "{case}");
            for _ in 0..5 {
                world.look_later().await;
            }
            assert_eq!(world.ada().items("Drafts").len(), 1, "{case}: the user's own stays");
        }
    }
}

#[tokio::test]
async fn a_draft_that_a_client_saves_while_it_sends_is_never_taken_for_the_one_in_doubt() {
    let mut switches = switches();
    switches.messages.mime = MimeFidelity::Regenerated;
    let world = World::made(Tenant::builder().switches(switches).user(ADA), |_| {}).await;
    let message = letter("saved", SMALL, Name::Own);
    world.imap().await.append("Drafts (\\Draft)", &message).await.ok();
    world.tenant.faults().push(Rule::on(Kind::CreateMime).answer(Fault::CutBefore));
    let reply = submit(&world, &message).await;
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(world.tenant.sent_to(BOB).len(), 1);
    assert_eq!(world.ada().items("Drafts").len(), 1, "the saved one");
    for _ in 0..5 {
        world.look_later().await;
    }
    assert_eq!(world.ada().items("Drafts").len(), 1);
    let mut imap = world.selected("Drafts").await;
    let uid = imap.uids().await[0];
    assert!(imap.message(uid).await == message);
}

#[tokio::test]
async fn what_comes_to_be_long_after_its_request_was_given_up_is_removed() {
    for (shape, seconds) in [(SMALL, 20), (SMALL, 300), (LARGE, 20), (LARGE, 300)] {
        let mut switches = switches();
        switches.messages.mime = MimeFidelity::Regenerated;
        let world = World::made(Tenant::builder().switches(switches).user(ADA), |_| {}).await;
        world.ready().await;
        let message = letter("late", shape, Name::Own);
        world.tenant.faults().push(Rule::on(Kind::CreateMime).answer(Fault::Late { seconds }));
        let reply = submit(&world, &message).await;
        assert!(reply.starts_with("250 "), "{shape:?} {seconds}: {reply}");
        world.advance(Duration::from_secs(seconds));
        assert_eq!(world.ada().items("Drafts").len(), 1, "{shape:?} {seconds}: it came late");
        for _ in 0..4 {
            world.look_later().await;
        }
        assert_sent(&world, 1, &message);
    }
}

#[tokio::test]
async fn a_client_that_comes_back_after_hours_gets_what_it_never_heard_of() {
    let builder = Tenant::builder().switches(switches()).user(ADA);
    let mut world = World::killable(builder, |_| {}).await;
    world.ready().await;
    let message = letter("hours", SMALL, Name::Own);
    let hold = world.tenant.hold(Kind::Send);
    tokio::select! {
        reply = submit(&world, &message) => panic!("{reply}"),
        () = hold.arrived(1) => {}
    }
    world.kill();
    hold.release();
    world.start().await;
    world.ready().await;
    for _ in 0..20 {
        world.look_later().await;
    }
    assert!(submit(&world, &message).await.starts_with("250 "));
    assert_sent(&world, 1, &message);
}

/// A refusal would tell the client that it was not sent.
#[tokio::test]
async fn a_message_in_doubt_is_not_refused_because_nobody_may_look_for_it() {
    for shape in [SMALL, LARGE] {
        let world = world().await;
        let message = letter("unseen", shape, Name::Own);
        world.tenant.faults().push(Rule::on(Kind::Send).answer(Fault::CutAfter));
        for kind in [Kind::Batch, Kind::ListMessages, Kind::GetMessage] {
            let denied = Rule::on(kind).answer(Fault::status(403, "ErrorAccessDenied"));
            world.tenant.faults().push(denied.always());
        }
        for _ in 0..3 {
            let reply = submit(&world, &message).await;
            assert!(reply.starts_with("451 "), "{reply}");
        }
        world.tenant.faults().clear();
        assert!(submit(&world, &message).await.starts_with("250 "));
        assert_sent(&world, 1, &message);
    }
}

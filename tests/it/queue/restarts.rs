//! A bridge that dies with mail in its queue, with its index or without it.

use std::time::Duration;

use footbridge::config::Config;
use footbridge::store::QueueId;
use footbridge::store::queue::{Order, QueueFolder, Reply};
use m365_sim::switch::Waiting;
use m365_sim::{Fault, Kind, Rule, Switches, Tenant};

use super::bench::{
    BOB, HOUR, MINUTE, away, denied, files, id_of, named, nameless, outbox, pass, queued, queueing,
    received, reply_to, reports, settle, submit, until_empty, world,
};
use crate::sending::letters::{self, Name, Shape, letter};
use crate::world::{ADA, World};

/// What is left of the index when the bridge starts again.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Index {
    Kept,
    Lost,
}

const INDEXES: [Index; 2] = [Index::Kept, Index::Lost];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    BeforeTheWork,
    AfterTheWork,
}

/// A world whose bridge is cut short when it is stopped.
fn mortally(config: &mut Config) {
    queueing(config);
    config.limits.drain = Duration::ZERO;
}

async fn mortal() -> World {
    let world = World::adjusted(Tenant::builder().user(ADA), |_| {}, mortally).await;
    world.ready().await;
    world
}

/// The bridge is cut off where it stands; whatever `hold` keeps waiting at the service goes on there.
async fn die_and_return(world: &mut World, index: Index, hold: Option<m365_sim::Hold>) {
    world.stop().await;
    drop(hold);
    if index == Index::Lost {
        lose_index(world);
    }
    world.start().await;
    world.ready().await;
}

fn lose_index(world: &World) {
    let mailbox = outbox(world).parent().unwrap().to_owned();
    for name in ["index.db", "index.db-wal", "index.db-shm"] {
        let _ = std::fs::remove_file(mailbox.join(name));
    }
}

#[tokio::test]
async fn what_was_accepted_outlives_the_bridge_and_its_index() {
    for index in INDEXES {
        let mut world = mortal().await;
        away(&world);
        for number in 1..=3 {
            id_of(&submit(&world, named(number)).await);
        }
        let before = queued(&world);
        world.tenant.faults().clear();
        world.stop().await;
        assert_eq!(queued(&world), before);
        world.start().await;
        die_and_return(&mut world, index, None).await;
        until_empty(&world).await;
        for number in 1..=3 {
            assert_eq!(received(&world, number), 1, "{index:?}");
        }
        assert_eq!(reports(&world), 0);
    }
}

#[tokio::test]
async fn nothing_is_sent_twice_or_lost_wherever_the_bridge_dies_under_a_first_try() {
    for index in INDEXES {
        for kind in [Kind::CreateMime, Kind::Send] {
            for moment in [Moment::BeforeTheWork, Moment::AfterTheWork] {
                let case = format!("{index:?} {kind:?} {moment:?}");
                let mut world = mortal().await;
                let hold = match moment {
                    Moment::BeforeTheWork => world.tenant.hold_before(kind),
                    Moment::AfterTheWork => world.tenant.hold(kind),
                };
                let mut smtp = world.smtp().await;
                let message = nameless(1);
                tokio::select! {
                    reply = smtp.submit(ADA, &[BOB], message.as_bytes()) => panic!("{case}: {reply}"),
                    () = hold.arrived(1) => {}
                }
                assert_eq!(queued(&world).len(), 1, "{case}: it is on disk before it is tried");
                die_and_return(&mut world, index, Some(hold)).await;
                until_empty(&world).await;
                // A draft that was made late is removed when nobody can wait for it any more.
                pass(&world, 45 * MINUTE).await;
                assert_eq!((received(&world, 1), reports(&world)), (1, 0), "{case}");
                assert_eq!(world.ada().items("Sent Items").len(), 1, "{case}");
                assert!(world.ada().items("Drafts").is_empty(), "{case}: a draft is left");
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_twice_or_lost_wherever_the_bridge_dies_under_a_later_try() {
    for index in INDEXES {
        for kind in [Kind::CreateMime, Kind::Send] {
            for moment in [Moment::BeforeTheWork, Moment::AfterTheWork] {
                let case = format!("{index:?} {kind:?} {moment:?}");
                let mut world = mortal().await;
                away(&world);
                id_of(&submit(&world, named(1)).await);
                settle(&world).await;
                world.tenant.faults().clear();
                let hold = match moment {
                    Moment::BeforeTheWork => world.tenant.hold_before(kind),
                    Moment::AfterTheWork => world.tenant.hold(kind),
                };
                world.advance(5 * MINUTE);
                hold.arrived(1).await;
                die_and_return(&mut world, index, Some(hold)).await;
                until_empty(&world).await;
                // A draft that was made late is removed when nobody can wait for it any more.
                pass(&world, 45 * MINUTE).await;
                assert_eq!((received(&world, 1), reports(&world)), (1, 0), "{case}");
                assert!(world.ada().items("Drafts").is_empty(), "{case}: a draft is left");
            }
        }
    }
}

/// It looks like a draft for as long as the service takes to send it, and nothing but the mailbox tells what it is.
/// A refusal of a look says nothing about the message.
#[tokio::test]
async fn a_message_that_may_not_be_looked_for_stays_queued_until_it_may() {
    for index in INDEXES {
        let mut world = mortal().await;
        let hold = world.tenant.hold(Kind::Send);
        let mut smtp = world.smtp().await;
        let message = named(1);
        tokio::select! {
            reply = smtp.submit(ADA, &[BOB], &message) => panic!("{index:?}: {reply}"),
            () = hold.arrived(1) => {}
        }
        for kind in [Kind::Batch, Kind::ListMessages, Kind::GetMessage] {
            let denied = Rule::on(kind).answer(Fault::status(403, "ErrorAccessDenied"));
            world.tenant.faults().push(denied.always());
        }
        world.stop().await;
        drop(hold);
        if index == Index::Lost {
            lose_index(&world);
        }
        world.start().await;
        for _ in 0..(6 * 24) {
            pass(&world, HOUR).await;
        }
        // Longer than anything is tried; and nobody may say that it was not sent.
        assert_eq!((queued(&world).len(), reports(&world)), (1, 0), "{index:?}");
        world.tenant.faults().clear();
        until_empty(&world).await;
        assert_eq!((received(&world, 1), reports(&world)), (1, 0), "{index:?}");
        assert!(world.ada().items("Drafts").is_empty(), "{index:?}: a draft is left");
    }
}

#[tokio::test]
async fn a_large_message_that_leaves_late_is_not_sent_again_though_the_index_is_lost() {
    let mut switches = Switches::default();
    switches.sending.message_bytes = 150 * 1024 * 1024;
    (switches.sending.delay_seconds, switches.sending.waiting) = (5 * 60, Waiting::Draft);
    let tenant = Tenant::builder().switches(switches).user(ADA);
    let mut world = World::adjusted(tenant, |_| {}, mortally).await;
    world.ready().await;
    let message = letter("late", Shape::File(3_200_000), Name::Own);
    let hold = world.tenant.hold(Kind::Send);
    let mut smtp = world.smtp().await;
    tokio::select! {
        reply = smtp.submit(ADA, &[letters::BOB], &message) => panic!("{reply}"),
        () = hold.arrived(1) => {}
    }
    die_and_return(&mut world, Index::Lost, Some(hold)).await;
    world.forget();
    for _ in 0..10 {
        pass(&world, MINUTE).await;
    }
    until_empty(&world).await;
    assert_eq!((world.tenant.sent_to(letters::BOB).len(), reports(&world)), (1, 0));
    let made = world.tenant.journal().entries();
    assert!(made.iter().all(|entry| entry.kind != Kind::CreateMime), "it was made again");
    assert!(world.ada().items("Drafts").is_empty());
}

#[tokio::test]
async fn a_removal_that_a_power_cut_took_back_sends_nothing_again() {
    for index in INDEXES {
        let mut world = mortal().await;
        away(&world);
        let id = id_of(&submit(&world, named(1)).await);
        settle(&world).await;
        let saved = saved(&world, &id);
        world.tenant.faults().clear();
        // The journal says that it was sent, then the files go.
        let hold = world.tenant.hold(Kind::Send);
        world.advance(5 * MINUTE);
        hold.arrived(1).await;
        let later = std::fs::read(outbox(&world).join(format!("{id}.state"))).unwrap();
        hold.release();
        until_empty(&world).await;
        assert_eq!(received(&world, 1), 1);
        world.stop().await;
        for (name, content) in saved {
            let content = if name.ends_with(".state") { later.clone() } else { content };
            std::fs::write(outbox(&world).join(name), content).unwrap();
        }
        world.start().await;
        die_and_return(&mut world, index, None).await;
        until_empty(&world).await;
        assert_eq!((received(&world, 1), reports(&world)), (1, 0), "{index:?}");
    }
}

fn saved(world: &World, id: &str) -> Vec<(String, Vec<u8>)> {
    let names = files(world).into_iter().filter(|name| name.starts_with(id));
    names.map(|name| (name.clone(), std::fs::read(outbox(world).join(name)).unwrap())).collect()
}

#[tokio::test]
async fn a_report_is_filed_once_wherever_the_bridge_dies() {
    for index in INDEXES {
        for moment in [Moment::BeforeTheWork, Moment::AfterTheWork] {
            let case = format!("{index:?} {moment:?}");
            let mut world = mortal().await;
            away(&world);
            id_of(&submit(&world, named(1)).await);
            settle(&world).await;
            world.tenant.faults().clear();
            denied(&world);
            let hold = match moment {
                Moment::BeforeTheWork => world.tenant.hold_before(Kind::CreateJson),
                Moment::AfterTheWork => world.tenant.hold(Kind::CreateJson),
            };
            world.advance(5 * MINUTE);
            hold.arrived(1).await;
            die_and_return(&mut world, index, Some(hold)).await;
            until_empty(&world).await;
            pass(&world, HOUR).await;
            assert_eq!((received(&world, 1), reports(&world)), (0, 1), "{case}");
        }
    }
}

#[tokio::test]
async fn a_report_whose_answer_is_lost_is_filed_once() {
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::status(503, "x"), Fault::EmptyBody] {
        let world = world().await;
        away(&world);
        id_of(&submit(&world, named(1)).await);
        world.tenant.faults().clear();
        denied(&world);
        world.tenant.faults().push(Rule::on(Kind::CreateJson).answer(fault.clone()).times(2));
        until_empty(&world).await;
        assert_eq!((received(&world, 1), reports(&world)), (0, 1), "{fault:?}");
    }
}

#[tokio::test]
async fn an_unanswered_half_of_a_message_is_cleared_away_and_a_damaged_one_is_kept() {
    let mut world = mortal().await;
    away(&world);
    let id = id_of(&submit(&world, named(1)).await);
    world.stop().await;
    let unanswered = outbox(&world).join("00000000ffffffff.eml");
    std::fs::write(&unanswered, "never answered").unwrap();
    std::fs::write(outbox(&world).join(format!("{id}.json")), "{").unwrap();
    world.tenant.faults().clear();
    world.start().await;
    world.ready().await;
    pass(&world, HOUR).await;
    assert!(!unanswered.exists());
    assert_eq!(queued(&world), std::slice::from_ref(&id));
    assert_eq!(received(&world, 1), 0);
    let figures = world.accounts().all().remove(0).queue_figures();
    assert_eq!((figures.damaged, figures.waiting), (1, 0));
    let reply = submit(&world, named(2)).await;
    assert!(reply.starts_with("250 2.0.0 Ok: taken "), "{reply}");
    assert_eq!(queued(&world), [id]);
}

#[tokio::test]
async fn a_state_that_a_crash_has_garbled_is_looked_into_before_anything_is_sent() {
    let mut world = mortal().await;
    // It was sent, and nobody has heard of it.
    world.tenant.faults().push(Rule::on(Kind::Send).answer(Fault::CutAfter));
    let blind = Fault::status(503, "x");
    world.tenant.faults().push(Rule::on(Kind::GetMessage).or(Kind::Batch).answer(blind).always());
    let id = id_of(&submit(&world, nameless(1)).await);
    settle(&world).await;
    world.stop().await;
    std::fs::write(outbox(&world).join(format!("{id}.state")), "{\"version\":1,\"cou").unwrap();
    world.tenant.faults().clear();
    world.start().await;
    die_and_return(&mut world, Index::Lost, None).await;
    until_empty(&world).await;
    assert_eq!((received(&world, 1), reports(&world)), (1, 0));
}

#[tokio::test]
async fn mail_queued_before_the_queue_was_switched_off_goes_out() {
    let mut world = mortal().await;
    away(&world);
    id_of(&submit(&world, named(1)).await);
    world.stop().await;
    world.readjust(|_| {});
    world.tenant.faults().clear();
    world.start().await;
    world.ready().await;
    until_empty(&world).await;
    assert_eq!(received(&world, 1), 1);
}

#[tokio::test]
async fn a_first_attempt_in_doubt_is_settled_before_its_retry_is_sent_from_the_queue() {
    for is_sent in [true, false] {
        let mut world = World::adjusted(Tenant::builder().user(ADA), |_| {}, |_| {}).await;
        world.ready().await;
        let fault = if is_sent { Fault::CutAfter } else { Fault::CutBefore };
        world.tenant.faults().push(Rule::on(Kind::Send).answer(fault).always());
        let blind = Fault::status(503, "x");
        world
            .tenant
            .faults()
            .push(Rule::on(Kind::GetMessage).or(Kind::Batch).answer(blind).always());
        let reply = submit(&world, named(1)).await;
        assert!(reply.starts_with("451 "), "{reply}");
        world.stop().await;
        world.readjust(queueing);
        away(&world);
        world.start().await;
        id_of(&world.while_delays_pass(submit(&world, named(1))).await);
        world.tenant.faults().clear();
        until_empty(&world).await;
        assert_eq!((received(&world, 1), reports(&world)), (1, 0), "{is_sent}");
        assert!(world.ada().items("Drafts").is_empty(), "{is_sent}");
    }
}

#[tokio::test]
async fn what_is_dropped_after_the_index_was_lost_leaves_no_draft() {
    for index in INDEXES {
        let mut world = mortal().await;
        let fault = Fault::status(503, "ServiceUnavailable");
        world.tenant.faults().push(Rule::on(Kind::Send).answer(fault).always());
        let id = id_of(&submit(&world, named(1)).await);
        settle(&world).await;
        die_and_return(&mut world, index, None).await;
        assert_eq!(world.ada().items("Drafts").len(), 1, "{index:?}");
        let folder = QueueFolder::of(outbox(&world).parent().unwrap());
        let id = QueueId::parse(&id).unwrap();
        folder.leave_order(&id, Order::Drop).unwrap();
        assert_eq!(reply_to(&world, &folder, &id).await, Some(Reply::Done), "{index:?}");
        for _ in 0..4 {
            world.look_later().await;
        }
        assert!(world.ada().items("Drafts").is_empty(), "{index:?}: a draft is left");
        assert_eq!((received(&world, 1), reports(&world)), (0, 0), "{index:?}");
    }
}

//! What people do with queued mail by hand, while the bridge runs. The command itself is tested where
//! the program is.

use footbridge::store::QueueId;
use footbridge::store::queue::{Order, QueueFolder, Reply};
use m365_sim::Kind;

use super::bench::{
    HOUR, MINUTE, away, denied, id_of, named, outbox, pass, queued, received, reply_to, reports,
    settle, submit, until_empty, world,
};
use crate::world::World;

fn folder(world: &World) -> QueueFolder {
    QueueFolder::of(outbox(world).parent().unwrap())
}

/// Leaves an order and waits for what the bridge says to it.
async fn give(world: &World, id: &str, order: Order) -> Reply {
    let (folder, id) = (folder(world), QueueId::parse(id).unwrap());
    folder.leave_order(&id, order).unwrap();
    reply_to(world, &folder, &id).await.expect("the bridge says something")
}

/// A queued message that will be refused for good, and so reported, at its next try.
async fn refused_when_it_is_tried_again() -> (World, String) {
    let world = world().await;
    away(&world);
    let id = id_of(&submit(&world, named(1)).await);
    settle(&world).await;
    world.tenant.faults().clear();
    denied(&world);
    (world, id)
}

#[tokio::test]
async fn a_held_message_waits_without_growing_old_until_it_is_retried() {
    let world = world().await;
    away(&world);
    let id = id_of(&submit(&world, named(1)).await);
    settle(&world).await;
    assert_eq!(give(&world, &id, Order::Hold).await, Reply::Done);
    world.tenant.faults().clear();
    for _ in 0..(9 * 24) {
        pass(&world, HOUR).await;
    }
    assert_eq!(queued(&world), std::slice::from_ref(&id));
    assert_eq!((received(&world, 1), reports(&world)), (0, 0));
    assert_eq!(give(&world, &id, Order::Retry).await, Reply::Done);
    settle(&world).await;
    until_empty(&world).await;
    assert_eq!((received(&world, 1), reports(&world)), (1, 0));
}

#[tokio::test]
async fn a_retry_by_hand_does_not_wait_for_its_time() {
    let world = world().await;
    // Tokens are to be had meanwhile.
    let fault = m365_sim::Fault::status(503, "ServiceUnavailable");
    world.tenant.faults().push(m365_sim::Rule::on(Kind::CreateMime).answer(fault).always());
    let id = id_of(&submit(&world, named(1)).await);
    for _ in 0..6 {
        pass(&world, HOUR).await;
    }
    world.tenant.faults().clear();
    pass(&world, MINUTE).await;
    assert_eq!(received(&world, 1), 0);
    assert_eq!(give(&world, &id, Order::Retry).await, Reply::Done);
    settle(&world).await;
    assert_eq!(received(&world, 1), 1);
}

#[tokio::test]
async fn a_dropped_message_is_gone_and_its_draft_with_it() {
    let world = world().await;
    // A draft is made, and cannot be sent.
    let fault = m365_sim::Fault::status(503, "x");
    world.tenant.faults().push(m365_sim::Rule::on(Kind::Send).answer(fault).always());
    let id = id_of(&submit(&world, named(1)).await);
    settle(&world).await;
    assert_eq!(give(&world, &id, Order::Drop).await, Reply::Done);
    assert!(queued(&world).is_empty());
    world.tenant.faults().clear();
    pass(&world, HOUR).await;
    // What was left open is settled after a look at the mailbox.
    while !world.ada().items("Drafts").is_empty() {
        world.look_later().await;
    }
    assert_eq!((received(&world, 1), reports(&world)), (0, 0));
    assert_eq!(give_up(&world, &id).await, Reply::Gone);
}

/// An order for what is not there is answered as long as anything is queued.
async fn give_up(world: &World, id: &str) -> Reply {
    away(world);
    id_of(&submit(world, named(9)).await);
    give(world, id, Order::Drop).await
}

#[tokio::test]
async fn what_is_being_sent_right_now_cannot_be_dropped() {
    let world = world().await;
    away(&world);
    let id = id_of(&submit(&world, named(1)).await);
    settle(&world).await;
    world.tenant.faults().clear();
    let hold = world.tenant.hold_before(Kind::Send);
    world.advance(5 * MINUTE);
    hold.arrived(1).await;
    assert_eq!(give(&world, &id, Order::Drop).await, Reply::Underway);
    assert_eq!(give(&world, &id, Order::Hold).await, Reply::Underway);
    hold.release();
    until_empty(&world).await;
    assert_eq!(received(&world, 1), 1);
}

#[tokio::test]
async fn a_message_that_was_given_up_can_be_retried_while_its_report_is_not_out() {
    let world = world().await;
    away(&world);
    let id = id_of(&submit(&world, named(1)).await);
    for _ in 0..(6 * 24) {
        pass(&world, HOUR).await;
    }
    let figures = world.accounts().all().remove(0).queue_figures();
    assert_eq!(figures.failed, 1);
    world.tenant.faults().clear();
    assert_eq!(give(&world, &id, Order::Retry).await, Reply::Done);
    settle(&world).await;
    until_empty(&world).await;
    assert_eq!((received(&world, 1), reports(&world)), (1, 0));
}

#[tokio::test]
async fn a_message_whose_report_may_be_out_is_not_sent_any_more() {
    let (world, id) = refused_when_it_is_tried_again().await;
    // The report is filed, and nobody says so for long.
    world
        .tenant
        .faults()
        .push(m365_sim::Rule::on(Kind::CreateJson).answer(m365_sim::Fault::CutAfter));
    let fault = m365_sim::Fault::status(503, "x");
    let blind = m365_sim::Rule::on(Kind::ListMessages).path_containing("report-").answer(fault);
    world.tenant.faults().push(blind.always());
    pass(&world, 5 * MINUTE).await;
    assert_eq!(queued(&world), std::slice::from_ref(&id));
    for order in [Order::Retry, Order::Hold] {
        assert_eq!(give(&world, &id, order).await, Reply::Reported);
    }
    world.tenant.faults().clear();
    until_empty(&world).await;
    assert_eq!((received(&world, 1), reports(&world)), (0, 1));
}

#[tokio::test]
async fn a_message_whose_report_is_on_its_way_is_neither_sent_nor_held_nor_dropped() {
    let (world, id) = refused_when_it_is_tried_again().await;
    let hold = world.tenant.hold_before(Kind::CreateJson);
    world.advance(5 * MINUTE);
    hold.arrived(1).await;
    assert_eq!(give(&world, &id, Order::Retry).await, Reply::Reported);
    assert_eq!(give(&world, &id, Order::Hold).await, Reply::Reported);
    assert_eq!(give(&world, &id, Order::Drop).await, Reply::Underway);
    hold.release();
    until_empty(&world).await;
    assert_eq!((received(&world, 1), reports(&world)), (0, 1));
}

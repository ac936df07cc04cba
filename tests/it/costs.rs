//! What the bridge asks of the service, counted.

use crate::world::{World, id, mail};

#[tokio::test]
async fn a_cold_inbox_of_ten_thousand_is_selected_within_25_requests_and_its_flags_are_free() {
    let world = World::with(|tenant| tenant.person(crate::world::ADA).inbox().seed(10_000)).await;
    world.ready().await;
    let mut imap = world.imap().await;
    imap.command("SELECT INBOX").await.ok().expect("* 10000 EXISTS");
    let cold = world.requests();
    assert!(cold <= 25, "{cold} requests");
    world.forget();
    let answer = imap.command("UID FETCH 1:* (FLAGS)").await.ok();
    assert_eq!(answer.untagged.len(), 10_000);
    assert_eq!(world.requests(), 0);
}

#[tokio::test]
async fn reopening_after_five_changes_elsewhere_costs_at_most_three_requests() {
    let world = World::with(|tenant| tenant.person(crate::world::ADA).inbox().seed(100)).await;
    let mut imap = world.selected("INBOX").await;
    imap.command("UNSELECT").await.ok();
    let ada = world.ada();
    let items = ada.items("Inbox");
    for item in &items[..2] {
        ada.outlook().mark_read(&id(item), true);
    }
    ada.outlook().flag(&id(&items[2]), "flagged");
    ada.outlook().delete(&id(&items[3]));
    ada.inbox().deliver(mail("News"));
    world.forget();
    imap.command("SELECT INBOX").await.ok().expect("* 100 EXISTS");
    assert!(world.requests() <= 3, "{} requests", world.requests());
}

#[tokio::test]
async fn a_poll_tick_is_one_request_while_nothing_changes() {
    let world = World::with(|tenant| tenant.person(crate::world::ADA).inbox().seed(10)).await;
    let _first = world.selected("INBOX").await;
    let _second = world.selected("Drafts").await;
    let _third = world.selected("INBOX").await;
    world.tick().await;
    for _ in 0..5 {
        world.forget();
        world.tick().await;
        assert_eq!(world.requests(), 1);
    }
}

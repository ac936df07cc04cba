use m365_sim::{Fault, Kind as Call, Rule};

use super::{ADA, World};
use crate::backend::{Backend as _, Trace};
use crate::mailbox::{Kind, RemoteId};

const BOB: &str = "bob@contoso.example";
const MESSAGE_ID: &str = "<it's@contoso.example>";

fn message() -> String {
    format!(
        "From: {ADA}\r\nTo: {BOB}\r\nSubject: hello\r\nMessage-ID: {MESSAGE_ID}\r\n\r\nhello\r\n"
    )
}

async fn staged(world: &World) -> RemoteId {
    world.graph.stage(&world.spool(&message())).await.unwrap()
}

#[tokio::test]
async fn a_message_is_staged_found_sent_and_found_again() {
    let world = World::new().await;
    let since = world.clock.now();
    assert!(world.graph.trace(MESSAGE_ID, since).await.unwrap().is_none());
    let draft = staged(&world).await;
    assert_eq!(world.ada().items("Drafts")[0].mime, message().as_bytes());
    let found = world.graph.trace(MESSAGE_ID, since).await.unwrap();
    assert!(matches!(found, Some(Trace::Draft(id)) if id == draft));
    world.graph.dispatch(&draft).await.unwrap();
    assert_eq!(world.tenant.sent_to(BOB).len(), 1);
    let found = world.graph.trace(MESSAGE_ID, since).await.unwrap();
    assert!(matches!(found, Some(Trace::Sent(_))), "{found:?}");
}

#[tokio::test]
async fn a_send_in_doubt_sends_once() {
    let faults = [
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::status(503, "ErrorServerBusy"),
        Fault::status(500, "ErrorInternalServerError"),
        Fault::status(504, ""),
        Fault::SilentOk,
        Fault::Html { code: 502 },
    ];
    for survives in [true, false] {
        for fault in &faults {
            let world = World::with(|switches| switches.sending.id_survives_send = survives).await;
            let draft = staged(&world).await;
            world.tenant.faults().push(Rule::on(Call::Send).answer(fault.clone()));
            world.graph.dispatch(&draft).await.unwrap();
            assert_eq!(world.tenant.sent_to(BOB).len(), 1, "{fault:?} {survives}");
        }
    }
}

#[tokio::test]
async fn a_throttled_send_waits_and_sends_once() {
    let world = World::new().await;
    let draft = staged(&world).await;
    let throttled = Fault::throttled(m365_sim::RetryAfter::HttpDate(7));
    world.tenant.faults().push(Rule::on(Call::Send).answer(throttled));
    world.graph.dispatch(&draft).await.unwrap();
    assert_eq!(world.tenant.sent_to(BOB).len(), 1);
}

#[tokio::test]
async fn staging_in_doubt_stages_once() {
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::status(503, ""), Fault::SilentOk] {
        let world = World::new().await;
        world.tenant.faults().push(Rule::on(Call::CreateMime).answer(fault));
        let draft = staged(&world).await;
        assert_eq!(world.ada().items("Drafts").len(), 1);
        assert_eq!(world.ada().items("Drafts")[0].immutable_id, draft.as_str());
    }
}

#[tokio::test]
async fn what_was_not_sent_can_be_taken_back() {
    let world = World::new().await;
    let draft = staged(&world).await;
    world.graph.unstage(&draft).await.unwrap();
    world.graph.unstage(&draft).await.unwrap();
    assert!(world.ada().items("Drafts").is_empty());
}

#[tokio::test]
async fn a_draft_that_is_gone_before_it_is_sent_is_missing() {
    let world = World::new().await;
    let draft = staged(&world).await;
    world.ada().outlook().purge(&m365_sim::ItemId(draft.as_str().to_owned()));
    let fault = world.graph.dispatch(&draft).await.unwrap_err();
    assert_eq!(*fault.kind(), Kind::NoSuchMessage);
}

#[tokio::test]
async fn a_stranger_in_from_is_refused() {
    let world = World::new().await;
    let text = message().replace(&format!("From: {ADA}"), "From: eve@contoso.example");
    let draft = world.graph.stage(&world.spool(&text)).await.unwrap();
    let fault = world.graph.dispatch(&draft).await.unwrap_err();
    assert_eq!(*fault.kind(), Kind::SenderRefused);
    assert!(world.tenant.sent().is_empty());
}

#[tokio::test]
async fn a_message_without_recipients_is_unacceptable() {
    let world = World::new().await;
    let text = message().replace(&format!("To: {BOB}\r\n"), "");
    let draft = world.graph.stage(&world.spool(&text)).await.unwrap();
    let fault = world.graph.dispatch(&draft).await.unwrap_err();
    assert_eq!(*fault.kind(), Kind::Unacceptable);
}

#[tokio::test]
async fn the_mailbox_tells_its_addresses() {
    let world = World::new().await;
    let addresses = world.graph.addresses().await.unwrap();
    assert_eq!(addresses[0].as_str(), ADA);
}

#[tokio::test]
async fn a_slow_service_is_not_asked_to_send_twice() {
    let world = World::with(|switches| switches.sending.delay_seconds = 60).await;
    let draft = staged(&world).await;
    world.tenant.faults().push(Rule::on(Call::Send).answer(Fault::CutAfter));
    let _ = world.graph.dispatch(&draft).await;
    world.tenant.clock().advance(std::time::Duration::from_secs(600));
    assert_eq!(world.tenant.sent_to(BOB).len(), 1);
}

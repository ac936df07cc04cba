use m365_sim::{Fault, Kind as Call, Rule};

use super::{ADA, World};
use crate::backend::{Backend as _, Staged};
use crate::mailbox::{By, Kind, RemoteId};

const BOB: &str = "bob@contoso.example";
const MESSAGE_ID: &str = "<it's@contoso.example>";

fn message() -> String {
    format!(
        "From: {ADA}\r\nTo: {BOB}\r\nSubject: hello\r\nMessage-ID: {MESSAGE_ID}\r\n\r\nhello\r\n"
    )
}

async fn staged(world: &World) -> RemoteId {
    stage(world, &message()).await
}

async fn stage(world: &World, text: &str) -> RemoteId {
    match world.graph.stage(&world.spool(text)).await.unwrap() {
        Staged::Draft(draft) => draft,
        Staged::Unnamed => panic!("a draft without a name"),
    }
}

#[tokio::test]
async fn a_message_is_staged_found_sent_and_found_again() {
    let world = World::new().await;
    let since = world.clock.now();
    let found = world.graph.trace(MESSAGE_ID, since).await.unwrap();
    assert!(found.drafts.is_empty() && found.sent.is_empty());
    let draft = staged(&world).await;
    assert_eq!(world.ada().items("Drafts")[0].mime, message().as_bytes());
    let found = world.graph.trace(MESSAGE_ID, since).await.unwrap();
    assert_eq!((found.drafts[0].id.clone(), found.sent.len()), (draft.clone(), 0));
    assert_eq!(found.drafts[0].created, since);
    world.graph.dispatch(&draft).await.unwrap();
    assert_eq!(world.tenant.sent_to(BOB).len(), 1);
    let found = world.graph.trace(MESSAGE_ID, since).await.unwrap();
    assert_eq!((found.drafts.len(), found.sent.len()), (0, 1));
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
            match world.graph.dispatch(&draft).await {
                Ok(()) => {}
                // The draft is gone; only its Message-ID tells whether it was sent.
                Err(doubt) => {
                    assert_eq!((doubt.kind(), survives), (&Kind::InDoubt, false), "{fault:?}");
                }
            }
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
async fn staging_asks_once_and_says_so_if_it_is_in_doubt() {
    for (fault, made) in [(Fault::CutBefore, 0), (Fault::CutAfter, 1), (Fault::status(503, ""), 0)]
    {
        let world = World::new().await;
        world.tenant.faults().push(Rule::on(Call::CreateMime).answer(fault.clone()));
        let doubt = world.graph.stage(&world.spool(&message())).await.unwrap_err();
        assert_eq!(*doubt.kind(), Kind::InDoubt, "{fault:?}");
        assert_eq!(world.ada().items("Drafts").len(), made, "{fault:?}");
        assert_eq!(world.tenant.journal().of(Call::CreateMime).len(), 1, "{fault:?}");
    }
    for fault in [Fault::SilentOk, Fault::Html { code: 201 }, Fault::TruncatedJson] {
        let world = World::new().await;
        world.tenant.faults().push(Rule::on(Call::CreateMime).answer(fault.clone()));
        let staged = world.graph.stage(&world.spool(&message())).await.unwrap();
        assert_eq!(staged, Staged::Unnamed, "{fault:?}");
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
    let draft = stage(&world, &text).await;
    let fault = world.graph.dispatch(&draft).await.unwrap_err();
    assert_eq!(*fault.kind(), Kind::SenderRefused(By::Service));
    assert!(world.tenant.sent().is_empty());
}

#[tokio::test]
async fn a_message_without_recipients_is_refused_for_them() {
    let world = World::new().await;
    let text = message().replace(&format!("To: {BOB}\r\n"), "");
    let draft = stage(&world, &text).await;
    let fault = world.graph.dispatch(&draft).await.unwrap_err();
    assert_eq!(*fault.kind(), Kind::RecipientRefused);
}

#[tokio::test]
async fn the_mailbox_tells_its_addresses() {
    let world = World::new().await;
    world.tenant.alias(ADA, "a.lovelace@contoso.example");
    let addresses = world.graph.addresses().await.unwrap();
    let addresses: Vec<&str> = addresses.iter().map(|address| address.as_str()).collect();
    assert_eq!(addresses, [ADA, "a.lovelace@contoso.example"]);
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

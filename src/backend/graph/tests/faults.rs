use std::time::Duration;

use m365_sim::{Fault, Kind as Call, RetryAfter, Rule};

use super::{World, mail, remote};
use crate::backend::{Backend as _, Urgency};
use crate::mailbox::{Fault as Trouble, Kind, Role};

/// Everything that may go wrong with a read and pass.
fn passing() -> Vec<Fault> {
    vec![
        Fault::throttled(RetryAfter::Seconds(3)),
        Fault::throttled(RetryAfter::Decimal(2.128)),
        Fault::throttled(RetryAfter::HttpDate(5)),
        Fault::status(429, "TooManyRequests"),
        Fault::status(503, "ErrorServerBusy"),
        Fault::status(500, "ErrorInternalServerTransientError"),
        Fault::status(504, ""),
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::CutMidBody { bytes: 10 },
        Fault::Html { code: 200 },
        Fault::EmptyBody,
        Fault::SilentOk,
    ]
}

#[tokio::test]
async fn a_read_that_fails_once_succeeds_in_the_end() {
    let faults = passing().into_iter().chain([Fault::TruncatedJson]);
    for fault in faults {
        let world = World::new().await;
        world.ada().inbox().deliver(mail("hello"));
        let inbox = world.folder(Role::Inbox).await.id;
        world.tenant.faults().push(Rule::on(Call::MessageDelta).answer(fault.clone()));
        let page = world.graph.changes(&inbox, None, Urgency::Interactive).await;
        assert_eq!(page.unwrap().changes.len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn an_error_never_becomes_a_message() {
    for fault in passing().into_iter().chain([Fault::status(404, "ErrorItemNotFound")]) {
        let world = World::new().await;
        let text = mail("bytes");
        let id = world.ada().inbox().deliver(text.clone());
        let file = world.files.path().join("bytes");
        world.tenant.faults().push(Rule::on(Call::Mime).answer(fault.clone()));
        match world.graph.fetch(&remote(&id), &file, Urgency::Interactive).await {
            Ok(_) => assert_eq!(std::fs::read(&file).unwrap(), text.as_bytes(), "{fault:?}"),
            Err(trouble) => assert_eq!(*trouble.kind(), Kind::NoSuchMessage, "{fault:?}"),
        }
    }
}

#[tokio::test]
async fn a_stalled_read_is_given_up_and_tried_again() {
    let world = World::new().await;
    let inbox = world.folder(Role::Inbox).await.id;
    world.tenant.faults().push(Rule::on(Call::MessageDelta).answer(Fault::Stall));
    let mut reading = Box::pin(world.graph.changes(&inbox, None, Urgency::Poll));
    assert!(futures_util::poll!(&mut reading).is_pending());
    while world.tenant.faults().pending() > 0 {
        let _ = futures_util::poll!(&mut reading);
        tokio::task::yield_now().await;
    }
    world.clock.advance(Duration::from_secs(21));
    reading.await.unwrap();
}

#[tokio::test]
async fn trouble_that_lasts_is_told_for_what_it_is() {
    let cases = [
        (
            Fault::throttled(RetryAfter::Seconds(600)),
            Kind::Throttled { retry_after: Some(Duration::from_secs(600)) },
        ),
        (Fault::status(503, "ErrorMailboxStoreUnavailable"), Kind::Unreachable),
        (Fault::CutBefore, Kind::Unreachable),
        (Fault::Html { code: 200 }, Kind::Defect),
        (Fault::status(403, "ErrorAccessDenied"), Kind::Denied),
        (Fault::status(404, "ErrorItemNotFound"), Kind::NoSuchFolder),
        (Fault::status(507, "ErrorQuotaExceeded"), Kind::OverQuota),
        (Fault::status(401, "InvalidAuthenticationToken"), Kind::SignInNeeded),
    ];
    for (fault, kind) in cases {
        let world = World::new().await;
        let inbox = world.folder(Role::Inbox).await.id;
        world.tenant.faults().push(Rule::on(Call::GetFolder).always().answer(fault.clone()));
        let trouble: Trouble = world.graph.count(&inbox, Urgency::Interactive).await.unwrap_err();
        assert_eq!(*trouble.kind(), kind, "{fault:?}");
    }
}

#[tokio::test]
async fn a_throttled_mailbox_is_left_alone_until_its_time() {
    let world = World::new().await;
    let inbox = world.folder(Role::Inbox).await.id;
    let throttled = Fault::throttled(RetryAfter::Seconds(600));
    world.tenant.faults().push(Rule::on(Call::GetFolder).answer(throttled));
    assert!(world.graph.count(&inbox, Urgency::Interactive).await.is_err());
    let (again, requests) = world.requests(world.graph.count(&inbox, Urgency::Interactive)).await;
    assert!(matches!(again.unwrap_err().kind(), Kind::Throttled { .. }));
    assert_eq!(requests, 0);
    world.clock.advance(Duration::from_secs(600));
    assert!(world.graph.count(&inbox, Urgency::Interactive).await.is_ok());
}

#[tokio::test]
async fn an_expired_token_leads_to_one_refresh_and_one_retry() {
    let world = World::new().await;
    let inbox = world.folder(Role::Inbox).await.id;
    world.tenant.expire_access_tokens();
    world.tenant.journal().clear();
    world.graph.count(&inbox, Urgency::Interactive).await.unwrap();
    assert_eq!(world.tenant.journal().of(Call::Token).len(), 1);
    assert_eq!(world.tenant.journal().of(Call::GetFolder).len(), 2);
}

#[tokio::test]
async fn a_revoked_sign_in_is_told_and_not_hammered() {
    let world = World::new().await;
    let inbox = world.folder(Role::Inbox).await.id;
    world.tenant.revoke(super::ADA);
    world.tenant.journal().clear();
    for _ in 0..3 {
        let fault = world.graph.count(&inbox, Urgency::Interactive).await.unwrap_err();
        assert_eq!(*fault.kind(), Kind::SignInNeeded);
    }
    assert_eq!(world.tenant.journal().of(Call::Token).len(), 1);
}

#[tokio::test]
async fn a_mailbox_never_has_more_than_four_requests_in_flight() {
    let world = World::new().await;
    world.ada().inbox().seed(30);
    let files = world.files.path();
    let items = world.ada().items("Inbox");
    let fetches = items.iter().enumerate().map(|(index, item)| {
        let id = crate::mailbox::RemoteId::new(item.immutable_id.as_str());
        let file = files.join(index.to_string());
        let graph = &world.graph;
        async move { graph.fetch(&id, &file, Urgency::Interactive).await }
    });
    for fetched in futures_util::future::join_all(fetches).await {
        fetched.unwrap();
    }
    let refused = world.tenant.journal().of(Call::Mime);
    assert!(refused.iter().all(|entry| entry.status == Some(200)));
    assert_eq!(refused.len(), 30);
}

#[tokio::test]
async fn a_step_of_a_batch_that_finds_the_token_expired_is_repeated_with_another() {
    let world = World::new().await;
    world.ada().inbox().seed(3);
    let ids: Vec<_> = world
        .ada()
        .items("Inbox")
        .into_iter()
        .map(|item| crate::mailbox::RemoteId::new(item.immutable_id))
        .collect();
    world.graph.look_up(&ids, Urgency::Interactive).await.unwrap();
    world.tenant.journal().clear();
    let expired = Fault::status(401, "InvalidAuthenticationToken");
    world.tenant.faults().push(Rule::on(Call::GetMessage).answer(expired));
    let found = world.graph.look_up(&ids, Urgency::Interactive).await.unwrap();
    assert!(found.iter().all(Result::is_ok));
    assert_eq!(world.tenant.journal().of(Call::Token).len(), 1);
    assert_eq!(world.tenant.journal().of(Call::GetMessage).len(), 4);
}

#[tokio::test]
async fn every_order_and_form_of_pages_is_understood() {
    let world = World::with(|switches| {
        switches.delta.empty_first_page = true;
        switches.delta.duplicates = true;
        switches.delta.reorder = true;
        switches.messages.empty_first_page = true;
        switches.messages.short_pages = Some(7);
    })
    .await;
    world.ada().inbox().seed(30);
    let inbox = world.folder(Role::Inbox).await.id;
    let (mut since, mut ids) = (None, std::collections::BTreeSet::new());
    loop {
        let page = world.graph.listing(&inbox, since.as_ref(), Urgency::Poll).await.unwrap();
        ids.extend(page.changes.into_iter().filter_map(|change| match change {
            crate::backend::RemoteChange::Upsert(message) => Some(message.id),
            _ => None,
        }));
        if !page.more {
            break;
        }
        since = Some(page.cursor);
    }
    assert_eq!(ids.len(), 30);
    let mut page = world.graph.changes(&inbox, None, Urgency::Poll).await.unwrap();
    let mut rows = page.changes.len();
    while page.more {
        page = world.graph.changes(&inbox, Some(&page.cursor), Urgency::Poll).await.unwrap();
        rows += page.changes.len();
    }
    assert!(rows >= 30);
}

#[tokio::test]
async fn a_shared_mailbox_is_reached_by_its_name() {
    let world = World::new().await;
    world.tenant.share("bob@contoso.example", super::ADA);
    world.tenant.person("bob@contoso.example").inbox().deliver(mail("shared"));
    let shared = super::Graph::shared(world.graph.http.clone(), "bob@contoso.example");
    let folders = shared.folders(None, Urgency::Interactive).await;
    let entries = world.tenant.journal().entries();
    assert!(entries.iter().any(|entry| entry.path.contains("/users/bob%40contoso.example/")));
    // Without a scope for shared mailboxes the service says no, and that is told as such.
    if let Err(fault) = folders {
        assert_eq!(*fault.kind(), Kind::Denied);
    }
}

use m365_sim::{Kind as Call, switch::DeltaExpand};

use super::{World, mail, remote};
use crate::backend::{Backend as _, Page, RemoteChange, RemoteMessage, Seen, Urgency, Watch};
use crate::mailbox::{Keyword, Kind, Role, SystemFlag};

/// A folder's delta to its end.
async fn walk(world: &World) -> (Vec<RemoteChange<RemoteMessage>>, Page<RemoteMessage>) {
    let inbox = world.folder(Role::Inbox).await.id;
    let mut page = world.graph.changes(&inbox, None, Urgency::Poll).await.unwrap();
    let mut changes = Vec::new();
    loop {
        changes.append(&mut page.changes);
        if !page.more {
            return (changes, page);
        }
        page = world.graph.changes(&inbox, Some(&page.cursor), Urgency::Poll).await.unwrap();
    }
}

#[tokio::test]
async fn ten_thousand_messages_cost_at_most_eleven_requests() {
    let world = World::new().await;
    world.ada().inbox().seed(10_000);
    let inbox = world.folder(Role::Inbox).await.id;
    world.tenant.journal().clear();
    let (changes, _) = walk(&world).await;
    assert_eq!(changes.len(), 10_000);
    assert!(changes.iter().all(|change| matches!(change, RemoteChange::Upsert(_))));
    assert!(world.tenant.journal().of(Call::MessageDelta).len() <= 11);

    let mut page = world.graph.listing(&inbox, None, Urgency::Poll).await.unwrap();
    let mut listed = page.changes.len();
    while page.more {
        page = world.graph.listing(&inbox, Some(&page.cursor), Urgency::Poll).await.unwrap();
        listed += page.changes.len();
    }
    assert_eq!(listed, 10_000);
    assert!(world.tenant.journal().of(Call::ListMessages).len() <= 11);
}

#[tokio::test]
async fn every_request_asks_for_immutable_ids_inner_ones_and_links_too() {
    let world = World::new().await;
    world.ada().inbox().seed(1_500);
    let (_, last) = walk(&world).await;
    let inbox = world.folder(Role::Inbox).await.id;
    let watch = Watch::Messages { folder: inbox, since: last.cursor.clone() };
    world.graph.poll(&[watch.clone(), watch]).await.unwrap();
    let entries = world.tenant.journal().entries();
    let steps = entries.iter().filter(|entry| entry.batch_of.is_some()).count();
    assert!(steps >= 2);
    assert!(entries.iter().all(|entry| {
        entry.kind == Call::Token || entry.kind == Call::Batch || entry.immutable_ids
    }));
}

#[tokio::test]
async fn flags_dates_and_sizes_are_read() {
    let world = World::new().await;
    let id = world.ada().inbox().deliver(mail("hello"));
    let outlook = world.ada().outlook();
    outlook.mark_read(&id, true);
    outlook.flag(&id, "flagged");
    outlook.categorize(&id, &["Red category"]);
    outlook.set_property(&id, "Integer 0x1081", "104");
    let (changes, _) = walk(&world).await;
    let [RemoteChange::Upsert(message)] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!(message.id, remote(&id));
    for flag in [SystemFlag::Seen, SystemFlag::Flagged, SystemFlag::Forwarded] {
        assert!(message.flags.has(flag), "{flag:?}");
    }
    assert!(message.flags.has_keyword(&Keyword::new("Red_x0020_category").unwrap()));
    assert!(message.estimate.is_some());
    assert_eq!(world.clock.now(), message.received);
}

#[tokio::test]
async fn rows_without_extended_properties_only_say_that_something_changed() {
    for expand in [DeltaExpand::Ignored, DeltaExpand::Refused] {
        let world = World::with(|switches| switches.delta.expand = expand).await;
        let id = world.ada().inbox().deliver(mail("hello"));
        let (changes, _) = walk(&world).await;
        assert!(
            matches!(changes.as_slice(), [RemoteChange::Touched(touched)] if *touched == remote(&id))
        );
        assert!(world.look_up(&remote(&id)).await.estimate.is_some());
    }
}

#[tokio::test]
async fn a_refused_expand_is_not_tried_again() {
    let world = World::with(|switches| switches.delta.expand = DeltaExpand::Refused).await;
    walk(&world).await;
    let (_, requests) = world.requests(walk(&world)).await;
    assert_eq!(requests, 3);
}

#[tokio::test]
async fn a_read_change_is_a_touch_and_a_removal_is_told() {
    let world = World::new().await;
    let read = world.ada().inbox().deliver(mail("read"));
    let gone = world.ada().inbox().deliver(mail("gone"));
    let (_, page) = walk(&world).await;
    let inbox = world.folder(Role::Inbox).await.id;
    world.ada().outlook().mark_read(&read, true);
    world.ada().outlook().purge(&gone);
    let page = world.graph.changes(&inbox, Some(&page.cursor), Urgency::Poll).await.unwrap();
    assert!(
        page.changes
            .iter()
            .any(|change| { matches!(change, RemoteChange::Touched(id) if *id == remote(&read)) })
    );
    assert!(
        page.changes
            .iter()
            .any(|change| { matches!(change, RemoteChange::Gone(id) if *id == remote(&gone)) })
    );
}

#[tokio::test]
async fn a_poll_without_news_is_one_request_whatever_the_number_of_folders() {
    let world = World::new().await;
    world.ada().inbox().seed(3);
    let folders = world.folders().await;
    let mut watches =
        vec![Watch::Folders(world.graph.folders(None, Urgency::Poll).await.unwrap().cursor)];
    for folder in folders.iter().take(19) {
        let page = world.graph.changes(&folder.id, None, Urgency::Poll).await.unwrap();
        watches.push(Watch::Messages { folder: folder.id.clone(), since: page.cursor });
    }
    let (seen, requests) = world.requests(world.graph.poll(&watches)).await;
    assert_eq!(requests, 1);
    for seen in seen.unwrap() {
        match seen.unwrap() {
            Seen::Folders(page) => assert!(page.changes.is_empty() && !page.more),
            Seen::Messages(page) => assert!(page.changes.is_empty() && !page.more),
        }
    }
}

#[tokio::test]
async fn a_lost_cursor_is_told_apart_in_rounds_and_in_polls() {
    let world = World::new().await;
    let (_, page) = walk(&world).await;
    let tree = world.graph.folders(None, Urgency::Poll).await.unwrap();
    let inbox = world.folder(Role::Inbox).await.id;
    world.tenant.expire_cursors();
    let fault = world.graph.changes(&inbox, Some(&page.cursor), Urgency::Poll).await.unwrap_err();
    assert_eq!(*fault.kind(), Kind::CursorExpired);
    let watches =
        [Watch::Folders(tree.cursor), Watch::Messages { folder: inbox, since: page.cursor }];
    for seen in world.graph.poll(&watches).await.unwrap() {
        assert_eq!(*seen.unwrap_err().kind(), Kind::CursorExpired);
    }
}

#[tokio::test]
async fn messages_are_looked_up_twenty_at_a_time_each_with_its_own_outcome() {
    let world = World::new().await;
    world.ada().inbox().seed(39);
    let gone = world.ada().inbox().deliver(mail("gone"));
    let (changes, _) = walk(&world).await;
    world.ada().outlook().purge(&gone);
    let ids: Vec<_> = changes
        .iter()
        .map(|change| match change {
            RemoteChange::Upsert(message) => message.id.clone(),
            RemoteChange::Touched(id) | RemoteChange::Gone(id) => id.clone(),
        })
        .collect();
    let (found, requests) = world.requests(world.graph.look_up(&ids, Urgency::Poll)).await;
    assert_eq!(requests, 2);
    let mut missing = 0;
    for (id, found) in ids.iter().zip(found.unwrap()) {
        match found {
            Ok(message) => assert_eq!(message.id, *id),
            Err(fault) => {
                assert_eq!((fault.kind(), id), (&Kind::NoSuchMessage, &remote(&gone)));
                missing += 1;
            }
        }
    }
    assert_eq!(missing, 1);
}

#[tokio::test]
async fn the_bytes_of_a_message_come_as_they_are() {
    let world = World::new().await;
    let text = mail("bytes");
    let id = world.ada().inbox().deliver(text.clone());
    let file = world.files.path().join("bytes");
    let length = world.graph.fetch(&remote(&id), &file, Urgency::Interactive).await.unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), text.as_bytes());
    assert_eq!(length, text.len() as u64);
    world.ada().outlook().purge(&id);
    let fault = world.graph.fetch(&remote(&id), &file, Urgency::Interactive).await.unwrap_err();
    assert_eq!(*fault.kind(), Kind::NoSuchMessage);
}

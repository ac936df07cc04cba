use m365_sim::{Fault, Kind as Call, Rule};

use super::{World, mail, remote};
use crate::backend::{Backend as _, Base, FlagWrite, RemoteMessage, Urgency};
use crate::mailbox::{FlagEdit, Flags, Keyword, Kind, RemoteId, Role, SystemFlag};

async fn delivered(world: &World) -> RemoteMessage {
    let id = world.ada().inbox().deliver(mail("hello"));
    world.folder(Role::Inbox).await;
    world.look_up(&remote(&id)).await
}

async fn write(world: &World, known: &RemoteMessage, edit: FlagEdit) -> RemoteMessage {
    let writes = [FlagWrite { known: known.clone(), edit, base: Base::Present }];
    world.graph.write_flags(&writes).await.unwrap().remove(0).unwrap()
}

fn flags(list: &[SystemFlag]) -> Flags {
    list.iter().fold(Flags::none(), |flags, flag| flags.with(*flag))
}

fn keyword(name: &str) -> Flags {
    Flags::none().with_keyword(Keyword::new(name).unwrap())
}

/// All of the inbox, as a look at it tells.
async fn everything(world: &World) -> Vec<RemoteMessage> {
    let ids: Vec<RemoteId> = world
        .ada()
        .items("Inbox")
        .into_iter()
        .map(|item| RemoteId::new(item.immutable_id))
        .collect();
    let found = world.graph.look_up(&ids, Urgency::Interactive).await.unwrap();
    found.into_iter().map(Result::unwrap).collect()
}

#[tokio::test]
async fn what_is_written_is_what_is_stored() {
    let world = World::new().await;
    let message = delivered(&world).await;
    let edit = FlagEdit::Add(
        flags(&[SystemFlag::Seen, SystemFlag::Flagged, SystemFlag::Answered, SystemFlag::Deleted])
            .with_keyword(Keyword::new("$Work").unwrap()),
    );
    let written = write(&world, &message, edit).await;
    assert_eq!(written.flags, world.look_up(&message.id).await.flags);
    let cleared = write(&world, &written, FlagEdit::Set(Flags::none())).await;
    assert!(cleared.flags.is_empty());
    assert!(world.look_up(&message.id).await.flags.is_empty());
}

#[tokio::test]
async fn answered_gives_way_to_forwarded_and_the_answer_says_so() {
    let world = World::new().await;
    let message = delivered(&world).await;
    let answered = write(&world, &message, FlagEdit::Add(flags(&[SystemFlag::Answered]))).await;
    let forwarded = write(&world, &answered, FlagEdit::Add(flags(&[SystemFlag::Forwarded]))).await;
    assert_eq!(forwarded.flags, flags(&[SystemFlag::Forwarded]));
    assert_eq!(world.look_up(&message.id).await.flags, forwarded.flags);
    let snapshot = &world.ada().items("Inbox")[0];
    assert_eq!(snapshot.extended["Integer 0x1081"], "104");
    assert_eq!(snapshot.extended["Integer 0x1080"], "262");
}

#[tokio::test]
async fn an_edit_that_changes_nothing_costs_nothing() {
    let world = World::new().await;
    let message = delivered(&world).await;
    let edit = FlagEdit::Remove(flags(&[SystemFlag::Seen]));
    let (same, requests) = world.requests(write(&world, &message, edit)).await;
    assert_eq!((same.flags, requests), (message.flags, 0));
}

#[tokio::test]
async fn a_completed_follow_up_stays_when_other_flags_change() {
    let world = World::new().await;
    let message = delivered(&world).await;
    let id = m365_sim::ItemId(message.id.as_str().to_owned());
    world.ada().outlook().flag(&id, "complete");
    write(&world, &message, FlagEdit::Add(flags(&[SystemFlag::Seen]))).await;
    assert_eq!(world.ada().items("Inbox")[0].flag, "complete");
}

#[tokio::test]
async fn keywords_set_elsewhere_meanwhile_are_kept() {
    let world = World::new().await;
    let message = delivered(&world).await;
    let id = m365_sim::ItemId(message.id.as_str().to_owned());
    world.ada().outlook().categorize(&id, &["Red category"]);
    let written = write(&world, &message, FlagEdit::Add(keyword("$Work"))).await;
    assert!(written.flags.has_keyword(&Keyword::new("Red_x0020_category").unwrap()));
    assert_eq!(world.ada().items("Inbox")[0].categories, ["Red category", "$Work"]);
}

#[tokio::test]
async fn an_edit_of_what_is_known_meets_nothing_else() {
    let edits = [FlagEdit::Set(flags(&[SystemFlag::Flagged])), FlagEdit::Add(keyword("$Work"))];
    for edit in edits {
        let world = World::new().await;
        let known = delivered(&world).await;
        let id = m365_sim::ItemId(known.id.as_str().to_owned());
        world.ada().outlook().mark_read(&id, true);
        let writes = [FlagWrite { known, edit: edit.clone(), base: Base::Known }];
        let fault = world.graph.write_flags(&writes).await.unwrap().remove(0).unwrap_err();
        assert_eq!(*fault.kind(), Kind::Conflict);
        let item = &world.ada().items("Inbox")[0];
        assert!(item.is_read && item.flag == "notFlagged" && item.categories.is_empty());
        // Another version with the same flags is no reason to refuse.
        world.ada().outlook().mark_read(&id, false);
        let written = world.graph.write_flags(&writes).await.unwrap().remove(0).unwrap();
        assert_eq!(written.flags, edit.apply(&writes[0].known.flags));
    }
}

#[tokio::test]
async fn a_conflict_is_settled_by_reading_again() {
    for edit in [FlagEdit::Add(flags(&[SystemFlag::Seen])), FlagEdit::Add(keyword("$Work"))] {
        let world = World::new().await;
        let message = delivered(&world).await;
        world.tenant.faults().push(Rule::on(Call::Patch).answer(Fault::conflict()));
        let written = write(&world, &message, edit.clone()).await;
        assert_eq!(written.flags, edit.apply(&message.flags));
        assert_eq!(world.look_up(&message.id).await.flags, written.flags);
    }
}

#[tokio::test]
async fn a_refused_write_is_never_shown_as_done() {
    let world = World::new().await;
    let message = delivered(&world).await;
    world.tenant.faults().push(Rule::on(Call::Patch).always().answer(Fault::conflict()));
    let edit = FlagEdit::Add(flags(&[SystemFlag::Seen]));
    let writes = [FlagWrite { known: message, edit, base: Base::Present }];
    let fault = world.graph.write_flags(&writes).await.unwrap().remove(0).unwrap_err();
    assert_eq!(*fault.kind(), Kind::Conflict);
}

#[tokio::test]
async fn forty_edits_are_two_requests() {
    let world = World::new().await;
    world.ada().inbox().seed(40);
    let inbox = world.folder(Role::Inbox).await.id;
    let page = world.graph.listing(&inbox, None, Urgency::Interactive).await.unwrap();
    let writes: Vec<FlagWrite> = page
        .changes
        .into_iter()
        .filter_map(|change| match change {
            crate::backend::RemoteChange::Upsert(known) => {
                let edit = FlagEdit::Add(flags(&[SystemFlag::Flagged]));
                Some(FlagWrite { known, edit, base: Base::Present })
            }
            _ => None,
        })
        .collect();
    let (written, requests) = world.requests(world.graph.write_flags(&writes)).await;
    assert_eq!(requests, 2);
    for (write, written) in writes.iter().zip(written.unwrap()) {
        let written = written.unwrap();
        assert_eq!(written.id, write.known.id);
        assert!(written.flags.has(SystemFlag::Flagged));
    }
}

#[tokio::test]
async fn only_the_steps_that_were_turned_away_are_sent_again() {
    let world = World::new().await;
    world.ada().inbox().seed(10);
    let all = everything(&world).await;
    let to = world.folder(Role::Archive).await.id;
    let throttled = Fault::throttled(m365_sim::RetryAfter::Decimal(2.128));
    world.tenant.faults().push(Rule::on(Call::Move).skip(3).times(2).answer(throttled));
    let moved = world.graph.relocate(&all, &to).await.unwrap();
    assert!(moved.iter().all(Result::is_ok));
    assert_eq!(world.tenant.journal().of(Call::Move).len(), 12);
    assert_eq!(world.ada().items("Archive").len(), 10);
}

#[tokio::test]
async fn a_moved_message_keeps_its_id_and_its_flags() {
    let world = World::new().await;
    let message = delivered(&world).await;
    let answered = write(&world, &message, FlagEdit::Add(flags(&[SystemFlag::Answered]))).await;
    let to = world.folder(Role::Archive).await.id;
    let moved = world
        .graph
        .relocate(std::slice::from_ref(&answered), &to)
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    assert_eq!((moved.id, moved.folder, moved.flags), (message.id, to, answered.flags));
}

#[tokio::test]
async fn a_copy_is_another_message_with_the_same_flags() {
    let world = World::new().await;
    let message = delivered(&world).await;
    let flagged = write(&world, &message, FlagEdit::Add(flags(&[SystemFlag::Deleted]))).await;
    let to = world.folder(Role::Archive).await.id;
    let copy =
        world.graph.copy(std::slice::from_ref(&flagged), &to).await.unwrap().remove(0).unwrap();
    assert_ne!(copy.id, message.id);
    assert_eq!((copy.folder, copy.flags), (to, flagged.flags));
    assert_eq!(world.ada().items("Inbox").len(), 1);
}

#[tokio::test]
async fn a_missing_message_and_a_missing_destination_are_told_apart() {
    let world = World::new().await;
    let message = delivered(&world).await;
    let to = world.folder(Role::Archive).await.id;
    let target = world.named("Archive").await.id;
    assert_eq!(target, to);
    let doomed = world.graph.create_folder(None, "Doomed").await.unwrap();
    world.tenant.set_switches(|switches| {
        switches.folders.delete = m365_sim::switch::FolderDelete::Purge;
    });
    world.graph.delete_folder(&doomed.id).await.unwrap();
    for outcome in [
        world.graph.relocate(std::slice::from_ref(&message), &doomed.id).await.unwrap().remove(0),
        world.graph.copy(std::slice::from_ref(&message), &doomed.id).await.unwrap().remove(0),
    ] {
        assert_eq!(*outcome.unwrap_err().kind(), Kind::NoSuchTarget);
    }
    world.ada().outlook().purge(&m365_sim::ItemId(message.id.as_str().to_owned()));
    let outcome = world.graph.relocate(&[message], &to).await.unwrap().remove(0);
    assert_eq!(*outcome.unwrap_err().kind(), Kind::NoSuchMessage);
}

#[tokio::test]
async fn transfers_in_doubt_happen_once() {
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::status(503, ""), Fault::SilentOk] {
        for call in [Call::Move, Call::Copy] {
            let world = World::new().await;
            let message = delivered(&world).await;
            let to = world.folder(Role::Archive).await.id;
            world.tenant.faults().push(Rule::on(call).answer(fault.clone()));
            let all = [message];
            let done = match call {
                Call::Move => world.graph.relocate(&all, &to).await,
                _ => world.graph.copy(&all, &to).await,
            };
            assert_eq!(done.unwrap().remove(0).unwrap().folder, to, "{call:?} {fault:?}");
            assert_eq!(world.ada().items("Archive").len(), 1, "{call:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_whole_batch_in_doubt_moves_and_copies_each_message_once() {
    for call in [Call::Move, Call::Copy] {
        let world = World::new().await;
        world.ada().inbox().seed(5);
        let all = everything(&world).await;
        let to = world.folder(Role::Archive).await.id;
        world.tenant.faults().push(Rule::on(Call::Batch).answer(Fault::CutAfter));
        let done = match call {
            Call::Move => world.graph.relocate(&all, &to).await,
            _ => world.graph.copy(&all, &to).await,
        };
        assert!(done.unwrap().iter().all(Result::is_ok));
        assert_eq!(world.ada().items("Archive").len(), 5, "{call:?}");
    }
}

#[tokio::test]
async fn deleting_what_is_gone_counts_as_done() {
    let world = World::new().await;
    let message = delivered(&world).await;
    let ids = [message.id];
    for _ in 0..2 {
        let done = world.graph.destroy(&ids).await.unwrap();
        assert!(done.iter().all(Result::is_ok));
    }
    assert!(world.ada().items("Inbox").is_empty());
}

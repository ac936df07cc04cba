//! What the service said or confirmed about a folder's messages, folded into the index.
//!
//! Every entry carries the epoch at which its question was asked; every row remembers the epoch at
//! which it was last confirmed. An answer asked before that overlapped with what confirmed the row,
//! and nobody here can tell which of the two the service did last. If it says otherwise, it changes
//! nothing: it is reported as doubtful and the caller looks the message up with a fresh epoch. So
//! replays, reordered pages and pages that crossed a write of ours on the wire are all harmless.

use std::collections::HashSet;

use super::Store;
use super::fold::Folding;
use super::picture::Picture;
use super::worker::Writing;
use crate::mailbox::{
    Cursor, Epoch, Flags, FolderId, ModSeq, ObjectId, Outcome, RemoteId, RemoteVersion, Timestamp,
    Uid,
};

/// A message of the folder, as the service tells it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Incoming {
    pub remote: RemoteId,
    /// `None`: not told, which is no evidence of a change.
    pub version: Option<RemoteVersion>,
    pub flags: Flags,
    pub received: Timestamp,
    /// The service's own idea of the size, in octets.
    pub estimate: Option<u64>,
    /// `None`: not told.
    pub thread: Option<ObjectId>,
}

#[derive(Clone, Debug)]
pub enum Applied {
    /// Everything the folder holds: rows that are not in it are gone.
    Listing { rows: Vec<Incoming>, asked: Epoch, cursor: Option<Cursor> },
    /// Some changes, or the answer to a look-up. A cursor is kept only if given.
    Page { upserts: Vec<Incoming>, gone: Vec<RemoteId>, asked: Epoch, cursor: Option<Cursor> },
    /// Our own confirmed edit of messages that are in the folder.
    Written { rows: Vec<Incoming>, asked: Epoch },
    /// One that has set `\Deleted`.
    Marked { rows: Vec<Incoming>, asked: Epoch },
    /// Our own confirmed append, copy or move into the folder. Of `spared` it is not known that the
    /// version which is there now was ever marked `\Deleted` by a client.
    Added { rows: Vec<Incoming>, asked: Epoch, spared: Vec<RemoteId> },
    /// Our own confirmed delete, or move out of the folder.
    Removed { remotes: Vec<RemoteId>, asked: Epoch },
    /// The service did not tell about these: to be looked up, as long as it takes.
    Doubted { remotes: Vec<RemoteId>, asked: Epoch },
}

/// What became of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Receipt {
    /// The end of the folder's log after this.
    pub highest: ModSeq,
    /// The UID of each message of the input that is now in the folder.
    pub uids: Vec<(RemoteId, Uid)>,
    /// Whether readers of the folder see any difference.
    pub changed: bool,
    /// To be looked up with a fresh epoch. Also kept in the index until answered (`Store::doubts`).
    pub doubtful: Vec<RemoteId>,
}

impl Store {
    /// Folds an answer or a confirmed write into the folder, in one transaction.
    ///
    /// # Errors
    /// `NoSuchFolder`.
    pub async fn apply(&self, folder: FolderId, applied: Applied) -> Outcome<Receipt> {
        self.write(move |writing| fold(writing, folder, applied)).await
    }
}

fn fold(writing: &mut Writing<'_>, folder: FolderId, applied: Applied) -> Outcome<Receipt> {
    match applied {
        Applied::Listing { rows, asked, cursor } => {
            let picture = Picture::whole(writing, folder)?;
            let mut folding = Folding::begin(writing, folder, picture, asked)?;
            folding.listing(latest(rows))?;
            folding.finish(cursor)
        }
        Applied::Page { upserts, gone, asked, cursor } => {
            let upserts = latest(upserts);
            let remotes = upserts.iter().map(|row| &row.remote).chain(&gone);
            let picture = Picture::of(writing, folder, remotes)?;
            let mut folding = Folding::begin(writing, folder, picture, asked)?;
            folding.page(upserts, gone)?;
            folding.finish(cursor)
        }
        Applied::Written { rows, asked } => {
            let mut folding = own(writing, folder, rows.iter().map(|row| &row.remote), asked)?;
            latest(rows).into_iter().try_for_each(|row| folding.edit(row))?;
            folding.finish(None)
        }
        Applied::Marked { rows, asked } => {
            let mut folding = own(writing, folder, rows.iter().map(|row| &row.remote), asked)?;
            rows.iter().try_for_each(|row| folding.believe(&row.remote))?;
            latest(rows).into_iter().try_for_each(|row| folding.edit(row))?;
            folding.finish(None)
        }
        Applied::Added { rows, asked, spared } => {
            let mut folding = own(writing, folder, rows.iter().map(|row| &row.remote), asked)?;
            rows.iter().try_for_each(|row| folding.believe(&row.remote))?;
            spared.iter().try_for_each(|remote| folding.spare(remote))?;
            latest(rows).into_iter().try_for_each(|row| folding.add(row))?;
            folding.finish(None)
        }
        Applied::Removed { remotes, asked } => {
            let mut folding = own(writing, folder, remotes.iter(), asked)?;
            remotes.into_iter().try_for_each(|remote| folding.remove(&remote))?;
            folding.finish(None)
        }
        Applied::Doubted { remotes, asked } => {
            let mut folding = own(writing, folder, remotes.iter(), asked)?;
            remotes.iter().try_for_each(|remote| folding.doubt(remote))?;
            folding.finish(None)
        }
    }
}

fn own<'w, 'a, 'r>(
    writing: &'w mut Writing<'a>,
    folder: FolderId,
    remotes: impl Iterator<Item = &'r RemoteId>,
    asked: Epoch,
) -> Outcome<Folding<'w, 'a>> {
    let picture = Picture::of(writing, folder, remotes)?;
    Folding::begin(writing, folder, picture, asked)
}

/// One entry for each message: where one comes twice, the last counts.
fn latest(rows: Vec<Incoming>) -> Vec<Incoming> {
    let mut seen = HashSet::with_capacity(rows.len());
    let mut latest: Vec<Incoming> =
        rows.into_iter().rev().filter(|row| seen.insert(row.remote.clone())).collect();
    latest.reverse();
    latest
}

#[cfg(test)]
mod tests {
    use super::super::testing::{draft, fixture, mail, remote, seen};
    use super::*;

    fn ids(contents: Vec<(u32, String, Flags)>) -> Vec<(u32, String)> {
        contents.into_iter().map(|(uid, id, _)| (uid, id)).collect()
    }

    #[tokio::test]
    async fn messages_are_numbered_oldest_first_whatever_order_they_are_told_in() {
        let here = fixture().await;
        here.list(vec![mail("c", 30), mail("b", 20), mail("a", 20)]).await;
        here.page(vec![mail("d", 5)], &[]).await;
        let contents = ids(here.contents().await);
        let expected = [(1, "a"), (2, "b"), (3, "c"), (4, "d")];
        assert_eq!(contents, expected.map(|(uid, id)| (uid, id.to_owned())));
    }

    #[tokio::test]
    async fn an_answer_that_tells_nothing_new_moves_nothing_but_the_cursor() {
        let here = fixture().await;
        here.list(vec![mail("a", 1)]).await;
        let before = here.highest().await;
        let mut watch = here.store.watch(here.inbox);
        watch.mark_unchanged();
        let cursor = Some(Cursor::new("next"));
        let (upserts, asked) = (vec![mail("a", 1)], here.store.epoch());
        let page = Applied::Page { upserts, gone: vec![remote("unknown")], asked, cursor };
        let receipt = here.apply(page).await;
        assert!(!receipt.changed);
        assert_eq!(here.highest().await, before);
        assert!(!watch.has_changed().unwrap());
        let cursor = here.store.cursor(here.inbox).await.unwrap();
        assert_eq!(cursor, Some(Cursor::new("next")));
    }

    #[tokio::test]
    async fn a_page_asked_before_our_write_does_not_undo_it() {
        let here = fixture().await;
        here.list(vec![mail("a", 1)]).await;
        let asked_before = here.store.epoch();
        let (rows, asked) = (vec![seen(mail("a", 1))], here.store.epoch());
        here.apply(Applied::Written { rows, asked }).await;
        let old = Applied::Page {
            upserts: vec![mail("a", 1)],
            gone: vec![],
            asked: asked_before,
            cursor: None,
        };
        let receipt = here.apply(old).await;
        assert_eq!(receipt.doubtful, [remote("a")]);
        assert!(!receipt.changed);
        assert_eq!(here.store.doubts(here.inbox).await.unwrap(), [remote("a")]);
        here.page(vec![seen(mail("a", 1))], &[]).await;
        assert!(here.store.doubts(here.inbox).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_listing_asked_before_an_append_does_not_take_the_message_away() {
        let here = fixture().await;
        let early = here.store.epoch();
        let (rows, asked) = (vec![mail("a", 1)], here.store.epoch());
        here.apply(Applied::Added { rows, asked, spared: vec![] }).await;
        let listing = Applied::Listing { rows: vec![], asked: early, cursor: None };
        let receipt = here.apply(listing).await;
        assert_eq!(receipt.doubtful, [remote("a")]);
        assert_eq!(here.contents().await.len(), 1);
    }

    #[tokio::test]
    async fn a_late_page_does_not_bring_a_deleted_message_back() {
        let here = fixture().await;
        here.list(vec![mail("a", 1)]).await;
        let early = here.store.epoch();
        let (remotes, asked) = (vec![remote("a")], here.store.epoch());
        here.apply(Applied::Removed { remotes, asked }).await;
        let upserts = vec![seen(mail("a", 1))];
        let late = Applied::Page { upserts, gone: vec![], asked: early, cursor: None };
        assert_eq!(here.apply(late).await.doubtful, [remote("a")]);
        assert!(here.contents().await.is_empty());
    }

    #[tokio::test]
    async fn a_message_that_comes_back_to_a_folder_gets_a_new_uid() {
        let here = fixture().await;
        here.list(vec![mail("a", 1), mail("b", 2)]).await;
        here.page(vec![], &["a"]).await;
        let receipt = here.page(vec![mail("a", 1)], &[]).await;
        assert_eq!(receipt.uids, [(remote("a"), Uid::new(3).unwrap())]);
    }

    #[tokio::test]
    async fn a_draft_edited_elsewhere_gets_a_new_uid_and_our_own_flag_keeps_the_old() {
        let here = fixture().await;
        here.list(vec![draft("d", "1")]).await;
        let (rows, asked) = (vec![seen(draft("d", "2"))], here.store.epoch());
        here.apply(Applied::Written { rows, asked }).await;
        here.page(vec![seen(draft("d", "2"))], &[]).await;
        assert_eq!(ids(here.contents().await), [(1, "d".to_owned())]);
        here.page(vec![seen(draft("d", "3"))], &[]).await;
        assert_eq!(ids(here.contents().await), [(2, "d".to_owned())]);
    }

    #[tokio::test]
    async fn another_version_of_received_mail_keeps_its_uid() {
        let here = fixture().await;
        here.list(vec![mail("a", 1)]).await;
        let version = Some(RemoteVersion::new("2"));
        let receipt = here.page(vec![Incoming { version, ..mail("a", 1) }], &[]).await;
        assert!(!receipt.changed);
        assert_eq!(ids(here.contents().await), [(1, "a".to_owned())]);
    }

    #[tokio::test]
    async fn of_a_message_told_twice_the_last_telling_counts() {
        let here = fixture().await;
        here.page(vec![mail("a", 1), seen(mail("a", 1))], &[]).await;
        assert_eq!(here.contents().await, [(1, "a".into(), seen(mail("a", 1)).flags)]);
    }

    #[tokio::test]
    async fn a_message_told_as_there_and_as_gone_is_looked_up() {
        let here = fixture().await;
        here.list(vec![mail("a", 1)]).await;
        let receipt = here.page(vec![mail("a", 1)], &["a"]).await;
        assert_eq!(receipt.doubtful, [remote("a")]);
        assert_eq!(here.contents().await.len(), 1);
    }

    #[tokio::test]
    async fn watchers_wake_after_a_commit_that_changed_the_folder() {
        let here = fixture().await;
        let mut watch = here.store.watch(here.inbox);
        watch.mark_unchanged();
        let receipt = here.list(vec![mail("a", 1)]).await;
        assert!(watch.has_changed().unwrap());
        assert_eq!(*watch.borrow_and_update(), receipt.highest);
    }
}

//! `\Deleted` that outlived what it was said of.
//!
//! The service keeps the mark with the item, and an edited draft is the same item: its new version bears
//! the mark that a client gave the old one. By that an EXPUNGE would destroy the edit. So a mark on a
//! draft is believed only as long as this index has seen it on the very version that is there, and after
//! that not before a client of ours gives it anew. It goes by the item's id, which lasts when the item
//! is moved or sent.

use std::collections::HashSet;

use rusqlite::params;

use super::fold::Folding;
use super::picture::Known;
use super::worker::Writing;
use super::{Incoming, values};
use crate::mailbox::{Outcome, RemoteId, SystemFlag};

/// All of them: they are few.
pub(super) fn all(writing: &Writing<'_>) -> Outcome<HashSet<RemoteId>> {
    let mut statement = writing.transaction.prepare_cached("SELECT remote FROM spared")?;
    let remotes = statement.query_map([], |record| values::remote(record, 0))?;
    Ok(remotes.collect::<Result<_, _>>()?)
}

/// Forgets those of messages that have been nowhere since `before`.
pub(super) fn forget(writing: &Writing<'_>, before: i64) -> Outcome<()> {
    let sql = "DELETE FROM spared WHERE at < ?1
               AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.remote = spared.remote)";
    writing.transaction.execute(sql, [before])?;
    Ok(())
}

impl Folding<'_, '_> {
    pub(super) fn spare(&mut self, remote: &RemoteId) -> Outcome<()> {
        if self.picture.spared.insert(remote.clone()) {
            let sql = "INSERT OR REPLACE INTO spared (remote, at) VALUES (?1, ?2)";
            let row = params![remote.as_str(), self.writing.now.0];
            self.writing.transaction.prepare_cached(sql)?.execute(row)?;
        }
        Ok(())
    }

    /// From now on a mark on the message is that of the version that is there.
    pub(super) fn believe(&mut self, remote: &RemoteId) -> Outcome<()> {
        if self.picture.spared.remove(remote) {
            let sql = "DELETE FROM spared WHERE remote = ?1";
            self.writing.transaction.prepare_cached(sql)?.execute([remote.as_str()])?;
        }
        Ok(())
    }

    /// The message as it is to be recorded; one that has no mark any more may be given one by anybody.
    pub(super) fn sift(&mut self, row: Incoming) -> Outcome<Incoming> {
        if !row.flags.has(SystemFlag::Deleted) {
            self.believe(&row.remote)?;
        }
        Ok(self.shown(row))
    }

    pub(super) fn shown(&self, mut row: Incoming) -> Incoming {
        if self.picture.spared.contains(&row.remote) {
            row.flags = row.flags.without(SystemFlag::Deleted);
        }
        row
    }

    /// Whether the service has lost a mark that was not believed.
    pub(super) fn is_unmarked(&self, row: &Incoming) -> bool {
        !row.flags.has(SystemFlag::Deleted) && self.picture.spared.contains(&row.remote)
    }

    /// The service tells a mark on a draft that was not known to have one, or is another version now.
    pub(super) fn spare_edited(&mut self, known: &Known, row: &Incoming) -> Outcome<()> {
        let draft = known.is_draft() || row.flags.has(SystemFlag::Draft);
        let is_known = known.flags.has(SystemFlag::Deleted) && !known.is_rewritten(row);
        match draft && row.flags.has(SystemFlag::Deleted) && !is_known {
            true => self.spare(&row.remote),
            false => Ok(()),
        }
    }

    /// A message that was not known here: whether a draft was edited on its way cannot be told.
    pub(super) fn spare_arrived(&mut self, row: &Incoming) -> Outcome<()> {
        let marked = row.flags.has(SystemFlag::Deleted);
        if marked && (row.flags.has(SystemFlag::Draft) || self.was_draft(&row.remote)?) {
            self.spare(&row.remote)?;
        }
        Ok(())
    }

    /// What becomes of a marked draft elsewhere, that is an edit, too: sent, for one.
    pub(super) fn spare_left(&mut self, known: &Known, remote: &RemoteId) -> Outcome<()> {
        match known.is_draft() && known.flags.has(SystemFlag::Deleted) {
            true => self.spare(remote),
            false => Ok(()),
        }
    }

    /// In another folder, which has not told yet that it is gone from there.
    fn was_draft(&self, remote: &RemoteId) -> Outcome<bool> {
        let sql = "SELECT 1 FROM messages WHERE remote = ?1 AND content <> ''";
        let mut statement = self.writing.transaction.prepare_cached(sql)?;
        Ok(statement.exists([remote.as_str()])?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Applied;
    use super::super::testing::{Fixture, draft, fixture, mail, remote};
    use super::*;
    use crate::mailbox::{Flags, Uid};

    fn marked(mut row: Incoming) -> Incoming {
        row.flags = row.flags.with(SystemFlag::Deleted);
        row
    }

    fn shows(contents: &[(u32, String, Flags)]) -> Vec<(u32, bool)> {
        contents.iter().map(|(uid, _, flags)| (*uid, flags.has(SystemFlag::Deleted))).collect()
    }

    async fn mark(here: &Fixture, row: Incoming) {
        let (rows, asked) = (vec![marked(row)], here.store.epoch());
        here.apply(Applied::Marked { rows, asked }).await;
    }

    /// UID 2 is the edit of a draft that was marked.
    async fn edited() -> Fixture {
        let here = fixture().await;
        here.list(vec![draft("d", "1")]).await;
        mark(&here, draft("d", "2")).await;
        assert_eq!(shows(&here.contents().await), [(1, true)]);
        here.page(vec![marked(draft("d", "3"))], &[]).await;
        here
    }

    #[tokio::test]
    async fn the_mark_of_a_draft_is_not_that_of_its_edit_however_often_it_is_told() {
        let here = edited().await;
        assert_eq!(shows(&here.contents().await), [(2, false)]);
        here.page(vec![marked(draft("d", "3"))], &[]).await;
        assert!(!here.list(vec![marked(draft("d", "3"))]).await.changed);
        let here = here.reopen().await;
        here.page(vec![marked(draft("d", "3"))], &[]).await;
        assert_eq!(shows(&here.contents().await), [(2, false)]);
        here.page(vec![marked(draft("d", "4"))], &[]).await;
        assert_eq!(shows(&here.contents().await), [(3, false)]);
    }

    #[tokio::test]
    async fn an_edit_of_other_flags_leaves_it_and_one_that_marks_is_believed() {
        let here = edited().await;
        let (rows, asked) = (vec![marked(draft("d", "4"))], here.store.epoch());
        here.apply(Applied::Written { rows, asked }).await;
        assert_eq!(shows(&here.contents().await), [(2, false)]);
        assert!(here.store.rows(here.inbox, &[Uid::new(2).unwrap()]).await.unwrap()[0].spared);
        mark(&here, draft("d", "5")).await;
        assert_eq!(shows(&here.contents().await), [(2, true)]);
        here.page(vec![marked(draft("d", "5"))], &[]).await;
        assert_eq!(shows(&here.contents().await), [(2, true)]);
    }

    #[tokio::test]
    async fn a_mark_that_was_taken_back_is_over() {
        let here = edited().await;
        let early = here.store.epoch();
        let page = |upserts, asked| Applied::Page { upserts, gone: vec![], asked, cursor: None };
        here.page(vec![marked(draft("d", "3"))], &[]).await;
        // Which came first is not known.
        assert_eq!(here.apply(page(vec![draft("d", "3")], early)).await.doubtful, [remote("d")]);
        here.page(vec![draft("d", "3")], &[]).await;
        let rows = here.store.rows(here.inbox, &[Uid::new(2).unwrap()]).await.unwrap();
        assert!(!rows[0].spared);
    }

    #[tokio::test]
    async fn it_follows_a_draft_that_goes_elsewhere_or_is_sent() {
        let here = fixture().await;
        here.list(vec![draft("d", "1"), marked(mail("m", 1))]).await;
        mark(&here, draft("d", "2")).await;
        here.page(vec![], &["d"]).await;
        here.page(vec![marked(mail("d", 2))], &[]).await;
        assert_eq!(shows(&here.contents().await), [(2, true), (3, false)]);
    }

    #[tokio::test]
    async fn of_what_we_put_there_we_know_it() {
        let here = fixture().await;
        let asked = here.store.epoch();
        // Its folder tells of it first.
        here.page(vec![marked(draft("a", "1"))], &[]).await;
        assert_eq!(shows(&here.contents().await), [(1, false)]);
        let rows = vec![marked(draft("a", "1")), marked(draft("b", "1"))];
        let spared = vec![remote("b")];
        here.apply(Applied::Added { rows, asked, spared }).await;
        assert_eq!(shows(&here.contents().await), [(1, true), (2, false)]);
    }
}

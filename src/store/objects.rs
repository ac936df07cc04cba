//! What outlives folders and UIDs: names of contents and conversations (RFC 8474), and previews.
//!
//! A copy has the name of what it was copied from (RFC 8474 §5.1), and so it must have the same bytes: whichever of
//! the two is read first gives them to the other.

use rusqlite::{Connection, OptionalExtension, Row as Record, params};

use super::bodies::Name;
use super::fold::content;
use super::values::{self, key};
use super::worker::Writing;
use super::{ContentKey, Incoming, Store};
use crate::mailbox::{FolderId, ObjectId, Outcome, RemoteId, SystemFlag, Uid};

/// The names of one message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Names {
    pub email: ObjectId,
    /// `None` while the service has not told its conversation.
    pub thread: Option<ObjectId>,
}

const NAMES: &str = "SELECT m.uid, m.remote, m.content, i.email, m.thread FROM messages m
                     LEFT JOIN identities i ON i.remote = m.remote AND i.content = m.content";

/// Bytes of a message that shares its name with the one asked about, which has none.
const KIN: &str = "FROM messages m
    JOIN identities i ON i.remote = m.remote AND i.content = m.content
    JOIN identities k ON k.email = i.email
    JOIN bodies b ON b.remote = k.remote AND b.content = k.content
    WHERE m.folder = ?1 AND m.uid = ?2 AND m.content = ''
    AND NOT EXISTS (SELECT 1 FROM bodies own
                    WHERE own.remote = m.remote AND own.content = m.content)";

impl Store {
    /// The names of those of `uids` that are there.
    pub async fn names(&self, folder: FolderId, uids: &[Uid]) -> Outcome<Vec<(Uid, Names)>> {
        let uids = uids.to_owned();
        self.read(move |connection| {
            let sql = format!("{NAMES} WHERE m.folder = ?1 AND m.uid = ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            let mut found = Vec::with_capacity(uids.len());
            for uid in uids {
                let place = params![key(folder), uid.get()];
                found.extend(statement.query_row(place, names).optional()?);
            }
            Ok(found)
        })
        .await
    }

    /// The messages of a folder whose content has this name, ascending.
    pub async fn named_email(&self, folder: FolderId, email: ObjectId) -> Outcome<Vec<Uid>> {
        self.read(move |connection| {
            let sql = format!("{NAMES} WHERE m.folder = ?1 ORDER BY m.uid");
            let mut statement = connection.prepare_cached(&sql)?;
            let mut uids = Vec::new();
            // Names are made of keys, so there is nothing to look them up in.
            for record in statement.query_map([key(folder)], names)? {
                let (uid, names) = record?;
                uids.extend((names.email == email).then_some(uid));
            }
            Ok(uids)
        })
        .await
    }

    /// The messages of a folder that belong to this conversation, ascending.
    pub async fn named_thread(&self, folder: FolderId, thread: ObjectId) -> Outcome<Vec<Uid>> {
        self.read(move |connection| {
            let sql = "SELECT uid FROM messages WHERE folder = ?1 AND thread = ?2 ORDER BY uid";
            let mut statement = connection.prepare_cached(sql)?;
            let place = params![key(folder), thread.as_str()];
            let uids = statement.query_map(place, |record| values::uid(record, 0))?;
            Ok(uids.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Lets messages keep the name of their content where their key becomes another, as that of a
    /// draft does when it is moved. To be called before `Applied::Added` announces them.
    pub async fn carry_names(&self, moved: Vec<(ContentKey, Incoming)>) -> Outcome<()> {
        let drafts = |row: &Incoming| row.flags.has(SystemFlag::Draft);
        let moved: Vec<_> = moved.into_iter().filter(|(_, row)| drafts(row)).collect();
        if moved.is_empty() {
            return Ok(());
        }
        self.write(move |writing| {
            moved.iter().try_for_each(|(original, row)| carry(writing, original, row))
        })
        .await
    }

    /// Whether the message, never frozen, now has the bytes of one that shares its name.
    pub async fn take_after_kin(&self, folder: FolderId, uid: Uid) -> Outcome<bool> {
        let place = (key(folder), uid.get());
        let has_kin = move |connection: &Connection| {
            let sql = format!("SELECT 1 {KIN}");
            Ok(connection.prepare_cached(&sql)?.exists(place)?)
        };
        match self.read(has_kin).await? {
            true => self.write(move |writing| take_after_kin(writing, (folder, uid))).await,
            false => Ok(false),
        }
    }

    // === previews ===

    /// The previews of those of `uids` that have one; empty where there is nothing to show.
    pub async fn previews(&self, folder: FolderId, uids: &[Uid]) -> Outcome<Vec<(Uid, String)>> {
        let uids = uids.to_owned();
        self.read(move |connection| {
            let sql = "SELECT b.preview FROM messages m
                       JOIN bodies b ON b.remote = m.remote AND b.content = m.content
                       WHERE m.folder = ?1 AND m.uid = ?2 AND b.preview IS NOT NULL";
            let mut statement = connection.prepare_cached(sql)?;
            let mut found = Vec::with_capacity(uids.len());
            for uid in uids {
                let preview = statement.query_row(params![key(folder), uid.get()], |r| r.get(0));
                found.extend(preview.optional()?.map(|preview| (uid, preview)));
            }
            Ok(found)
        })
        .await
    }

    /// Keeps the preview of bytes that were frozen without one.
    pub async fn note_preview(&self, folder: FolderId, uid: Uid, preview: String) -> Outcome<()> {
        self.write(move |writing| {
            let sql = "UPDATE bodies SET preview = ?3 WHERE preview IS NULL AND (remote, content) =
                       (SELECT remote, content FROM messages WHERE folder = ?1 AND uid = ?2)";
            let columns = params![key(folder), uid.get(), preview];
            writing.transaction.prepare_cached(sql)?.execute(columns)?;
            Ok(())
        })
        .await
    }
}

/// Whether the message had none and now has the bytes of one that shares its name.
pub(super) fn take_after_kin(
    writing: &Writing<'_>,
    (folder, uid): (FolderId, Uid),
) -> Outcome<bool> {
    let sql = format!(
        "INSERT OR IGNORE INTO bodies
         (remote, content, size, hash, outline, envelope, structure, body, heads, preview)
         SELECT m.remote, m.content, b.size, b.hash, b.outline, b.envelope, b.structure, b.body,
         b.heads, b.preview {KIN} LIMIT 1"
    );
    let place = (key(folder), uid.get());
    Ok(writing.transaction.prepare_cached(&sql)?.execute(place)? > 0)
}

/// Gives `to` the name of the message it was made from.
pub(super) fn carry(
    writing: &Writing<'_>,
    ContentKey(Name { remote, content: kept }): &ContentKey,
    to: &Incoming,
) -> Outcome<()> {
    let own = (to.remote.as_str(), content(&to.flags, to.version.as_ref()));
    if own == (remote.as_str(), kept.as_str()) {
        return Ok(());
    }
    let sql = "SELECT email FROM identities WHERE remote = ?1 AND content = ?2";
    let mut statement = writing.transaction.prepare_cached(sql)?;
    let email = statement.query_row([remote, kept], |record| record.get::<_, String>(0));
    let email = email.optional()?.map(ObjectId::known);
    let email = email.unwrap_or_else(|| ObjectId::email(&RemoteId::new(remote.as_str()), kept));
    // Under its own key as well, so that copies find their original.
    let sql = "INSERT OR IGNORE INTO identities (remote, content, email) VALUES (?1, ?2, ?3)";
    let mut statement = writing.transaction.prepare_cached(sql)?;
    statement.execute([remote.as_str(), kept.as_str(), email.as_str()])?;
    statement.execute([own.0, own.1, email.as_str()])?;
    Ok(())
}

/// Names of what is neither in a folder nor kept any more.
pub(super) fn forget_names(writing: &Writing<'_>) -> Outcome<()> {
    let gone = |table| {
        format!(
            "NOT EXISTS (SELECT 1 FROM {table} t
             WHERE t.remote = identities.remote AND t.content = identities.content)"
        )
    };
    let sql = format!("DELETE FROM identities WHERE {} AND {}", gone("messages"), gone("bodies"));
    writing.transaction.execute(&sql, [])?;
    Ok(())
}

fn names(record: &Record<'_>) -> rusqlite::Result<(Uid, Names)> {
    let (remote, content) = (values::remote(record, 1)?, record.get_ref(2)?.as_str()?);
    let email: Option<Box<str>> = record.get(3)?;
    let email = email.map_or_else(|| ObjectId::email(&remote, content), ObjectId::known);
    let thread: Option<Box<str>> = record.get(4)?;
    Ok((values::uid(record, 0)?, Names { email, thread: thread.map(ObjectId::known) }))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Fixture, draft, fixture, mail, remote, texts, uid};
    use super::super::{Applied, Texts};
    use super::*;

    async fn names_of(here: &Fixture, number: u32) -> Names {
        here.store.names(here.inbox, &[uid(number)]).await.unwrap().pop().unwrap().1
    }

    async fn freeze(here: &Fixture, number: u32, bytes: &[u8]) {
        let texts = Texts { preview: Some("words".into()), ..texts("envelope") };
        let file = here.file(bytes).await;
        here.store.freeze(here.inbox, uid(number), file, texts).await.unwrap();
    }

    /// `copy` arrives as a copy of the first message, and is number 2.
    async fn copied(copy: &str) -> Fixture {
        let here = fixture().await;
        here.list(vec![mail("a", 1)]).await;
        let (row, asked) = (mail(copy, 1), here.store.epoch());
        here.store.inherit(vec![(here.content(1).await, row.clone())]).await.unwrap();
        here.apply(Applied::Added { rows: vec![row], asked, spared: vec![] }).await;
        here
    }

    #[tokio::test]
    async fn a_message_keeps_its_name_when_it_leaves_and_comes_back() {
        let here = fixture().await;
        here.list(vec![mail("a", 1)]).await;
        let before = names_of(&here, 1).await;
        here.page(vec![], &["a"]).await;
        here.page(vec![mail("a", 1)], &[]).await;
        assert_eq!(names_of(&here, 2).await, before);
        let here = here.reopen().await;
        assert_eq!(names_of(&here, 2).await, before);
    }

    #[tokio::test]
    async fn copies_share_their_name_and_the_bytes_that_were_read_first() {
        let here = copied("b").await;
        assert_eq!(names_of(&here, 1).await, names_of(&here, 2).await);
        let email = names_of(&here, 1).await.email;
        let named = here.store.named_email(here.inbox, email).await.unwrap();
        assert_eq!(named, [uid(1), uid(2)]);
        assert!(!here.store.take_after_kin(here.inbox, uid(1)).await.unwrap(), "no one has any");
        freeze(&here, 2, b"bytes").await;
        assert!(here.store.take_after_kin(here.inbox, uid(1)).await.unwrap());
        let bodies = here.store.bodies(here.inbox, &[uid(1), uid(2)]).await.unwrap();
        assert_eq!(bodies[0].1, bodies[1].1);
        assert!(!here.store.take_after_kin(here.inbox, uid(1)).await.unwrap(), "it has its own");
    }

    #[tokio::test]
    async fn a_copy_of_a_copy_has_the_same_name() {
        let here = copied("b").await;
        let (row, asked) = (mail("c", 1), here.store.epoch());
        here.store.inherit(vec![(here.content(2).await, row.clone())]).await.unwrap();
        here.apply(Applied::Added { rows: vec![row], asked, spared: vec![] }).await;
        assert_eq!(names_of(&here, 3).await, names_of(&here, 1).await);
    }

    #[tokio::test]
    async fn a_draft_has_another_name_after_an_edit_and_the_same_after_a_move() {
        let here = fixture().await;
        here.list(vec![draft("d", "1")]).await;
        let before = names_of(&here, 1).await;
        let moved = vec![(here.content(1).await, draft("d", "2"))];
        here.store.carry_names(moved).await.unwrap();
        here.page(vec![draft("d", "3")], &[]).await;
        assert_ne!(names_of(&here, 2).await, before, "edited");
        here.page(vec![], &["d"]).await;
        here.page(vec![draft("d", "2")], &[]).await;
        assert_eq!(names_of(&here, 3).await, before, "as it was moved");
    }

    #[tokio::test]
    async fn the_first_conversation_told_stays_and_changes_nothing_else() {
        let here = fixture().await;
        here.list(vec![mail("a", 1)]).await;
        assert_eq!(names_of(&here, 1).await.thread, None);
        let highest = here.highest().await;
        let told = |name: &str| Incoming { thread: Some(ObjectId::thread(name)), ..mail("a", 1) };
        here.page(vec![told("one")], &[]).await;
        here.page(vec![told("two")], &[]).await;
        here.page(vec![mail("a", 1)], &[]).await;
        let thread = ObjectId::thread("one");
        assert_eq!(names_of(&here, 1).await.thread, Some(thread.clone()));
        assert_eq!(here.highest().await, highest);
        assert_eq!(here.store.named_thread(here.inbox, thread).await.unwrap(), [uid(1)]);
    }

    #[tokio::test]
    async fn a_preview_is_kept_with_the_bytes_or_noted_later() {
        let here = fixture().await;
        here.list(vec![mail("a", 1), mail("b", 2), mail("c", 3)]).await;
        freeze(&here, 1, b"one").await;
        let file = here.file(b"two").await;
        here.store.freeze(here.inbox, uid(2), file, texts("frozen long ago")).await.unwrap();
        let all = [uid(1), uid(2), uid(3)];
        let previews = here.store.previews(here.inbox, &all).await.unwrap();
        assert_eq!(previews, [(uid(1), "words".to_owned())]);
        for number in 1..=3 {
            let later = "later".to_owned();
            here.store.note_preview(here.inbox, uid(number), later).await.unwrap();
        }
        let previews = here.store.previews(here.inbox, &all).await.unwrap();
        assert_eq!(previews, [(uid(1), "words".to_owned()), (uid(2), "later".to_owned())]);
    }

    #[tokio::test]
    async fn names_go_with_what_they_name() {
        let here = copied("b").await;
        let before = names_of(&here, 1).await;
        here.page(vec![], &["b"]).await;
        here.store.prune().await.unwrap();
        assert_eq!(names_of(&here, 1).await, before);
        here.page(vec![mail("b", 1)], &[]).await;
        assert_eq!(names_of(&here, 3).await.email, ObjectId::email(&remote("b"), ""));
    }
}

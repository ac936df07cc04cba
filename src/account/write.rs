//! Changing messages: the service first, the index when it has confirmed.

use std::collections::{HashMap, HashSet};

use super::sync::Need;
use super::{Account, OpenFolder, Transfer};
use crate::backend::{Base, FlagWrite, RemoteMessage, Urgency};
use crate::mailbox::{
    Fault, FlagEdit, Flags, Folder, FolderPath, Kind, Outcome, RemoteId, Row, SystemFlag, Uid,
};
use crate::store::{Applied, ContentKey, Incoming};

impl OpenFolder {
    /// Edits flags; answers per message, in the order of `uids`, the row as it is recorded after the
    /// service confirmed, or why not.
    pub async fn edit_flags(
        &self,
        uids: &[Uid],
        edit: &FlagEdit,
    ) -> Outcome<Vec<(Uid, Outcome<Row>)>> {
        let rows = self.rows(uids).await?;
        if !is_bound(edit, &rows) {
            return self.edit_rows((uids, &rows), edit, Base::Present).await;
        }
        let desk = self.account.desk(self.folder.id);
        let _turn = desk.edits.acquire().await.expect("the gate is never closed");
        // As the session before has left them.
        let rows = self.rows(uids).await?;
        self.edit_rows((uids, &rows), edit, Base::Present).await
    }

    /// Edits the flags of `rows`; a UID without a row is answered with `NoSuchMessage`.
    pub(super) async fn edit_rows(
        &self,
        (uids, rows): (&[Uid], &[Row]),
        edit: &FlagEdit,
        base: Base,
    ) -> Outcome<Vec<(Uid, Outcome<Row>)>> {
        let writes: Vec<FlagWrite> = rows
            .iter()
            .map(|row| FlagWrite { known: known(row, &self.folder), edit: edit.clone(), base })
            .collect();
        let asked = self.account.0.store.epoch();
        let answers = self.account.0.backend.write_flags(&writes).await?;
        let answers = self.only_here(rows, answers).await?;
        let (written, gone, faults) = sort_answers(rows, answers);
        let written = written.into_iter().map(|(_, message)| message.into()).collect();
        self.apply(match edit.sets(SystemFlag::Deleted) {
            true => Applied::Marked { rows: written, asked },
            false => Applied::Written { rows: written, asked },
        })
        .await?;
        let faults = self.account.look_again(&self.folder, gone, faults).await?;
        let recorded = self.rows(uids).await?;
        let outcome = |uid: &Uid| {
            if let Some((_, fault)) = faults.iter().find(|(failed, _)| failed == uid) {
                return Err(fault.clone());
            }
            let row = recorded.binary_search_by_key(uid, |row| row.uid);
            row.map(|index| recorded[index].clone()).map_err(|_| Kind::NoSuchMessage.into())
        };
        Ok(uids.iter().map(|uid| (*uid, outcome(uid))).collect())
    }

    pub async fn copy(&self, uids: &[Uid], to: &FolderPath) -> Outcome<Transfer> {
        let target = self.account.ready_target(to).await?;
        let rows = self.rows(uids).await?;
        let messages = self.known_all(&rows);
        let desk = self.account.desk(target.id);
        let _arriving = desk.arrivals.begin(self.account.0.store.counts(target.id).await?.next);
        let unedited = self.unedited_drafts(&rows).await?;
        let contents = self.contents(&rows).await?;
        let asked = self.account.0.store.epoch();
        let answers = self.account.0.backend.copy(&messages, &target.remote).await?;
        let (copied, gone, faults) = sort_answers(&rows, answers);
        let faults = self.account.look_again(&self.folder, gone, faults).await?;
        let keeps = |row: &Row| !row.flags.has(SystemFlag::Draft) || unedited.contains(&row.uid);
        self.account.0.store.inherit(heirs(&contents, &copied, keeps)).await?;
        let copied = with_marks_spared(copied, &unedited);
        self.account.transferred(&target, copied, faults, asked).await
    }

    /// Moves messages; what was moved is gone from here.
    pub async fn relocate(&self, uids: &[Uid], to: &FolderPath) -> Outcome<Transfer> {
        let target = self.account.ready_target(to).await?;
        let rows = self.rows(uids).await?;
        if target.id == self.folder.id {
            return self.copy_onto_itself(&rows, &target).await;
        }
        let messages = self.known_all(&rows);
        let unedited = self.unedited_drafts(&rows).await?;
        let contents = self.contents(&rows).await?;
        let asked = self.account.0.store.epoch();
        let answers = self.account.0.backend.relocate(&messages, &target.remote).await?;
        let (moved, gone, faults) = sort_answers(&rows, answers);
        // Other mail keeps its bytes by its id, which lasts. A draft that was edited elsewhere is another
        // message by name, too.
        let heirs = heirs(&contents, &moved, |row| unedited.contains(&row.uid));
        self.account.0.store.inherit(heirs.clone()).await?;
        self.account.0.store.carry_names(heirs).await?;
        let left = moved.iter().map(|(row, _)| row.remote.clone()).collect();
        let moved = with_marks_spared(moved, &unedited);
        // Arrived before left: a crash between the two shows the message twice, never not at all.
        let mut transfer = self.account.transferred(&target, moved, faults, asked).await?;
        self.apply(Applied::Removed { remotes: left, asked }).await?;
        transfer.failed = self.account.look_again(&self.folder, gone, transfer.failed).await?;
        Ok(transfer)
    }

    /// Removes for good those of these messages that are marked `\Deleted`.
    ///
    /// The service deletes a message wherever it is, so each is looked for first: one that was moved
    /// elsewhere or whose mark was taken back meanwhile stays.
    pub async fn expunge(&self, uids: &[Uid]) -> Outcome<Vec<(Uid, Outcome<()>)>> {
        let suspects = remotes_of(&self.rows(uids).await?);
        let untold =
            self.account.look_up_into(&self.folder, &suspects, None, Urgency::Interactive).await?;
        let fault_of = |row: &Row| {
            untold.iter().find(|(id, _)| *id == row.remote).map(|(_, fault)| fault.clone())
        };
        let (mut rows, mut outcomes) = (Vec::new(), Vec::new());
        for row in self.rows(uids).await? {
            match fault_of(&row) {
                Some(fault) => outcomes.push((row.uid, Err(fault))),
                None if row.flags.has(SystemFlag::Deleted) => rows.push(row),
                None => {}
            }
        }
        outcomes.extend(self.destroy(rows).await?);
        Ok(outcomes)
    }

    /// Removes one message for good, marked or not, if it is still here.
    pub async fn discard(&self, uid: Uid) -> Outcome<()> {
        let suspects = remotes_of(&self.rows(&[uid]).await?);
        let untold =
            self.account.look_up_into(&self.folder, &suspects, None, Urgency::Interactive).await?;
        if let Some((_, fault)) = untold.into_iter().next() {
            return Err(fault);
        }
        let rows = self.rows(&[uid]).await?;
        self.destroy(rows).await?.into_iter().try_for_each(|(_, outcome)| outcome)
    }

    fn known_all(&self, rows: &[Row]) -> Vec<RemoteMessage> {
        rows.iter().map(|row| known(row, &self.folder)).collect()
    }

    /// The drafts that nobody has edited since the index heard of them: their bytes may go with them.
    async fn unedited_drafts(&self, rows: &[Row]) -> Outcome<HashSet<Uid>> {
        let is_draft = |row: &&Row| row.flags.has(SystemFlag::Draft) && row.version.is_some();
        let drafts: Vec<&Row> = rows.iter().filter(is_draft).collect();
        if drafts.is_empty() {
            return Ok(HashSet::new());
        }
        let remotes: Vec<RemoteId> = drafts.iter().map(|row| row.remote.clone()).collect();
        let found = self.account.0.backend.look_up(&remotes, Urgency::Interactive).await?;
        let pairs = drafts.iter().zip(found);
        let is_same = |row: &Row, now: RemoteMessage| now.version == row.version;
        let same = pairs.filter(|(row, now)| now.clone().is_ok_and(|now| is_same(row, now)));
        Ok(same.map(|(row, _)| row.uid).collect())
    }

    /// To be asked before the service is: by the time of its answer the messages may be gone from here.
    async fn contents(&self, rows: &[Row]) -> Outcome<HashMap<Uid, ContentKey>> {
        let uids: Vec<Uid> = rows.iter().map(|row| row.uid).collect();
        self.account.0.store.content_keys(self.folder.id, &uids).await
    }

    async fn destroy(&self, rows: Vec<Row>) -> Outcome<Vec<(Uid, Outcome<()>)>> {
        let remotes = remotes_of(&rows);
        let asked = self.account.0.store.epoch();
        let answers = self.account.0.backend.destroy(&remotes).await?;
        let (mut removed, mut denied) = (Vec::new(), Vec::new());
        let mut outcomes = Vec::new();
        for (row, answer) in rows.into_iter().zip(answers) {
            match &answer {
                Ok(()) => removed.push(row.remote),
                Err(fault) if *fault.kind() == Kind::Denied => denied.push(row.remote),
                Err(_) => {}
            }
            outcomes.push((row.uid, answer));
        }
        self.apply(Applied::Removed { remotes: removed, asked }).await?;
        // What another session has just removed, and a third one moved on, cannot be removed; nor need it be.
        self.account.look_again(&self.folder, denied, Vec::new()).await?;
        for (uid, outcome) in &mut outcomes {
            let denied = outcome.as_ref().is_err_and(|fault| *fault.kind() == Kind::Denied);
            if denied && self.rows(&[*uid]).await?.is_empty() {
                *outcome = Ok(());
            }
        }
        Ok(outcomes)
    }

    /// A message that someone else has moved is not here any more. If the edit has marked it at its
    /// new place as deleted, the mark is taken back: an EXPUNGE over there would destroy it.
    async fn only_here(
        &self,
        rows: &[Row],
        answers: Vec<Outcome<RemoteMessage>>,
    ) -> Outcome<Vec<Outcome<RemoteMessage>>> {
        let mark = Flags::none().with(SystemFlag::Deleted);
        let is_marked = |flags: &Flags| flags.has(SystemFlag::Deleted);
        let mut undo = Vec::new();
        let mut kept = Vec::with_capacity(answers.len());
        for (row, answer) in rows.iter().zip(answers) {
            kept.push(match answer {
                Ok(found) if found.folder != self.folder.remote => {
                    if is_marked(&found.flags) && !is_marked(&row.flags) {
                        undo.push(FlagWrite {
                            known: found,
                            edit: FlagEdit::Remove(mark.clone()),
                            base: Base::Present,
                        });
                    }
                    Err(Fault::from(Kind::NoSuchMessage).because("it was moved elsewhere"))
                }
                answer => answer,
            });
        }
        if !undo.is_empty() {
            let undone = self.account.0.backend.write_flags(&undo).await?;
            for fault in undone.into_iter().filter_map(Result::err) {
                tracing::warn!(account = %self.account.0.address, %fault, "a moved message stays marked as deleted");
            }
        }
        Ok(kept)
    }

    /// A message moved to where it is leaves and arrives (RFC 6851 §3.3): a copy, and the old one goes.
    async fn copy_onto_itself(&self, rows: &[Row], target: &Folder) -> Outcome<Transfer> {
        let uids: Vec<Uid> = rows.iter().map(|row| row.uid).collect();
        let mut transfer = self.copy(&uids, &target.path).await?;
        let copied: Vec<Uid> = transfer.pairs.iter().map(|(source, _)| *source).collect();
        let copied = self.rows(&copied).await?;
        for (uid, outcome) in self.destroy(copied).await? {
            if let Err(fault) = outcome {
                transfer.failed.push((uid, fault));
            }
        }
        Ok(transfer)
    }

    async fn apply(&self, applied: Applied) -> Outcome<()> {
        self.account.0.store.apply(self.folder.id, applied).await.map(drop)
    }
}

impl Account {
    /// The folder that messages shall go to, known well enough to give UIDs in it.
    pub(super) async fn ready_target(&self, path: &FolderPath) -> Outcome<Folder> {
        let folder = self.target(path).await?;
        if self.0.store.cursor(folder.id).await?.is_none() {
            self.refresh(&folder, Need::Now, Urgency::Interactive).await?;
        }
        Ok(folder)
    }

    async fn transferred(
        &self,
        target: &Folder,
        arrived: Vec<(Row, RemoteMessage)>,
        failed: Vec<(Uid, Fault)>,
        asked: crate::mailbox::Epoch,
    ) -> Outcome<Transfer> {
        let spared = arrived.iter().filter(|(row, _)| row.spared);
        let spared = spared.map(|(_, message)| message.id.clone()).collect();
        let (sources, rows): (Vec<Uid>, Vec<Incoming>) =
            arrived.into_iter().map(|(row, message)| (row.uid, message.into())).unzip();
        let remotes: Vec<RemoteId> = rows.iter().map(|row| row.remote.clone()).collect();
        let receipt = self.0.store.apply(target.id, Applied::Added { rows, asked, spared }).await?;
        self.desk(target.id).note_ahead(remotes.iter().cloned(), self.0.store.epoch());
        let uid_of = |remote: &RemoteId| {
            receipt.uids.iter().find(|(known, _)| known == remote).map(|(_, uid)| *uid)
        };
        let pairs = sources.into_iter().zip(&remotes);
        let pairs = pairs.filter_map(|(source, remote)| Some((source, uid_of(remote)?))).collect();
        Ok(Transfer { validity: target.validity, pairs, failed })
    }

    /// The service says that these are gone or have changed: recorded after a look, and a look that
    /// fails leaves it to the next one. What is still there was not gone: it is told as a conflict.
    pub(super) async fn look_again(
        &self,
        folder: &Folder,
        gone: Vec<RemoteId>,
        mut faults: Vec<(Uid, Fault)>,
    ) -> Outcome<Vec<(Uid, Fault)>> {
        if gone.is_empty() {
            return Ok(faults);
        }
        let looking = async {
            self.look_up_into(folder, &gone, None, Urgency::Interactive).await?;
            // What crossed a write of another session's is still there until it is asked for once more.
            self.settle_doubts(folder, Urgency::Interactive).await
        };
        if let Err(fault) = looking.await {
            tracing::info!(account = %self.0.address, %fault, "could not look again");
        }
        for (uid, fault) in &mut faults {
            let there = !self.0.store.rows(folder.id, &[*uid]).await?.is_empty();
            if there && *fault.kind() == Kind::NoSuchMessage {
                *fault = Fault::from(Kind::Conflict).because("not found, and yet there");
            }
        }
        Ok(faults)
    }
}

/// What arrived, each with the content that it came of, where it may keep that.
fn heirs(
    contents: &HashMap<Uid, ContentKey>,
    arrived: &[(Row, RemoteMessage)],
    may: impl Fn(&Row) -> bool,
) -> Vec<(ContentKey, Incoming)> {
    let heirs = arrived.iter().filter(|(row, _)| may(row));
    heirs
        .filter_map(|(row, now)| Some((contents.get(&row.uid)?.clone(), now.clone().into())))
        .collect()
}

/// The mark of a draft that may have been edited before it went is not that of what arrives.
fn with_marks_spared(
    mut arrived: Vec<(Row, RemoteMessage)>,
    unedited: &HashSet<Uid>,
) -> Vec<(Row, RemoteMessage)> {
    for (row, _) in &mut arrived {
        let is_draft = row.flags.has(SystemFlag::Draft);
        let is_marked = row.flags.has(SystemFlag::Deleted);
        row.spared |= is_draft && is_marked && !unedited.contains(&row.uid);
    }
    arrived
}

/// What the index knows of a message at the service, in the seam's words.
pub(super) fn known(row: &Row, folder: &Folder) -> RemoteMessage {
    let flags = row.flags.clone();
    RemoteMessage {
        id: row.remote.clone(),
        folder: folder.remote.clone(),
        version: row.version.clone(),
        flags: if row.spared { flags.with(SystemFlag::Deleted) } else { flags },
        received: row.received,
        estimate: row.estimate,
        // Not told, which changes nothing.
        thread: None,
    }
}

/// Whether the service makes the edit only if it finds what we know (keywords are one list there, and
/// a draft may be edited at any time). Two sessions of ours at the same message would refuse each other.
fn is_bound(edit: &FlagEdit, rows: &[Row]) -> bool {
    let (FlagEdit::Set(flags) | FlagEdit::Add(flags) | FlagEdit::Remove(flags)) = edit;
    let lists_keywords = matches!(edit, FlagEdit::Set(_)) || flags.keywords().next().is_some();
    lists_keywords || rows.iter().any(|row| row.flags.has(SystemFlag::Draft))
}

pub(super) fn remotes_of(rows: &[Row]) -> Vec<RemoteId> {
    rows.iter().map(|row| row.remote.clone()).collect()
}

type Sorted = (Vec<(Row, RemoteMessage)>, Vec<RemoteId>, Vec<(Uid, Fault)>);

/// Splits the answers of a batch: done, to be looked at again (gone or changed elsewhere), failed
/// (those to be looked at have failed, too).
fn sort_answers(rows: &[Row], answers: Vec<Outcome<RemoteMessage>>) -> Sorted {
    let (mut done, mut gone, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (row, answer) in rows.iter().zip(answers) {
        match answer {
            Ok(message) => done.push((row.clone(), message)),
            Err(fault) => {
                if matches!(fault.kind(), Kind::NoSuchMessage | Kind::Conflict) {
                    gone.push(row.remote.clone());
                }
                failed.push((row.uid, fault));
            }
        }
    }
    (done, gone, failed)
}

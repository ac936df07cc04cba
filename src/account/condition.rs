//! Flag edits that must not meet a change their client has not heard of (RFC 7162 §3.1.3).

use std::collections::HashMap;

use super::OpenFolder;
use super::write::remotes_of;
use crate::backend::{Base, Urgency};
use crate::mailbox::{Fault, FlagEdit, Kind, ModSeq, Outcome, RemoteId, Row, Uid};

/// What became of a message under a conditional edit.
#[derive(Clone, Debug)]
pub enum Conditional {
    /// Edited; as recorded after the service confirmed.
    Edited(Row),
    /// It has changed since, and was left as it is.
    Modified(Row),
}

impl OpenFolder {
    /// Edits the flags of those messages that have not changed since `since`; answers per message, in
    /// the order of `uids`.
    ///
    /// What someone did elsewhere may not have been heard of yet. So the messages are looked up first,
    /// and then written only where the service still has what was found.
    pub async fn edit_flags_unchanged_since(
        &self,
        uids: &[Uid],
        edit: &FlagEdit,
        since: ModSeq,
    ) -> Outcome<Vec<(Uid, Outcome<Conditional>)>> {
        let before = self.rows(uids).await?;
        let suspects: Vec<Row> =
            before.iter().filter(|row| may_pass(row, edit, since)).cloned().collect();
        let untold = self.look_up(&suspects).await?;
        let mut outcomes = HashMap::new();
        let mut passed = Vec::new();
        for row in self.rows(uids).await? {
            match untold.get(&row.remote) {
                Some(fault) => drop(outcomes.insert(row.uid, Err(fault.clone()))),
                None if passes(&row, &before, edit, since) => passed.push(row),
                None => drop(outcomes.insert(row.uid, Ok(Conditional::Modified(row)))),
            }
        }
        let passed_uids: Vec<Uid> = passed.iter().map(|row| row.uid).collect();
        for (uid, edited) in self.edit_rows((&passed_uids, &passed), edit, Base::Known).await? {
            outcomes.insert(uid, self.judge(uid, edited).await?);
        }
        let gone = || Err(Kind::NoSuchMessage.into());
        Ok(uids.iter().map(|uid| (*uid, outcomes.remove(uid).unwrap_or_else(gone))).collect())
    }

    /// Asks the service for the present state; answers what it does not tell of.
    async fn look_up(&self, rows: &[Row]) -> Outcome<HashMap<RemoteId, Fault>> {
        let remotes = remotes_of(rows);
        let urgency = Urgency::Interactive;
        let untold = self.account.look_up_into(&self.folder, &remotes, None, urgency).await?;
        Ok(untold.into_iter().collect())
    }

    /// A conflict says that someone was faster, and by now it has been looked at again.
    async fn judge(&self, uid: Uid, edited: Outcome<Row>) -> Outcome<Outcome<Conditional>> {
        Ok(match edited {
            Ok(row) => Ok(Conditional::Edited(row)),
            Err(fault) if *fault.kind() == Kind::Conflict => {
                self.row(uid).await.map(Conditional::Modified)
            }
            Err(fault) => Err(fault),
        })
    }
}

/// Whether the message can pass by what is known of it before the service is asked.
fn may_pass(row: &Row, edit: &FlagEdit, since: ModSeq) -> bool {
    row.modseq <= since || is_unheard_of(row, edit, since)
}

/// Whether the message passes as it is now. A change of flags that the edit does not name is no
/// reason to spare it, as far as it can be told which those were (RFC 7162 §3.1.12).
fn passes(now: &Row, before: &[Row], edit: &FlagEdit, since: ModSeq) -> bool {
    let known = before.binary_search_by_key(&now.uid, |row| row.uid).map(|index| &before[index]);
    let known = known.ok().filter(|known| known.modseq <= since);
    now.modseq <= since
        || known.is_some_and(|known| !edit.collides(&known.flags, &now.flags))
        || is_unheard_of(now, edit, since)
}

/// "Since 0" asks for messages that do not have the keyword at all.
fn is_unheard_of(row: &Row, edit: &FlagEdit, since: ModSeq) -> bool {
    since == ModSeq::ZERO && !edit.is_about_something_of(&row.flags)
}

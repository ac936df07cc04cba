//! One answer or write being folded into one folder: what each entry does to its row.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, params};

use super::picture::{Known, Picture};
use super::values::{self, key, signed};
use super::worker::Writing;
use super::{Incoming, Receipt};
use crate::mailbox::{
    Cursor, Epoch, Fault, Flags, FolderId, Kind, ModSeq, ObjectId, Outcome, RemoteId,
    RemoteVersion, SystemFlag, Uid,
};

#[derive(Debug)]
pub(super) struct Folding<'w, 'a> {
    pub(super) writing: &'w mut Writing<'a>,
    folder: FolderId,
    pub(super) picture: Picture,
    /// When the question was asked, or the write sent.
    asked: Epoch,
    /// Now: when the answer is recorded.
    stamp: Epoch,
    /// The folder was listed whole then: an older answer about a message not listed is doubtful.
    listed: Option<Epoch>,
    /// The UID that the next message gets; 2^32 when there is none.
    next: i64,
    highest: ModSeq,
    changed: bool,
    arrivals: Vec<Incoming>,
    receipt: Receipt,
}

impl<'w, 'a> Folding<'w, 'a> {
    pub(super) fn begin(
        writing: &'w mut Writing<'a>,
        folder: FolderId,
        picture: Picture,
        asked: Epoch,
    ) -> Outcome<Self> {
        let sql = "SELECT next, highest, listed FROM folders WHERE id = ?1";
        let state = writing.transaction.prepare_cached(sql)?.query_row([key(folder)], |record| {
            let listed: Option<i64> = record.get(2)?;
            let listed = listed.and_then(|tick| u64::try_from(tick).ok()).map(Epoch::new);
            Ok((record.get(0)?, values::highest(record, 1)?, listed))
        });
        let (next, highest, listed) =
            state.optional()?.ok_or_else(|| Fault::from(Kind::NoSuchFolder))?;
        let stamp = writing.tick();
        let (changed, arrivals, receipt) = (false, Vec::new(), Receipt::default());
        Ok(Self {
            writing,
            folder,
            picture,
            asked,
            stamp,
            listed,
            next,
            highest,
            changed,
            arrivals,
            receipt,
        })
    }

    /// Everything the folder holds.
    pub(super) fn listing(&mut self, rows: Vec<Incoming>) -> Outcome<()> {
        let present: HashSet<RemoteId> = rows.iter().map(|row| row.remote.clone()).collect();
        let absent: Vec<RemoteId> = self
            .picture
            .known
            .keys()
            .filter(|remote| !present.contains(*remote))
            .cloned()
            .collect();
        rows.into_iter().try_for_each(|row| self.hear(row, Rest::Leave))?;
        self.put_in_order();
        absent.iter().try_for_each(|remote| self.leave(remote))?;
        // Kept for the folder instead of in each row: most rows of a listing have not changed.
        self.listed = Some(self.stamp);
        let sql = "DELETE FROM doubts WHERE folder = ?1 AND since <= ?2";
        let asked = signed(self.asked.get());
        self.writing.transaction.prepare_cached(sql)?.execute([key(self.folder), asked])?;
        Ok(())
    }

    /// Some changes.
    pub(super) fn page(&mut self, upserts: Vec<Incoming>, gone: Vec<RemoteId>) -> Outcome<()> {
        // Told both ways in one answer: which came last is lost, so neither is believed.
        let gone: HashSet<RemoteId> = gone.into_iter().collect();
        let (torn, upserts): (Vec<_>, Vec<_>) =
            upserts.into_iter().partition(|row| gone.contains(&row.remote));
        let torn: HashSet<RemoteId> = torn.into_iter().map(|row| row.remote).collect();
        torn.iter().try_for_each(|remote| self.doubt(remote))?;
        upserts.into_iter().try_for_each(|row| self.hear(row, Rest::Confirm))?;
        self.put_in_order();
        gone.difference(&torn).try_for_each(|remote| self.leave(remote))
    }

    /// What the service tells of is numbered oldest first; what we have put there, in the order in which we did.
    fn put_in_order(&mut self) {
        self.arrivals.sort_by(|a, b| (a.received, &a.remote).cmp(&(b.received, &b.remote)));
    }

    /// A confirmed edit of ours.
    pub(super) fn edit(&mut self, row: Incoming) -> Outcome<()> {
        let row = self.sift(row)?;
        match self.picture.known.remove(&row.remote) {
            Some(known) => self.overwrite(&known, &row),
            None => self.doubt(&row.remote),
        }
    }

    /// A confirmed append, copy or move of ours into the folder.
    pub(super) fn add(&mut self, row: Incoming) -> Outcome<()> {
        let row = self.sift(row)?;
        if let Some(known) = self.picture.known.remove(&row.remote) {
            return self.overwrite(&known, &row);
        }
        if self.picture.departed.get(&row.remote).is_some_and(|left| *left > self.asked) {
            return self.doubt(&row.remote);
        }
        if self.listed.is_some_and(|listed| listed > self.asked) {
            self.doubt(&row.remote)?;
        }
        self.arrivals.push(row);
        Ok(())
    }

    /// A confirmed delete or move of ours out of the folder.
    pub(super) fn remove(&mut self, remote: &RemoteId) -> Outcome<()> {
        if let Some(known) = self.picture.known.remove(remote) {
            if self.is_overtaken(&known) {
                self.doubt(remote)?;
            }
            self.bury(known.uid)?;
        }
        self.depart(remote)
    }

    /// Numbers what is new, and closes the books.
    pub(super) fn finish(mut self, cursor: Option<Cursor>) -> Outcome<Receipt> {
        let arrivals = std::mem::take(&mut self.arrivals);
        arrivals.iter().try_for_each(|row| self.arrive(row))?;
        if self.changed {
            self.highest = self.modseq();
            self.writing.news.changed.push((self.folder, self.highest));
        }
        let sql = "UPDATE folders SET next = ?2, highest = ?3, listed = ?4,
                   cursor = COALESCE(?5, cursor) WHERE id = ?1";
        self.writing.transaction.prepare_cached(sql)?.execute(params![
            key(self.folder),
            self.next,
            signed(self.highest.get()),
            self.listed.map(|listed| signed(listed.get())),
            cursor.as_ref().map(Cursor::as_str),
        ])?;
        self.receipt.highest = self.highest;
        self.receipt.changed = self.changed;
        self.receipt.doubtful.sort_unstable();
        self.receipt.doubtful.dedup();
        Ok(self.receipt)
    }

    /// The service says that the message is in the folder, so.
    fn hear(&mut self, row: Incoming, rest: Rest) -> Outcome<()> {
        let Some(known) = self.picture.known.remove(&row.remote) else {
            return self.hear_new(row);
        };
        if self.is_overtaken(&known) {
            let unmarked = self.is_unmarked(&row);
            let row = self.shown(row);
            let same = is_same(&known, &row) && !unmarked;
            self.receipt.uids.push((row.remote.clone(), known.uid));
            return if same { self.confirm(&known, rest) } else { self.doubt(&row.remote) };
        }
        self.settle(&row.remote)?;
        self.spare_edited(&known, &row)?;
        let row = self.sift(row)?;
        if known.is_rewritten(&row) {
            self.bury(known.uid)?;
            self.arrivals.push(row);
            return Ok(());
        }
        self.receipt.uids.push((row.remote.clone(), known.uid));
        if is_same(&known, &row) { self.confirm(&known, rest) } else { self.update(&known, &row) }
    }

    fn hear_new(&mut self, row: Incoming) -> Outcome<()> {
        let left = self.picture.departed.get(&row.remote).copied();
        if left.max(self.listed).is_some_and(|known| known > self.asked) {
            return self.doubt(&row.remote);
        }
        self.settle(&row.remote)?;
        self.spare_arrived(&row)?;
        let row = self.sift(row)?;
        self.arrivals.push(row);
        Ok(())
    }

    /// The service says that the message is not in the folder.
    fn leave(&mut self, remote: &RemoteId) -> Outcome<()> {
        if let Some(known) = self.picture.known.remove(remote) {
            if self.is_overtaken(&known) {
                return self.doubt(remote);
            }
            self.spare_left(&known, remote)?;
            self.bury(known.uid)?;
        }
        self.settle(remote)?;
        self.depart(remote)
    }

    /// What we wrote stands, but if the row was confirmed otherwise while the write was under way,
    /// which of the two came last is not known.
    fn overwrite(&mut self, known: &Known, row: &Incoming) -> Outcome<()> {
        if self.is_overtaken(known) && !is_same(known, row) {
            self.doubt(&row.remote)?;
        }
        self.receipt.uids.push((row.remote.clone(), known.uid));
        self.update(known, row)
    }

    /// Whether the row was recorded after the question was asked or the write sent. Then the two
    /// overlapped, and which of them the service did last cannot be known from here.
    fn is_overtaken(&self, known: &Known) -> bool {
        Some(known.confirmed).max(self.listed) > Some(self.asked)
    }

    // --- single rows ---

    fn confirm(&self, known: &Known, rest: Rest) -> Outcome<()> {
        if matches!(rest, Rest::Leave) {
            return Ok(());
        }
        let sql = "UPDATE messages SET confirmed = ?3 WHERE folder = ?1 AND uid = ?2";
        let columns = params![key(self.folder), known.uid.get(), signed(self.stamp.get())];
        self.writing.transaction.prepare_cached(sql)?.execute(columns)?;
        Ok(())
    }

    fn update(&mut self, known: &Known, row: &Incoming) -> Outcome<()> {
        let reflagged = known.flags != row.flags;
        self.changed |= reflagged;
        let modseq = reflagged.then(|| signed(self.modseq().get()));
        let sql = "UPDATE messages SET version = COALESCE(?3, version), flags = ?4, keywords = ?5,
                   estimate = COALESCE(?6, estimate), modseq = COALESCE(?7, modseq),
                   confirmed = ?8, thread = COALESCE(thread, ?9) WHERE folder = ?1 AND uid = ?2";
        self.writing.transaction.prepare_cached(sql)?.execute(params![
            key(self.folder),
            known.uid.get(),
            row.version.as_ref().map(RemoteVersion::as_str),
            row.flags.bits(),
            values::keywords(&row.flags),
            row.estimate.map(signed),
            modseq,
            signed(self.stamp.get()),
            row.thread.as_ref().map(ObjectId::as_str),
        ])?;
        Ok(())
    }

    fn arrive(&mut self, row: &Incoming) -> Outcome<()> {
        let uid = u32::try_from(self.next).ok().and_then(Uid::new);
        let uid = uid.ok_or_else(|| Fault::defect("the folder's UIDs are used up"))?;
        self.next += 1;
        self.changed = true;
        let sql = "INSERT INTO messages (folder, uid, remote, version, modseq, flags, keywords,
                   received, estimate, content, confirmed, thread)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
        self.writing.transaction.prepare_cached(sql)?.execute(params![
            key(self.folder),
            uid.get(),
            row.remote.as_str(),
            row.version.as_ref().map(RemoteVersion::as_str),
            signed(self.modseq().get()),
            row.flags.bits(),
            values::keywords(&row.flags),
            row.received.0,
            row.estimate.map(signed),
            content(&row.flags, row.version.as_ref()),
            signed(self.stamp.get()),
            row.thread.as_ref().map(ObjectId::as_str),
        ])?;
        if self.picture.departed.remove(&row.remote).is_some() {
            let sql = "DELETE FROM departures WHERE folder = ?1 AND remote = ?2";
            let place = params![key(self.folder), row.remote.as_str()];
            self.writing.transaction.prepare_cached(sql)?.execute(place)?;
        }
        self.receipt.uids.push((row.remote.clone(), uid));
        Ok(())
    }

    /// Ends a UID.
    fn bury(&mut self, uid: Uid) -> Outcome<()> {
        self.changed = true;
        let sql = "DELETE FROM messages WHERE folder = ?1 AND uid = ?2";
        let place = params![key(self.folder), uid.get()];
        self.writing.transaction.prepare_cached(sql)?.execute(place)?;
        let sql = "INSERT INTO tombstones (folder, uid, modseq, at) VALUES (?1, ?2, ?3, ?4)";
        let modseq = signed(self.modseq().get());
        let tombstone = params![key(self.folder), uid.get(), modseq, self.writing.now.0];
        self.writing.transaction.prepare_cached(sql)?.execute(tombstone)?;
        Ok(())
    }

    /// Remembers that the message is not here, against older answers.
    fn depart(&self, remote: &RemoteId) -> Outcome<()> {
        let sql = "INSERT INTO departures (folder, remote, confirmed, at) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (folder, remote) DO UPDATE
                   SET confirmed = excluded.confirmed, at = excluded.at";
        let confirmed = signed(self.stamp.get());
        let departure = params![key(self.folder), remote.as_str(), confirmed, self.writing.now.0];
        self.writing.transaction.prepare_cached(sql)?.execute(departure)?;
        Ok(())
    }

    pub(super) fn doubt(&mut self, remote: &RemoteId) -> Outcome<()> {
        let since = signed(self.writing.tick().get());
        let sql = "INSERT INTO doubts (folder, remote, since) VALUES (?1, ?2, ?3)
                   ON CONFLICT (folder, remote) DO UPDATE SET since = excluded.since";
        let doubt = params![key(self.folder), remote.as_str(), since];
        self.writing.transaction.prepare_cached(sql)?.execute(doubt)?;
        self.receipt.doubtful.push(remote.clone());
        Ok(())
    }

    /// An answer that is believed ends an older doubt.
    fn settle(&self, remote: &RemoteId) -> Outcome<()> {
        if !self.picture.doubted.contains(remote) {
            return Ok(());
        }
        let sql = "DELETE FROM doubts WHERE folder = ?1 AND remote = ?2 AND since <= ?3";
        let asked = signed(self.asked.get());
        let doubt = params![key(self.folder), remote.as_str(), asked];
        self.writing.transaction.prepare_cached(sql)?.execute(doubt)?;
        Ok(())
    }

    // --- numbers ---

    /// All changes of one transaction carry one number: readers see all of them or none.
    fn modseq(&self) -> ModSeq {
        ModSeq::new(self.highest.get() + 1)
    }
}

/// What to do with a row that an answer finds unchanged.
#[derive(Clone, Copy, Debug)]
enum Rest {
    /// Note that it was confirmed.
    Confirm,
    /// Nothing: the folder notes it for all.
    Leave,
}

/// Whether the service tells nothing that the row does not say. The date of arrival is the
/// message's, and so is its conversation (RFC 8474 §5.2): the first one told stays.
fn is_same(known: &Known, row: &Incoming) -> bool {
    known.flags == row.flags
        && (row.version.is_none() || row.version == known.version)
        && (row.estimate.is_none() || row.estimate == known.estimate)
        && (row.thread.is_none() || known.threaded)
}

/// With the remote id, the key of a message's body.
pub(super) fn content<'v>(flags: &Flags, version: Option<&'v RemoteVersion>) -> &'v str {
    let version = version.filter(|_| flags.has(SystemFlag::Draft));
    version.map_or("", RemoteVersion::as_str)
}

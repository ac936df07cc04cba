//! A selected folder: the picture the client has of it, and how it is kept true.

use std::collections::{BTreeSet, HashMap};

use wire::imap::{AnyKeyword, Code, Data, FetchWriter, Flag, MessageSet, Numbering, Reply, Status};

use super::connection::Connection;
use super::convert;
use super::enabled::{Enabled, Extension};
use super::ending::{Ending, Halt};
use super::recent::Recent;
use super::resync;
use crate::account::{Account, Claim, OpenFolder, Opened};
use crate::mailbox::{
    Expunges, Fault, Flags, Keyword, Kind, Line, ModSeq, Notice, Outcome, SeqNum, SystemFlag, Uid,
    View,
};

/// Said before the connection is closed because its folder has been deleted (RFC 2180 §3.3).
pub(super) const FOLDER_GONE: &str = "The selected folder is gone; select it again";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    ReadWrite,
    /// EXAMINE, or a folder that the mailbox does not let us write.
    ReadOnly,
}

#[derive(Debug)]
pub(super) struct Selected {
    pub(super) account: Account,
    pub(super) folder: OpenFolder,
    pub(super) view: View,
    pub(super) access: Access,
    pub(super) recent: Recent,
    /// The keywords that FLAGS has named.
    keywords: BTreeSet<Keyword>,
    /// States newer than the view that this command has shown already, or that the client knows
    /// because it asked for them.
    told: HashMap<Uid, ModSeq>,
    enabled: Enabled,
    pace: Pace,
}

/// Whether the client has been told all that the index says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Pace {
    Abreast,
    /// An expunge is held back, and with it what came after.
    Behind,
}

impl Selected {
    pub(super) fn new(account: Account, opened: Opened, access: Access, enabled: Enabled) -> Self {
        Self {
            account,
            folder: opened.folder,
            view: opened.view,
            access,
            recent: Recent::default(),
            keywords: opened.keywords.into_iter().collect(),
            told: HashMap::new(),
            enabled,
            pace: Pace::Abreast,
        }
    }

    /// # Errors
    /// The refusal of everything that would change a folder opened read-only.
    pub(super) fn writable(&self) -> Result<(), Ending> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => {
                Err(Ending::no("The folder is open read-only").with(Code::ReadOnly))
            }
        }
    }

    // === mod-sequences ===

    pub(super) fn enabled(&self) -> Enabled {
        self.enabled
    }

    /// More is enabled than before. Who learns only now to read mod-sequences is told where the
    /// folder stands, and gets those of the states shown before as well.
    pub(super) fn enable(&mut self, connection: &mut Connection, enabled: Enabled) {
        let knew = self.enabled.has(Extension::CondStore) || !enabled.has(Extension::CondStore);
        self.enabled = enabled;
        if enabled.has(Extension::Rev2) {
            self.recent = Recent::default();
        }
        if !knew {
            self.told.clear();
            self.say_highest(connection);
        }
    }

    /// How far the client has been told everything, expunges included.
    pub(super) fn highest_mod_seq(&self) -> Option<Code> {
        let wanted = self.enabled.has(Extension::CondStore);
        wanted.then(|| Code::HighestModSeq(convert::mod_seq(self.view.seen())))
    }

    fn say_highest(&self, connection: &mut Connection) {
        if let Some(code) = self.highest_mod_seq() {
            connection.reply(&Reply::untagged(Status::Ok, "Told up to here").with_code(code));
        }
    }

    // === messages ===

    /// The UIDs that a set names in the client's picture, ascending.
    ///
    /// # Errors
    /// BAD for sequence numbers that the picture does not have (RFC 3501 §9 `seq-number`).
    pub(super) fn resolve(&self, set: &MessageSet) -> Result<Vec<Uid>, Ending> {
        match set {
            MessageSet::Seq(set) => {
                let count = u32::try_from(self.view.len()).unwrap_or(u32::MAX);
                if set.exceeds(count) {
                    return Err(Ending::bad("There is no message with that number"));
                }
                let ranges = set.ranges(count);
                Ok(ranges.bounds().flat_map(|bounds| self.numbered(bounds)).copied().collect())
            }
            MessageSet::Uid(set) => Ok(self.resolve_uids(set)),
        }
    }

    /// UIDs that do not exist are passed over (RFC 3501 §6.4.8).
    pub(super) fn resolve_uids(&self, set: &wire::imap::UidSet) -> Vec<Uid> {
        let uids = self.view.uids();
        let ranges = set.ranges(uids.last().map_or(0, |uid| uid.get()));
        let within = |(first, last)| {
            let begin = uids.partition_point(|uid| uid.get() < first);
            let end = uids.partition_point(|uid| uid.get() <= last);
            &uids[begin..end]
        };
        ranges.bounds().flat_map(within).copied().collect()
    }

    /// Bounds from 1, within the view.
    fn numbered(&self, (first, last): (u32, u32)) -> &[Uid] {
        let (Some(first), Some(last)) = (SeqNum::new(first), SeqNum::new(last)) else { return &[] };
        self.view.uids().get(first.index()..=last.index()).unwrap_or_default()
    }

    /// Those of `uids` that are marked \Deleted.
    pub(super) async fn deleted(&self, uids: &[Uid]) -> Outcome<Vec<Uid>> {
        let snapshot = self.folder.snapshot().await?;
        let marked = snapshot.lines(uids).filter(|row| row.flags.has(SystemFlag::Deleted));
        Ok(marked.map(|row| row.uid).collect())
    }

    // === flags ===

    /// Names the flags in use: FLAGS, and what of them can be kept.
    pub(super) fn describe_flags(&self, connection: &mut Connection) {
        let system = SystemFlag::SHOWN.map(convert::system_to_wire);
        let keywords = self.keywords.iter().filter_map(convert::keyword_to_wire);
        let flags: Vec<Flag> = system.into_iter().chain(keywords).collect();
        connection.data(&Data::Flags(flags.clone()));
        let (flags, any_keyword, text) = match self.access {
            Access::ReadWrite => (flags, AnyKeyword::Allowed, "These flags are kept"),
            Access::ReadOnly => (Vec::new(), AnyKeyword::Refused, "The folder is open read-only"),
        };
        let code = Code::PermanentFlags { flags, any_keyword };
        connection.reply(&Reply::untagged(Status::Ok, text).with_code(code));
    }

    /// Names the flags again if one of these is new to the client.
    pub(super) fn introduce(&mut self, connection: &mut Connection, flags: &Flags) {
        let before = self.keywords.len();
        for keyword in flags.keywords() {
            if !self.keywords.contains(keyword) {
                self.keywords.insert(keyword.clone());
            }
        }
        if self.keywords.len() > before {
            self.describe_flags(connection);
        }
    }

    /// The client has been shown this state, or knows it: the sync point need not repeat it.
    pub(super) fn tell(&mut self, row: &Line<'_>) {
        if row.modseq > self.view.seen() {
            self.told.insert(row.uid, row.modseq);
        }
    }

    /// Whether the client knows the message in this state.
    pub(super) fn has_told(&self, row: &Line<'_>) -> bool {
        row.modseq <= self.view.seen() || self.told.get(&row.uid) == Some(&row.modseq)
    }

    /// `* n FETCH (MODSEQ …)` for a client that knows the flags, because it has set them.
    pub(super) fn show_mod_seq(&mut self, connection: &mut Connection, row: &Line<'_>) {
        let Some(seq) = self.view.seq(row.uid) else { return };
        self.write_state(connection, seq, (row.uid, None, row.modseq), Numbering::Uid);
        self.tell(row);
    }

    /// Takes, or in a folder opened read-only looks at, what no session has been told of.
    pub(super) async fn look_for_recent(&mut self) -> Outcome<()> {
        // To IMAP4rev2 nothing is recent, so those who tell of it are left their share.
        if self.enabled.has(Extension::Rev2) {
            return Ok(());
        }
        let claim = match self.access {
            Access::ReadWrite => Claim::Take,
            Access::ReadOnly => Claim::Look,
        };
        if let Some(uids) = self.folder.recent(claim).await? {
            self.recent.extend(uids);
        }
        Ok(())
    }

    /// A message's flags as this client sees them.
    pub(super) fn shown<'f>(
        &self,
        uid: Uid,
        flags: &'f Flags,
    ) -> impl Iterator<Item = &'f str> + Clone + use<'f> {
        let recent = self.recent.has(uid).then_some("\\Recent");
        convert::flag_names(flags).chain(recent)
    }

    /// `* n FETCH (FLAGS …)`, with the UID where the client speaks in UIDs.
    pub(super) fn show_flags(
        &mut self,
        connection: &mut Connection,
        row: &Line<'_>,
        numbering: Numbering,
    ) {
        let Some(seq) = self.view.seq(row.uid) else { return };
        self.introduce(connection, row.flags);
        self.write_state(connection, seq, (row.uid, Some(row.flags), row.modseq), numbering);
        self.tell(row);
    }

    /// The UID goes with the mod-sequence (RFC 7162 §3.2.4).
    pub(super) fn write_state(
        &self,
        connection: &mut Connection,
        seq: SeqNum,
        (uid, flags, modseq): (Uid, Option<&Flags>, ModSeq),
        numbering: Numbering,
    ) {
        let condstore = self.enabled.has(Extension::CondStore);
        let out = connection.output();
        let mut writer = FetchWriter::begin(out, convert::number(seq.get()));
        if numbering == Numbering::Uid || condstore {
            writer.uid(out, convert::number(uid.get()));
        }
        if let Some(flags) = flags {
            writer.flag_names(out, self.shown(uid, flags));
        }
        if condstore {
            writer.mod_seq(out, convert::mod_seq(modseq));
        }
        writer.end(out);
    }

    // === the sync point ===

    /// Tells the client what has changed since it last looked.
    pub(super) async fn sync(
        &mut self,
        connection: &mut Connection,
        expunges: Expunges,
    ) -> Result<(), Halt> {
        let snapshot = connection.patiently(self.folder.snapshot()).await?.map_err(gone)?;
        let changes = snapshot.changes_for(&self.view);
        let notices = self.view.catch_up(&changes, expunges);
        if self.view.seen() < changes.through {
            // The command may have shown numbers beyond the expunge (RFC 7162 §3.2, §6).
            self.pace = Pace::Behind;
            self.say_highest(connection);
            return Ok(());
        }
        let told = std::mem::take(&mut self.told);
        if notices.iter().any(|notice| matches!(notice, Notice::Exists(_)))
            && let Err(fault) = self.look_for_recent().await
        {
            // The picture has moved, so the client must hear of it whether or not this is known.
            tracing::debug!(kind = ?fault.kind(), cause = fault.cause(), "no recent messages told");
        }
        if self.enabled.has(Extension::QResync) {
            resync::vanished(connection, &notices);
        }
        for notice in notices {
            self.announce(connection, &notice, &told);
            connection.relieve().await?;
        }
        self.view.share(snapshot.uids());
        if std::mem::replace(&mut self.pace, Pace::Abreast) == Pace::Behind {
            self.say_highest(connection);
        }
        Ok(())
    }

    fn announce(
        &mut self,
        connection: &mut Connection,
        notice: &Notice,
        told: &HashMap<Uid, ModSeq>,
    ) {
        match notice {
            Notice::Expunge(..) if self.enabled.has(Extension::QResync) => {}
            Notice::Expunge(seq, _) => connection.data(&Data::Expunge(convert::number(seq.get()))),
            Notice::Exists(count) => {
                connection.data(&Data::Exists(*count));
                if !self.enabled.has(Extension::Rev2) {
                    connection.data(&Data::Recent(self.recent.count(&self.view)));
                }
            }
            Notice::Flags(_, uid, _, modseq) if told.get(uid) == Some(modseq) => {}
            Notice::Flags(seq, uid, flags, modseq) => {
                self.introduce(connection, flags);
                let state = (*uid, Some(flags), *modseq);
                self.write_state(connection, *seq, state, Numbering::Uid);
            }
        }
    }
}

/// The numbers in which a set speaks.
pub(super) fn numbering(set: &MessageSet) -> Numbering {
    match set {
        MessageSet::Seq(_) => Numbering::Seq,
        MessageSet::Uid(_) => Numbering::Uid,
    }
}

/// A folder that is gone cannot stay selected.
fn gone(fault: Fault) -> Halt {
    match fault.kind() {
        Kind::NoSuchFolder => Halt::Farewell(FOLDER_GONE),
        _ => Halt::Fault(fault),
    }
}

//! A folder, its change log, and the distinguished folders every mailbox has.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::switch::Language;

/// `msgfolderroot`.
pub(crate) const ROOT: u32 = 1;

pub(crate) struct Folder {
    pub(crate) key: u32,
    /// None for the two roots (the visible tree and Recoverable Items).
    pub(crate) parent: Option<u32>,
    pub(crate) name: String,
    pub(crate) well_known: Option<&'static str>,
    pub(crate) hidden: bool,
    pub(crate) search: bool,
    /// `PidTagContainerClass` (0x3613).
    pub(crate) class: String,
    pub(crate) extended: BTreeMap<String, String>,
    /// Received second and item key: the order of listings, newest at the end.
    pub(crate) items: BTreeSet<(i64, u64)>,
    pub(crate) unread: usize,
    pub(crate) log: Vec<LogEntry>,
    pub(crate) next_article: u32,
    /// Change number of the last change to the folder itself.
    pub(crate) changed: u64,
    /// Change number of the last change to its counts.
    pub(crate) counted: u64,
    pub(crate) modified: Timestamp,
}

/// One line of a folder's change log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogEntry {
    pub(crate) change: u64,
    pub(crate) item: u64,
    pub(crate) place: u32,
    pub(crate) what: What,
    pub(crate) at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Created,
    MovedIn,
    Changed,
    /// isRead and nothing else.
    Read,
    Left,
}

/// One distinguished folder: names in English, German and French.
pub(crate) struct Distinguished {
    pub(crate) well_known: &'static str,
    pub(crate) parent: Option<&'static str>,
    names: [&'static str; 3],
    pub(crate) hidden: bool,
}

impl Distinguished {
    pub(crate) fn name(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.names[0],
            Language::German => self.names[1],
            Language::French => self.names[2],
        }
    }
}

const fn shown(well_known: &'static str, names: [&'static str; 3]) -> Distinguished {
    Distinguished { well_known, parent: Some("msgfolderroot"), names, hidden: false }
}

const fn hidden(
    well_known: &'static str,
    parent: Option<&'static str>,
    names: [&'static str; 3],
) -> Distinguished {
    Distinguished { well_known, parent, names, hidden: true }
}

/// Every well-known name of v1.0, parents before children.
pub(crate) const DISTINGUISHED: [Distinguished; 17] = [
    hidden("msgfolderroot", None, ["Top of Information Store"; 3]),
    shown("archive", ["Archive", "Archiv", "Archive"]),
    shown(
        "conversationhistory",
        ["Conversation History", "Verlauf der Unterhaltung", "Historique des conversations"],
    ),
    shown("deleteditems", ["Deleted Items", "Gelöschte Elemente", "Éléments supprimés"]),
    shown("drafts", ["Drafts", "Entwürfe", "Brouillons"]),
    shown("inbox", ["Inbox", "Posteingang", "Boîte de réception"]),
    shown("junkemail", ["Junk Email", "Junk-E-Mail", "Courrier indésirable"]),
    shown("outbox", ["Outbox", "Postausgang", "Boîte d'envoi"]),
    shown("sentitems", ["Sent Items", "Gesendete Elemente", "Éléments envoyés"]),
    shown("clutter", ["Clutter"; 3]),
    hidden("scheduled", Some("msgfolderroot"), ["Scheduled", "Geplant", "Programmé"]),
    hidden(
        "syncissues",
        Some("msgfolderroot"),
        ["Sync Issues", "Synchronisierungsprobleme", "Problèmes de synchronisation"],
    ),
    hidden("conflicts", Some("syncissues"), ["Conflicts", "Konflikte", "Conflits"]),
    hidden(
        "localfailures",
        Some("syncissues"),
        ["Local Failures", "Lokale Fehler", "Défaillances locales"],
    ),
    hidden(
        "serverfailures",
        Some("syncissues"),
        ["Server Failures", "Serverfehler", "Défaillances du serveur"],
    ),
    hidden("searchfolders", None, ["Finder"; 3]),
    hidden("recoverableitemsdeletions", None, ["Deletions"; 3]),
];

impl Folder {
    pub(crate) fn new(key: u32, parent: Option<u32>, name: &str, at: Timestamp) -> Self {
        Self {
            key,
            parent,
            name: name.to_owned(),
            well_known: None,
            hidden: false,
            search: false,
            class: "IPF.Note".into(),
            extended: BTreeMap::new(),
            items: BTreeSet::new(),
            unread: 0,
            log: Vec::new(),
            next_article: 1,
            changed: 0,
            counted: 0,
            modified: at,
        }
    }

    /// Log lines after `since` up to and including `until`.
    pub(crate) fn window(&self, since: u64, until: u64) -> &[LogEntry] {
        let from = self.log.partition_point(|entry| entry.change <= since);
        let to = self.log.partition_point(|entry| entry.change <= until);
        &self.log[from.min(to)..to]
    }
}

//! What the tenant holds beside what IMAP shows.

use std::collections::{BTreeMap, BTreeSet};

use m365_sim::{Person, Snapshot};

use crate::imap_client::{Answer, ImapClient};

/// One message as a client sees it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Seen {
    pub(crate) uid: u32,
    pub(crate) flags: BTreeSet<String>,
    pub(crate) bytes: Option<Vec<u8>>,
}

/// Everything that was ever announced, and what the messages really are.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By subject, which no two messages share.
    originals: BTreeMap<String, Vec<u8>>,
    excused: BTreeMap<String, Vec<u8>>,
    uids: BTreeMap<(String, u32), String>,
    validities: BTreeMap<String, String>,
}

impl Ledger {
    pub(crate) fn note(&mut self, subject: &str, message: &[u8]) {
        self.originals.insert(subject.to_owned(), message.to_vec());
    }

    /// The client was not told that it was filed: what the service made of it is as true.
    pub(crate) fn excuse(&mut self, subject: &str, message: &[u8]) {
        self.excused.insert(subject.to_owned(), message.to_vec());
    }

    pub(crate) fn original(&self, subject: &str) -> &[u8] {
        &self.originals[subject]
    }

    /// The bytes are those of the message, and the UID means what it meant before.
    pub(crate) fn check(&mut self, folder: &str, seen: &Seen) -> String {
        let bytes = seen.bytes.as_deref().expect("asked for");
        let subject = subject_of(bytes);
        let known = [self.originals.get(&subject), self.excused.get(&subject)];
        assert!(
            known.into_iter().flatten().any(|known| known == bytes),
            "{folder}: UID {} has other bytes: {}",
            seen.uid,
            String::from_utf8_lossy(bytes)
        );
        let place = (folder.to_owned(), seen.uid);
        let before = self.uids.entry(place).or_insert_with(|| subject.clone());
        assert_eq!(*before, subject, "{folder}: UID {} names another message", seen.uid);
        let same =
            |((at, _), known): &(&(String, u32), &String)| at == folder && **known == subject;
        let uids = self.uids.iter().filter(same).count();
        assert_eq!(uids, 1, "{folder}: {subject} got another UID");
        subject
    }

    pub(crate) fn check_validity(&mut self, folder: &str, selected: &Answer) {
        let lines = selected.lines();
        let line = lines.iter().find(|line| line.contains("[UIDVALIDITY ")).expect("UIDVALIDITY");
        let before = self.validities.entry(folder.to_owned()).or_insert_with(|| line.clone());
        assert_eq!(before, line, "{folder}: UIDVALIDITY changed");
    }

    /// The message behind a UID, if it was seen whole before.
    pub(crate) fn subject(&self, folder: &str, uid: u32) -> Option<&String> {
        self.uids.get(&(folder.to_owned(), uid))
    }
}

/// Compares a folder as a client sees it with what the tenant holds.
pub(crate) async fn compare(
    imap: &mut ImapClient,
    person: &Person,
    (folder, place): (&str, &str),
    ledger: &mut Ledger,
) {
    let selected = imap.command(&format!("SELECT {folder}")).await.ok();
    ledger.check_validity(folder, &selected);
    let answer = imap.command("UID FETCH 1:* (UID FLAGS BODY.PEEK[])").await.ok();
    let mut shown: Vec<(String, BTreeSet<String>)> = Vec::new();
    for seen in fetched(&answer) {
        shown.push((ledger.check(folder, &seen), seen.flags));
    }
    shown.sort();
    assert_eq!(shown, held(person, place), "{folder}: left IMAP, right the tenant");
}

/// Subjects and flags of what the tenant holds.
pub(crate) fn held(person: &Person, folder: &str) -> Vec<(String, BTreeSet<String>)> {
    let items = person.items(folder);
    let mut held: Vec<_> =
        items.iter().map(|item| (item.subject.clone(), flags_of(item))).collect();
    held.sort();
    held
}

pub(crate) fn flags_of(item: &Snapshot) -> BTreeSet<String> {
    const IMAP_DELETED: &str = "0x8570";
    let deleted =
        item.extended.iter().any(|(id, value)| id.ends_with(IMAP_DELETED) && value == "1");
    let system = [
        (item.is_read, "\\Seen"),
        (item.flag == "flagged", "\\Flagged"),
        (item.is_draft, "\\Draft"),
        (deleted, "\\Deleted"),
    ];
    let system = system.into_iter().filter(|(set, _)| *set).map(|(_, name)| name.to_owned());
    system.chain(item.categories.iter().cloned()).collect()
}

/// The FETCH responses of an answer.
pub(crate) fn fetched(answer: &Answer) -> Vec<Seen> {
    answer.untagged.iter().filter_map(|line| read(line)).collect()
}

fn read(line: &[u8]) -> Option<Seen> {
    let head = line.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    if !head.contains(" FETCH (") {
        return None;
    }
    let uid = head.split_once("UID ")?.1;
    let uid = uid.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    let flags = head.split_once("FLAGS (").map_or("", |(_, rest)| rest);
    let flags = flags.split(')').next().unwrap_or_default();
    let bytes = head.strip_suffix('}').and_then(|head| {
        let length: usize = head.rsplit_once('{')?.1.parse().ok()?;
        let start = head.len() + 3;
        line.get(start..start + length).map(<[u8]>::to_vec)
    });
    let flags = flags.split_whitespace().map(str::to_owned).collect();
    Some(Seen { uid, flags, bytes })
}

fn subject_of(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let line = text.lines().find_map(|line| line.strip_prefix("Subject: "));
    line.unwrap_or("(no subject)").to_owned()
}

//! What a FETCH needs, decided before anything is asked for.

use wire::imap::{Fetch, FetchItem, Numbering, SectionText};

use super::enabled::{Enabled, Extension};
use super::objects::Asks;
use super::selected::{Access, numbering};
use crate::account::Summary;
use crate::mailbox::Line;
use crate::mime::{self, Edition};

/// What an answer takes beyond the index row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Needs {
    Row,
    /// Finished texts and the size: from the index, or from the bytes once.
    Summary,
    /// The frozen bytes.
    Bytes,
    SummaryAndBytes,
}

/// Whether reading marks the message as read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Effect {
    None,
    SetsSeen,
}

#[derive(Debug)]
pub(super) struct Plan {
    /// In the client's order; a UID FETCH always has UID (RFC 3501 §6.4.8).
    pub(super) items: Vec<FetchItem>,
    /// Shown as well of a message that this command marks as read (RFC 3501 §6.4.5, RFC 7162
    /// §3.2.4).
    pub(super) after_reading: Vec<FetchItem>,
    pub(super) effect: Effect,
    pub(super) numbering: Numbering,
    pub(super) asks: Asks,
    /// Of structures.
    pub(super) edition: Edition,
}

impl Plan {
    pub(super) fn new(fetch: Fetch, access: Access, enabled: Enabled) -> Self {
        let numbering = numbering(&fetch.set);
        let mut items = fetch.items;
        if numbering == Numbering::Uid && !items.contains(&FetchItem::Uid) {
            items.insert(0, FetchItem::Uid);
        }
        let condstore = enabled.has(Extension::CondStore);
        // Flags without their mod-sequence would leave the client with an older one.
        let wanted = condstore && items.contains(&FetchItem::Flags);
        let wanted = wanted || fetch.changed_since.is_some();
        if wanted && !items.contains(&FetchItem::ModSeq) {
            items.push(FetchItem::ModSeq);
        }
        let told: &[FetchItem] = match condstore {
            true => &[FetchItem::Uid, FetchItem::Flags, FetchItem::ModSeq],
            false => &[FetchItem::Flags],
        };
        let after_reading = told.iter().filter(|item| !items.contains(item)).cloned().collect();
        let sets_seen = access == Access::ReadWrite && items.iter().any(FetchItem::sets_seen);
        let effect = if sets_seen { Effect::SetsSeen } else { Effect::None };
        let asks = Asks::of(&items);
        let edition = if enabled.has(Extension::Rev2) { Edition::Rev2 } else { Edition::Rev1 };
        Self { items, after_reading, effect, numbering, asks, edition }
    }

    /// What this message takes to answer.
    pub(super) fn needs(&self, row: &Line<'_>) -> Needs {
        let summary = self.items.iter().any(|item| match item {
            // The service's own idea of a size is never shown: it is not that of these bytes.
            FetchItem::Rfc822Size => row.size.is_none(),
            FetchItem::Envelope | FetchItem::Body | FetchItem::BodyStructure => true,
            _ => false,
        });
        match (summary, self.items.iter().any(is_bytes)) {
            (false, false) => Needs::Row,
            (true, false) => Needs::Summary,
            (false, true) => Needs::Bytes,
            (true, true) => Needs::SummaryAndBytes,
        }
    }

    /// Whether what is kept of a message reads as it is to be told.
    pub(super) fn takes(&self, kept: &Summary) -> bool {
        let of_structure =
            |item: &FetchItem| matches!(item, FetchItem::Body | FetchItem::BodyStructure);
        self.edition == Edition::Rev1
            || !self.items.iter().any(of_structure)
            || !mime::has_editions(&kept.structure)
    }

    /// Whether headers without their messages would do, where those can be had.
    pub(super) fn headers_do(&self) -> bool {
        let of_header = |item: &FetchItem| match item {
            FetchItem::Envelope => true,
            FetchItem::Section(section) => {
                section.section.part.is_empty()
                    && matches!(section.section.text, SectionText::HeaderFields(_))
            }
            _ => false,
        };
        let of_row = |item: &FetchItem| {
            matches!(
                item,
                FetchItem::Uid
                    | FetchItem::Flags
                    | FetchItem::InternalDate
                    | FetchItem::ModSeq
                    | FetchItem::Rfc822Size
            )
        };
        self.effect == Effect::None
            && self.items.iter().any(of_header)
            && self.items.iter().all(|item| of_header(item) || of_row(item))
    }

    /// Messages taken at once: enough to be quick, few enough that the first answer comes soon.
    pub(super) fn chunk(&self) -> usize {
        let rows_do = |item: &FetchItem| {
            matches!(
                item,
                FetchItem::Uid | FetchItem::Flags | FetchItem::InternalDate | FetchItem::ModSeq
            )
        };
        match self.effect {
            Effect::None if self.items.iter().all(rows_do) => 1000,
            Effect::None if self.items.iter().any(is_bytes) => 50,
            Effect::None => 200,
            // The service writes the flags of up to 20 messages with one request.
            Effect::SetsSeen => 20,
        }
    }
}

/// Whether an item is a piece of the message itself.
pub(super) fn is_bytes(item: &FetchItem) -> bool {
    matches!(
        item,
        FetchItem::Rfc822
            | FetchItem::Rfc822Header
            | FetchItem::Rfc822Text
            | FetchItem::Section(_)
            | FetchItem::Binary(_)
            | FetchItem::BinarySize(_)
    )
}

#[cfg(test)]
mod tests {
    use wire::imap::{BodySection, MessageSet, Peek, Section, SeqSet, UidSet};

    use super::*;
    use crate::mailbox::{Flags, ModSeq, Timestamp, Uid};

    fn needs(plan: &Plan, size: Option<u64>) -> Needs {
        let flags = Flags::none();
        let (modseq, received) = (ModSeq::ZERO, Timestamp(0));
        plan.needs(&Line { uid: Uid::FIRST, modseq, flags: &flags, received, size })
    }

    fn plan(set: &str, items: Vec<FetchItem>, access: Access) -> Plan {
        let set = match set.strip_prefix("UID ") {
            Some(uids) => MessageSet::Uid(UidSet::parse(uids.as_bytes()).unwrap()),
            None => MessageSet::Seq(SeqSet::parse(set.as_bytes()).unwrap()),
        };
        let fetch = Fetch { set, items, changed_since: None, page: None };
        Plan::new(fetch, access, Enabled::default())
    }

    #[test]
    fn a_size_is_taken_from_the_row_only_when_it_is_exact() {
        let plan = plan("1", vec![FetchItem::Rfc822Size], Access::ReadWrite);
        assert_eq!(needs(&plan, Some(7)), Needs::Row);
        assert_eq!(needs(&plan, None), Needs::Summary);
    }

    #[test]
    fn a_uid_fetch_always_answers_with_the_uid() {
        let plan = plan("UID 1", vec![FetchItem::Flags], Access::ReadWrite);
        assert_eq!(plan.items, [FetchItem::Uid, FetchItem::Flags]);
        assert_eq!(needs(&plan, None), Needs::Row);
    }

    #[test]
    fn only_an_open_read_in_a_writable_folder_marks_as_read() {
        let body = |peek| {
            let section = BodySection { peek, section: Section::whole(), partial: None };
            vec![FetchItem::Section(section)]
        };
        let effect = |peek, access| plan("1", body(peek), access).effect;
        assert_eq!(effect(Peek::SetsSeen, Access::ReadWrite), Effect::SetsSeen);
        assert_eq!(effect(Peek::Peek, Access::ReadWrite), Effect::None);
        assert_eq!(effect(Peek::SetsSeen, Access::ReadOnly), Effect::None);
    }
}

//! Graph's messages as the domain's, and flags in both directions (reference B.5).

use super::model::Message;
use super::property::{DELETED, DRAFT_MARK, SIZE, VERB};
use crate::backend::RemoteMessage;
use crate::mailbox::escape::{escape, unescape};
use crate::mailbox::{Flags, Keyword, ObjectId, RemoteId, RemoteVersion, SystemFlag, Timestamp};

/// The flags that live in extended properties, which not every answer carries.
pub(super) const IN_PROPERTIES: [SystemFlag; 4] =
    [SystemFlag::Answered, SystemFlag::Forwarded, SystemFlag::Deleted, SystemFlag::MarkedDraft];

impl Message {
    pub(super) fn remote_id(&self) -> RemoteId {
        RemoteId::new(self.id.as_str())
    }

    pub(super) fn version(&self) -> Option<RemoteVersion> {
        self.change_key.as_deref().map(RemoteVersion::new)
    }

    /// What an answer to a direct question tells. Such answers carry every field that was asked for,
    /// so a missing flag or category means none. `None` if it lacks what it cannot lack.
    pub(super) fn told(&self) -> Option<RemoteMessage> {
        let received = self.received_date_time.as_deref().and_then(timestamp);
        let received = received.or_else(|| self.created())?;
        Some(RemoteMessage {
            id: self.remote_id(),
            folder: RemoteId::new(self.parent_folder_id.as_deref()?),
            version: self.version(),
            flags: self.flags(self.is_read?, self.is_draft?),
            received,
            thread: self.conversation_id.as_deref().map(ObjectId::thread),
            estimate: self.property(SIZE).and_then(|size| size.parse().ok()),
        })
    }

    /// What a row of a delta tells, if it tells all: such rows may carry only what changed, and
    /// extended properties only if the service expands them there (reference B.6.1, J).
    pub(super) fn told_whole(&self) -> Option<RemoteMessage> {
        let whole =
            self.flag.is_some() && self.categories.is_some() && self.property(SIZE).is_some();
        whole.then(|| self.told()).flatten()
    }

    /// What the answer to a write tells: such answers carry no extended properties, so those flags
    /// are what was written, or known before.
    pub(super) fn told_with(&self, properties: &Flags) -> Option<RemoteMessage> {
        let mut message = self.told()?;
        message.flags = with_properties(message.flags, properties);
        Some(message)
    }

    pub(super) fn created(&self) -> Option<Timestamp> {
        self.created_date_time.as_deref().and_then(timestamp)
    }

    fn flags(&self, read: bool, draft: bool) -> Flags {
        let mut flags = Flags::none();
        if read {
            flags = flags.with(SystemFlag::Seen);
        }
        if draft {
            flags = flags.with(SystemFlag::Draft);
        }
        let status = self.flag.as_ref().and_then(|flag| flag.flag_status.as_deref());
        if status.is_some_and(|status| status.eq_ignore_ascii_case("flagged")) {
            flags = flags.with(SystemFlag::Flagged);
        }
        flags = match self.property(VERB) {
            Some("102" | "103") => flags.with(SystemFlag::Answered),
            Some("104") => flags.with(SystemFlag::Forwarded),
            _ => flags,
        };
        if self.property(DELETED) == Some("1") {
            flags = flags.with(SystemFlag::Deleted);
        }
        if !draft && self.property(DRAFT_MARK) == Some("1") {
            flags = flags.with(SystemFlag::MarkedDraft);
        }
        let categories = self.categories.iter().flatten();
        categories.filter_map(|name| keyword(name)).fold(flags, Flags::with_keyword)
    }
}

/// `flags`, with those that live in properties as in `properties`.
pub(super) fn with_properties(mut flags: Flags, properties: &Flags) -> Flags {
    for flag in IN_PROPERTIES {
        flags = if properties.has(flag) { flags.with(flag) } else { flags.without(flag) };
    }
    flags
}

/// A category as clients spell it. `None` if no keyword is long enough for it: such a category is
/// kept, but not shown.
pub(super) fn keyword(category: &str) -> Option<Keyword> {
    Keyword::new(&escape(category, Keyword::allows))
}

/// A keyword as Outlook shows it.
pub(super) fn category(keyword: &Keyword) -> String {
    unescape(keyword.as_str())
}

/// The service's times: ISO 8601 in UTC, in seconds (reference B.1).
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|time| Timestamp(time.as_second()))
}

/// As the service wants times; the epoch if the time is beyond all calendars.
pub(super) fn iso(time: Timestamp) -> String {
    jiff::Timestamp::from_second(time.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(json: &str) -> Message {
        serde_json::from_str(json).unwrap()
    }

    const WHOLE: &str = r#"{"id":"m","parentFolderId":"f","changeKey":"k","isRead":true,"isDraft":false,
        "flag":{"flagStatus":"complete"},"categories":["Red category"],
        "receivedDateTime":"2026-01-31T12:34:56Z","singleValueExtendedProperties":[
        {"id":"Integer 0xe08","value":"1234"},{"id":"Integer 0x1081","value":"103"},
        {"id":"Integer {00062008-0000-0000-c000-000000000046} Id 0x8570","value":"1"}]}"#;

    #[test]
    fn a_whole_row_is_understood() {
        let told = message(WHOLE).told_whole().unwrap();
        let expected = Flags::none()
            .with(SystemFlag::Seen)
            .with(SystemFlag::Answered)
            .with(SystemFlag::Deleted)
            .with_keyword(Keyword::new("Red_x0020_category").unwrap());
        assert_eq!(told.flags, expected);
        assert_eq!(told.estimate, Some(1234));
        assert_eq!(told.received, Timestamp(1_769_862_896));
    }

    #[test]
    fn a_read_change_alone_tells_too_little() {
        let row = message(r#"{"id":"m","parentFolderId":"f","isRead":true}"#);
        assert!(row.told_whole().is_none());
    }

    #[test]
    fn a_row_without_the_size_was_not_expanded() {
        let row = WHOLE.replace("0xe08", "0x9999");
        assert!(message(&row).told_whole().is_none());
        assert!(message(&row).told().is_some());
    }

    #[test]
    fn every_category_comes_back_as_it_was() {
        for name in ["Red category", "a,b", "Größe", "\\Seen", "plain", "_x0020_", "]"] {
            assert_eq!(category(&keyword(name).unwrap()), name);
        }
        assert!(keyword(&"ü".repeat(60)).is_none());
    }

    #[test]
    fn times_are_written_as_the_service_wants_them() {
        assert_eq!(iso(Timestamp(1_769_862_896)), "2026-01-31T12:34:56Z");
    }
}

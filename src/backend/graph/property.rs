//! MAPI properties by their Graph ids (reference B.5), and what is asked for with every message.

use super::model::{Message, Property};
use super::path::encode;

/// PidTagMessageSize: an estimate of the size. Every item has it, so its absence tells that the
/// service did not honour `$expand`.
pub(super) const SIZE: &str = "Integer 0x0E08";
/// PidTagMessageFlags.
pub(super) const MESSAGE_FLAGS: &str = "Integer 0x0E07";
/// PidTagMessageDeliveryTime.
pub(super) const DELIVERY_TIME: &str = "SystemTime 0x0E06";
/// PidTagClientSubmitTime.
pub(super) const SUBMIT_TIME: &str = "SystemTime 0x0039";
/// PidTagTransportMessageHeaders.
pub(super) const HEADERS: &str = "String 0x007D";
/// PidTagInReplyToId.
pub(super) const IN_REPLY_TO: &str = "String 0x1042";
/// PidTagInternetReferences.
pub(super) const REFERENCES: &str = "String 0x1039";
/// PidTagLastVerbExecuted.
pub(super) const VERB: &str = "Integer 0x1081";
/// PidTagLastVerbExecutionTime.
pub(super) const VERB_TIME: &str = "SystemTime 0x1082";
/// PidTagIconIndex.
pub(super) const ICON: &str = "Integer 0x1080";
/// PidLidImapDeleted.
pub(super) const DELETED: &str = "Integer {00062008-0000-0000-C000-000000000046} Id 0x8570";
/// Ours: a client's `\Draft` on a message that is none for the service.
pub(super) const DRAFT_MARK: &str =
    "Integer {6f1c9a0e-5d3b-4b8a-9c55-0b7d3f6a2e41} Name footbridge-draft";
/// PidTagContainerClass of a folder.
pub(super) const CONTAINER_CLASS: &str = "String 0x3613";
/// Ours: finds an appended item whose creation is in doubt.
pub(super) const APPEND_TAG: &str =
    "String {6f1c9a0e-5d3b-4b8a-9c55-0b7d3f6a2e41} Name footbridge-append";

/// What every message is asked for.
const FIELDS: &str = "id,parentFolderId,changeKey,isRead,isDraft,flag,categories,receivedDateTime,\
                      createdDateTime,internetMessageId,conversationId";

/// `$select` without `$expand`.
pub(super) fn select() -> String {
    format!("$select={FIELDS}")
}

/// `$select` and `$expand` of what flags and sizes need.
pub(super) fn select_and_expand() -> String {
    let filter =
        format!("id eq '{SIZE}' or id eq '{VERB}' or id eq '{DELETED}' or id eq '{DRAFT_MARK}'");
    let expand = encode(&format!("singleValueExtendedProperties($filter={filter})"));
    format!("{}&$expand={expand}", select())
}

/// `$expand` of one property.
pub(super) fn expand_property(id: &str) -> String {
    let expand = format!("singleValueExtendedProperties($filter=id eq '{id}')");
    format!("$expand={}", encode(&expand))
}

/// A property's value. The service spells ids its own way: lower case, no leading zeros.
pub(super) fn find<'p>(properties: Option<&'p [Property]>, id: &str) -> Option<&'p str> {
    let wanted = normal(id);
    let found = properties?.iter().find(|property| normal(&property.id) == wanted)?;
    Some(&found.value)
}

impl Message {
    pub(super) fn property(&self, id: &str) -> Option<&str> {
        find(self.single_value_extended_properties.as_deref(), id)
    }
}

fn normal(id: &str) -> String {
    let id = id.to_ascii_lowercase();
    match id.rsplit_once("0x") {
        Some((kind, number)) => format!("{kind}0x{}", number.trim_start_matches('0')),
        None => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_found_in_the_services_spelling() {
        let property = |id: &str| Property { id: id.to_owned(), value: "1".to_owned() };
        let given = [
            property("Integer 0xe08"),
            property("Integer {00062008-0000-0000-c000-000000000046} Id 0x8570"),
        ];
        assert_eq!(find(Some(&given), SIZE), Some("1"));
        assert_eq!(find(Some(&given), DELETED), Some("1"));
        assert_eq!(find(Some(&given), VERB), None);
        assert_eq!(find(None, SIZE), None);
    }
}

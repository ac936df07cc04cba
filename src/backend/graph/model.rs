//! Graph's JSON, as far as mail needs it (reference B.2 to B.6). Shapes only.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct Collection<T> {
    /// Required: an answer without it does not say that there is nothing.
    pub(super) value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    pub(super) next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    pub(super) delta: Option<String>,
}

/// Everything but the id may be missing: delta tells only what it likes to (reference J).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) parent_folder_id: Option<String>,
    pub(super) change_key: Option<String>,
    pub(super) is_read: Option<bool>,
    pub(super) is_draft: Option<bool>,
    pub(super) flag: Option<FollowUp>,
    pub(super) categories: Option<Vec<String>>,
    pub(super) received_date_time: Option<String>,
    pub(super) created_date_time: Option<String>,
    pub(super) internet_message_id: Option<String>,
    pub(super) conversation_id: Option<String>,
    pub(super) single_value_extended_properties: Option<Vec<Property>>,
    #[serde(rename = "@removed")]
    pub(super) removed: Option<Removed>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FollowUp {
    pub(super) flag_status: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Property {
    pub(super) id: String,
    pub(super) value: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Removed {}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Folder {
    pub(super) id: String,
    pub(super) display_name: Option<String>,
    pub(super) parent_folder_id: Option<String>,
    pub(super) total_item_count: Option<u64>,
    pub(super) is_hidden: Option<bool>,
    pub(super) single_value_extended_properties: Option<Vec<Property>>,
    #[serde(rename = "@odata.type")]
    pub(super) kind: Option<String>,
    #[serde(rename = "@removed")]
    pub(super) removed: Option<Removed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    pub(super) mail: Option<String>,
    pub(super) user_principal_name: Option<String>,
    #[serde(default)]
    pub(super) proxy_addresses: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct BatchAnswer {
    pub(super) responses: Vec<InnerAnswer>,
}

#[derive(Debug, Deserialize)]
pub(super) struct InnerAnswer {
    pub(super) id: String,
    pub(super) status: u16,
    #[serde(default)]
    pub(super) headers: std::collections::HashMap<String, serde_json::Value>,
    #[serde(default)]
    pub(super) body: serde_json::Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_without_rows_is_not_an_empty_list() {
        assert!(serde_json::from_str::<Collection<Message>>("{}").is_err());
        let empty: Collection<Message> = serde_json::from_str(r#"{"value":[]}"#).unwrap();
        assert!(empty.value.is_empty());
    }
}

//! `$select`, `$expand`, `$orderby`: parsed and checked against what v1.0 knows.

use crate::call::{Problem, Query};

use super::extended;

/// Every property of `message` in v1.0. (reference B.2)
pub(crate) const MESSAGE: [&str; 33] = [
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "changeKey",
    "categories",
    "receivedDateTime",
    "sentDateTime",
    "hasAttachments",
    "internetMessageId",
    "subject",
    "bodyPreview",
    "importance",
    "parentFolderId",
    "conversationId",
    "conversationIndex",
    "isDeliveryReceiptRequested",
    "isReadReceiptRequested",
    "isRead",
    "isDraft",
    "webLink",
    "inferenceClassification",
    "body",
    "sender",
    "from",
    "toRecipients",
    "ccRecipients",
    "bccRecipients",
    "replyTo",
    "flag",
    "internetMessageHeaders",
    "uniqueBody",
    "attachments",
    "singleValueExtendedProperties",
];
/// Only with `$select`, or only with `$expand`.
pub(crate) const ON_REQUEST: [&str; 4] =
    ["internetMessageHeaders", "uniqueBody", "attachments", "singleValueExtendedProperties"];
/// Every property of `mailFolder` in v1.0: `wellKnownName` and `sizeInBytes` are beta only.
pub(crate) const FOLDER: [&str; 7] = [
    "id",
    "displayName",
    "parentFolderId",
    "childFolderCount",
    "unreadItemCount",
    "totalItemCount",
    "isHidden",
];

/// What a request wants to see of each row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// None: the default set.
    pub(crate) select: Option<Vec<&'static str>>,
    /// Normalised ids of extended properties.
    pub(crate) properties: Vec<String>,
    pub(crate) attachments: bool,
    pub(crate) child_folders: bool,
}

/// One `$orderby` item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) property: String,
    pub(crate) descending: bool,
}

impl Selection {
    /// `known` are the properties of `kind` (`message` or `mailFolder`).
    pub(crate) fn parse(
        select: Option<&str>,
        expand: Option<&str>,
        kind: &str,
        known: &[&'static str],
    ) -> Result<Self, Problem> {
        let mut selection = Self::default();
        if let Some(select) = select {
            let names = select.split(',').map(str::trim).filter(|name| !name.is_empty());
            selection.select =
                Some(names.map(|name| property(name, kind, known)).collect::<Result<_, _>>()?);
        }
        for item in top_level(expand.unwrap_or_default()) {
            selection.expand(item.trim(), kind)?;
        }
        Ok(selection)
    }

    pub(crate) fn of(query: &Query, kind: &str, known: &[&'static str]) -> Result<Self, Problem> {
        Self::parse(query.option("$select"), query.option("$expand"), kind, known)
    }

    fn expand(&mut self, item: &str, kind: &str) -> Result<(), Problem> {
        let (name, rest) = item.split_once('(').unwrap_or((item, ""));
        match name.trim() {
            "" => {}
            "attachments" => self.attachments = true,
            "childFolders" => self.child_folders = true,
            "singleValueExtendedProperties" => {
                let ids = quoted(rest);
                if ids.is_empty() {
                    return Err(Problem::bad(
                        "ErrorInvalidUrlQuery",
                        "The expand needs a filter on id.",
                    ));
                }
                self.properties =
                    ids.iter().map(|id| extended::normalise(id)).collect::<Result<_, _>>()?;
            }
            "multiValueExtendedProperties" | "extensions" | "Extensions" => {}
            other => return Err(no_such(other, kind)),
        }
        Ok(())
    }

    /// Whether this property is shown.
    pub(crate) fn wants(&self, name: &str) -> bool {
        match &self.select {
            None => !ON_REQUEST.contains(&name),
            Some(names) => name == "id" || names.contains(&name),
        }
    }
}

impl Order {
    pub(crate) fn parse(
        text: Option<&str>,
        kind: &str,
        known: &[&'static str],
    ) -> Result<Vec<Self>, Problem> {
        let items =
            text.unwrap_or_default().split(',').map(str::trim).filter(|item| !item.is_empty());
        items
            .map(|item| {
                let (path, direction) = item.split_once(' ').unwrap_or((item, "asc"));
                property(path.split('/').next().unwrap_or_default(), kind, known)?;
                Ok(Self {
                    property: path.to_owned(),
                    descending: direction.trim().eq_ignore_ascii_case("desc"),
                })
            })
            .collect()
    }
}

fn property(name: &str, kind: &str, known: &[&'static str]) -> Result<&'static str, Problem> {
    known.iter().copied().find(|known| *known == name).ok_or_else(|| no_such(name, kind))
}

pub(crate) fn no_such(name: &str, kind: &str) -> Problem {
    let text = format!(
        "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.{kind}'."
    );
    Problem::bad("BadRequest", &text)
}

/// Splits at commas outside parentheses and quotes.
fn top_level(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut depth, mut quoted, mut start) = (0_usize, false, 0);
    for (at, character) in text.char_indices() {
        match character {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&text[start..]);
    found
}

/// The string literals of `$filter=id eq 'a' or id eq 'b'`.
fn quoted(text: &str) -> Vec<String> {
    text.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

//! `GET …/messages`: filter, order, search, pages. (reference B.4)

use std::cmp::Ordering;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::call::{Problem, Reply};
use crate::item::Item;

use super::Desk;
use super::filter::{Filter, Row};
use super::query::{MESSAGE, Order, Selection};
use super::render::{self, Plain, Show};

/// `$top` of a message list. (reference B.4)
const LARGEST_TOP: usize = 1000;
/// Hits of a `$search`.
const LARGEST_SEARCH: usize = 1000;
/// Properties a filter may name.
const FILTERABLE: [&str; 24] = [
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
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
    "isDeliveryReceiptRequested",
    "isReadReceiptRequested",
    "isRead",
    "isDraft",
    "inferenceClassification",
    "sender",
    "from",
    "flag",
    "changeKey",
    "webLink",
    "singleValueExtendedProperties",
];
const OPTIONS: [&str; 8] =
    ["$select", "$expand", "$top", "$skip", "$filter", "$orderby", "$count", "$search"];

pub(crate) fn answer(desk: &Desk<'_>, folder: Option<&str>) -> Result<Reply, Problem> {
    let query = &desk.call.query;
    known_options(query.names())?;
    let selection = Selection::of(query, "message", &MESSAGE)?;
    let top = query.number("$top")?;
    if top.is_some_and(|top| top == 0 || top > LARGEST_TOP) {
        let text = "Invalid value for $top: the limit is 1 to 1000.";
        return Err(Problem::bad("ErrorInvalidUrlQuery", text));
    }
    let show = desk.show(&selection);
    let rows = candidates(desk, folder, &show)?;
    let switches = &desk.state.switches.messages;
    let size = top.unwrap_or(switches.page).min(switches.short_pages.unwrap_or(usize::MAX));
    let skip = query.number("$skip")?;
    let empty = switches.empty_first_page && skip.is_none() && !rows.is_empty();
    let start = skip.unwrap_or_default().min(rows.len());
    let end = if empty { start } else { (start + size).min(rows.len()) };

    let store = desk.store();
    let mut page = Map::new();
    page.insert("@odata.context".into(), context(desk, folder).into());
    if query.option("$count") == Some("true") {
        page.insert("@odata.count".into(), rows.len().into());
    }
    let value: Vec<Value> =
        rows[start..end].iter().map(|item| render::message(store, item, &show)).collect();
    page.insert("value".into(), value.into());
    if end < rows.len() {
        let link = format!(
            "{}{}?{}",
            desk.call.origin,
            desk.call.path,
            query.with("$skip", &end.to_string())
        );
        page.insert("@odata.nextLink".into(), link.into());
    }
    Ok(Reply::json(200, Value::Object(page)))
}

/// `GET …/messages/$count`
pub(crate) fn count(desk: &Desk<'_>, folder: Option<&str>) -> Result<Reply, Problem> {
    let selection = Selection::default();
    let rows = candidates(desk, folder, &desk.show(&selection))?;
    Ok(Reply::raw("text/plain", Bytes::from(rows.len().to_string())))
}

impl Desk<'_> {
    pub(crate) fn show<'a>(&self, selection: &'a Selection) -> Show<'a> {
        let wanted = self.call.preference("outlook.body-content-type");
        Show {
            selection,
            ids: self.call.id_form(),
            text_body: wanted.is_some_and(|kind| kind.eq_ignore_ascii_case("text")),
            normalised: self.state.switches.messages.normalise_property_ids,
        }
    }
}

/// Rows in order, before paging.
fn candidates<'a>(
    desk: &'a Desk<'_>,
    folder: Option<&str>,
    show: &Show<'_>,
) -> Result<Vec<&'a Item>, Problem> {
    let query = &desk.call.query;
    let order = Order::parse(query.option("$orderby"), "message", &MESSAGE)?;
    let filter =
        query.option("$filter").map(|text| Filter::parse(text, &FILTERABLE)).transpose()?;
    let most = if desk.state.switches.messages.filter_by_one { 1 } else { usize::MAX };
    simple_enough(&order, filter.as_ref(), most)?;
    let search = query.option("$search");
    if search.is_some() && (filter.is_some() || !order.is_empty()) {
        return Err(Problem::bad(
            "SearchWithFilter",
            "The query parameter '$filter' is not supported with '$search'.",
        ));
    }
    let mut rows = in_folder(desk, folder)?;
    let plain = |item: &'a Item| Plain { store: desk.store(), item, show };
    if let Some(filter) = &filter {
        rows.retain(|item| filter.matches(&plain(item)));
    }
    if let Some(words) = search {
        rows.retain(|item| found(item, words));
        rows.truncate(LARGEST_SEARCH);
    }
    match order.as_slice() {
        [] => {}
        [one] if one.property == "receivedDateTime" => {
            if !one.descending {
                rows.reverse();
            }
        }
        _ => rows.sort_by(|left, right| by_order(&order, &plain(left), &plain(right))),
    }
    Ok(rows)
}

/// Newest first. Without a folder: everything but Recoverable Items.
fn in_folder<'a>(desk: &'a Desk<'_>, folder: Option<&str>) -> Result<Vec<&'a Item>, Problem> {
    let store = desk.store();
    let Some(id) = folder else {
        let hidden = store.well_known("recoverableitemsdeletions");
        let mut rows: Vec<&Item> =
            store.items.values().filter(|item| Some(item.folder) != hidden).collect();
        rows.sort_by_key(|item| std::cmp::Reverse(item.position()));
        return Ok(rows);
    };
    let folder = store.folder(desk.folder(id)?);
    Ok(folder.items.iter().rev().filter_map(|(_, key)| store.items.get(key)).collect())
}

/// Properties of `$orderby` must come first, in the same order, in `$filter`. (reference B.4)
fn simple_enough(order: &[Order], filter: Option<&Filter>, most: usize) -> Result<(), Problem> {
    let Some(filter) = filter else { return Ok(()) };
    let mut named: Vec<String> = Vec::new();
    for property in filter.properties() {
        if !named.contains(&property) {
            named.push(property);
        }
    }
    let ordered = order.iter().map(|order| &order.property);
    if named.len() <= most && named.iter().take(order.len()).eq(ordered) {
        return Ok(());
    }
    let text = "The restriction or sort order is too complex for this operation.";
    if named.iter().any(|name| name == "singleValueExtendedProperties") {
        return Err(Problem::bad("ErrorRestrictionTooComplex", text));
    }
    Err(Problem::bad("InefficientFilter", text))
}

fn by_order(order: &[Order], left: &dyn Row, right: &dyn Row) -> Ordering {
    order.iter().fold(Ordering::Equal, |found, order| {
        found.then_with(|| {
            let text = |row: &dyn Row| {
                let mut names = order.property.split('/');
                let first = names.next().and_then(|name| row.value(name)).unwrap_or_default();
                let value = names
                    .try_fold(first, |value, name| value.get(name).cloned())
                    .unwrap_or_default();
                value.as_str().map_or_else(|| value.to_string(), str::to_lowercase)
            };
            let compared = text(left).cmp(&text(right));
            if order.descending { compared.reverse() } else { compared }
        })
    })
}

/// Word prefixes in subject, sender and the start of the body, as the index would find them.
fn found(item: &Item, search: &str) -> bool {
    let view = item.source.view();
    let from = view
        .from
        .as_ref()
        .map(|from| format!("{} {}", from.name.as_deref().unwrap_or(""), from.address));
    let text = format!(
        "{} {} {}",
        view.subject.as_deref().unwrap_or(""),
        from.unwrap_or_default(),
        view.preview
    );
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
    let wanted = search.trim_matches('"').to_lowercase();
    let wanted = wanted.rsplit(':').next().unwrap_or_default();
    let mut parts = wanted.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
    parts.all(|part| words.iter().any(|word| word.starts_with(part)))
}

fn known_options<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), Problem> {
    for name in names {
        let known = OPTIONS.iter().any(|known| known.eq_ignore_ascii_case(name));
        if name.starts_with('$') && !known {
            let text = format!("The query parameter '{name}' is not supported.");
            return Err(Problem::bad("BadRequest", &text));
        }
    }
    Ok(())
}

fn context(desk: &Desk<'_>, folder: Option<&str>) -> String {
    let names =
        desk.call.query.option("$select").map(|names| format!("({names})")).unwrap_or_default();
    match folder {
        Some(id) => desk.context(&format!("mailFolders('{id}')/messages{names}")),
        None => desk.context(&format!("messages{names}")),
    }
}

//! mailFolders: list, show, create, rename, move, copy, delete. (reference B.3)

use serde_json::{Map, Value};

use crate::call::{Problem, Reply};
use crate::folder::Folder;
use crate::mailbox::FolderRefusal;
use crate::switch::FolderDelete;

use super::Desk;
use super::extended;
use super::filter::Filter;
use super::query::{FOLDER, Order, Selection};
use super::render::{self, FolderRow};

/// `$top` of a folder list.
const LARGEST_TOP: usize = 1000;

pub(crate) fn list(desk: &Desk<'_>, parent: Option<&str>) -> Result<Reply, Problem> {
    let query = &desk.call.query;
    let selection = Selection::of(query, "mailFolder", &FOLDER)?;
    let filter = query.option("$filter").map(|text| Filter::parse(text, &FOLDER)).transpose()?;
    Order::parse(query.option("$orderby"), "mailFolder", &FOLDER)?;
    let hidden = query.option("includeHiddenFolders") == Some("true");
    let store = desk.store();
    let key = desk.parent_or_root(parent)?;
    let mut rows: Vec<&Folder> =
        store.children(key).filter(|folder| hidden || !folder.hidden).collect();
    rows.retain(|folder| {
        filter.as_ref().is_none_or(|filter| filter.matches(&FolderRow { store, folder }))
    });
    rows.sort_by_key(|folder| folder.name.to_lowercase());

    let size =
        query.number("$top")?.unwrap_or(desk.state.switches.folders.page).clamp(1, LARGEST_TOP);
    let start = query.number("$skip")?.unwrap_or_default().min(rows.len());
    let end = (start + size).min(rows.len());
    let normalised = desk.state.switches.messages.normalise_property_ids;
    let shown =
        rows[start..end].iter().map(|folder| render::folder(store, folder, &selection, normalised));
    let mut page = Map::new();
    let context = match parent {
        Some(id) => desk.context(&format!("mailFolders('{id}')/childFolders")),
        None => desk.context("mailFolders"),
    };
    page.insert("@odata.context".into(), context.into());
    if query.option("$count") == Some("true") {
        page.insert("@odata.count".into(), rows.len().into());
    }
    page.insert("value".into(), shown.collect::<Vec<Value>>().into());
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

pub(crate) fn show(desk: &Desk<'_>, id: &str) -> Result<Reply, Problem> {
    let key = desk.folder(id)?;
    let selection = Selection::of(&desk.call.query, "mailFolder", &FOLDER)?;
    Ok(entity(desk, key, 200, &selection))
}

pub(crate) fn create(desk: &mut Desk<'_>, parent: Option<&str>) -> Result<Reply, Problem> {
    let parent = desk.parent_or_root(parent)?;
    let body = desk.call.json()?;
    known_members(
        &body,
        &["displayName", "isHidden", "singleValueExtendedProperties", "@odata.type"],
    )?;
    let name = name(desk, &body)?;
    let now = desk.now;
    let key = desk.store_mut().create_folder(parent, &name, now).map_err(refused)?;
    let folder = desk.store_mut().folder_mut(key);
    folder.hidden = body["isHidden"].as_bool().unwrap_or_default();
    set_properties(folder, &body)?;
    Ok(entity(desk, key, 201, &Selection::default()))
}

pub(crate) fn rename(desk: &mut Desk<'_>, id: &str) -> Result<Reply, Problem> {
    let key = desk.folder(id)?;
    let body = desk.call.json()?;
    known_members(&body, &["displayName", "singleValueExtendedProperties", "@odata.type"])?;
    let now = desk.now;
    if body.get("displayName").is_some() {
        let name = name(desk, &body)?;
        desk.store_mut().rename_folder(key, &name, now).map_err(refused)?;
    }
    set_properties(desk.store_mut().folder_mut(key), &body)?;
    Ok(entity(desk, key, 200, &Selection::default()))
}

pub(crate) fn relocate(desk: &mut Desk<'_>, id: &str) -> Result<Reply, Problem> {
    let key = desk.folder(id)?;
    let to = desk.destination()?;
    let now = desk.now;
    desk.store_mut().move_folder(key, to, now).map_err(|refusal| match refusal {
        FolderRefusal::Distinguished => Problem::new(
            403,
            "ErrorMoveDistinguishedFolder",
            "Distinguished folders cannot be moved.",
        ),
        other => refused(other),
    })?;
    Ok(entity(desk, key, desk.state.switches.folders.relocate_status, &Selection::default()))
}

pub(crate) fn copy(desk: &mut Desk<'_>, id: &str) -> Result<Reply, Problem> {
    let key = desk.folder(id)?;
    let to = desk.destination()?;
    let now = desk.now;
    let copy = desk.store_mut().copy_folder(key, to, now).map_err(refused)?;
    Ok(entity(desk, copy, desk.state.switches.folders.relocate_status, &Selection::default()))
}

pub(crate) fn delete(desk: &mut Desk<'_>, id: &str) -> Result<Reply, Problem> {
    remove(desk, id, desk.state.switches.folders.delete)
}

pub(crate) fn purge(desk: &mut Desk<'_>, id: &str) -> Result<Reply, Problem> {
    remove(desk, id, FolderDelete::Purge)
}

fn remove(desk: &mut Desk<'_>, id: &str, how: FolderDelete) -> Result<Reply, Problem> {
    let key = desk.folder(id)?;
    let now = desk.now;
    desk.store_mut().delete_folder(key, how, now).map_err(|refusal| match refusal {
        FolderRefusal::Distinguished => Problem::new(
            403,
            "ErrorDeleteDistinguishedFolder",
            "Distinguished folders cannot be deleted.",
        ),
        other => refused(other),
    })?;
    Ok(Reply::empty(204))
}

fn entity(desk: &Desk<'_>, key: u32, status: u16, selection: &Selection) -> Reply {
    let store = desk.store();
    let normalised = desk.state.switches.messages.normalise_property_ids;
    let mut body = render::folder(store, store.folder(key), selection, normalised);
    body["@odata.context"] = desk.context("mailFolders/$entity").into();
    Reply::json(status, body)
}

fn name(desk: &Desk<'_>, body: &Value) -> Result<String, Problem> {
    let name = body["displayName"].as_str().map(str::trim).filter(|name| !name.is_empty());
    let name =
        name.ok_or_else(|| Problem::bad("ErrorInvalidRequest", "The displayName is missing."))?;
    if desk.state.switches.folders.squeezes_blanks {
        return Ok(name.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    Ok(name.to_owned())
}

fn known_members(body: &Value, known: &[&str]) -> Result<(), Problem> {
    let members = body.as_object().into_iter().flatten();
    match members.map(|(name, _)| name).find(|name| !known.contains(&name.as_str())) {
        Some(_) => Err(Problem::post_body()),
        None => Ok(()),
    }
}

fn set_properties(folder: &mut Folder, body: &Value) -> Result<(), Problem> {
    for property in body["singleValueExtendedProperties"].as_array().into_iter().flatten() {
        let id = extended::normalise(property["id"].as_str().unwrap_or_default())?;
        let value = property["value"].as_str().unwrap_or_default().to_owned();
        if id == "String 0x3613" {
            folder.class = value;
        } else {
            folder.extended.insert(id, value);
        }
    }
    Ok(())
}

fn refused(refusal: FolderRefusal) -> Problem {
    match refusal {
        FolderRefusal::Exists => Problem::new(
            409,
            "ErrorFolderExists",
            "A folder with the specified name already exists.",
        ),
        FolderRefusal::Distinguished => Problem::new(
            403,
            "ErrorAccessDenied",
            "Access is denied. Check credentials and try again.",
        ),
        FolderRefusal::IntoItself => {
            Problem::bad("ErrorMoveCopyFailed", "A folder cannot be put into itself.")
        }
    }
}

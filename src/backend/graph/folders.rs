//! The folder tree: walking it, and editing it (reference B.2, B.3).

use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use serde_json::json;

use super::batch::{self, StepResult};
use super::fault::{about_folder, about_target};
use super::model::{Collection, Folder};
use super::path::{encode, literal};
use super::property::{CONTAINER_CLASS, expand_property, find};
use super::{Graph, PAGE};
use crate::backend::{Page, RemoteChange, RemoteFolder, RemoteFolderRef, Urgency};
use crate::http::{Failure, Patience, Repeat, Request};
use crate::mailbox::{Cursor, Fault, Kind, Outcome, RemoteId, Role};

/// The ids behind the well-known names; v1.0 tells them only one by one.
#[derive(Clone, Debug)]
pub(super) struct Roles {
    root: String,
    by_id: HashMap<String, Role>,
}

/// What a walk through the tree taught. Empty after a start, and refilled as needed.
#[derive(Debug, Default)]
pub(super) struct Tree {
    roles: Option<Roles>,
    known: HashSet<String>,
}

const FIELDS: &str = "$select=id,displayName,parentFolderId,totalItemCount,isHidden";
const ROOT: &str = "msgfolderroot";
/// The rest of the well-known names are no mailboxes' business.
const WELL_KNOWN: [(&str, Role); 6] = [
    ("inbox", Role::Inbox),
    ("drafts", Role::Drafts),
    ("sentitems", Role::Sent),
    ("deleteditems", Role::Trash),
    ("junkemail", Role::Junk),
    ("archive", Role::Archive),
];

impl Graph {
    pub(super) async fn folder_round(
        &self,
        since: Option<&Cursor>,
        urgency: Urgency,
    ) -> Outcome<Page<RemoteFolder>> {
        let patience = self.http.patience(urgency);
        let page = match since {
            Some(cursor) => {
                let request = Request::follow("GET folders delta", cursor.as_str()).prefer(PAGE);
                self.http.json(&request, patience).await.map_err(super::changes::about_cursor)?
            }
            None => {
                let roles = self.resolve_roles(patience).await?;
                self.tree().roles = Some(roles);
                self.first_folder_page(patience).await?
            }
        };
        self.folder_page(page, patience).await
    }

    async fn first_folder_page(&self, patience: Patience) -> Result<Collection<Folder>, Failure> {
        let plain = format!("{}/delta?{FIELDS}", self.prefix.folders());
        let route = "GET folders delta";
        if self.expands_folders.load(Ordering::Relaxed) {
            let path = format!("{plain}&{}", expand_property(CONTAINER_CLASS));
            match self.http.json(&Request::get(route, path).prefer(PAGE), patience).await {
                Err(Failure::Refused(refusal)) if refusal.status == 400 => {
                    self.expands_folders.store(false, Ordering::Relaxed);
                }
                other => return other,
            }
        }
        self.http.json(&Request::get(route, plain).prefer(PAGE), patience).await
    }

    /// Rows as folders; rows that tell only a part are looked up.
    pub(super) async fn folder_page(
        &self,
        page: Collection<Folder>,
        patience: Patience,
    ) -> Outcome<Page<RemoteFolder>> {
        let (cursor, more) = super::changes::cursor(page.next, page.delta)?;
        let rows = self.complete(page.value, patience).await?;
        let changes = if rows.is_empty() {
            Vec::new()
        } else {
            let roles = self.roles(&rows, patience).await?;
            rows.iter().filter_map(|row| row.change(&roles)).collect()
        };
        Ok(Page { changes, cursor, more })
    }

    async fn complete(&self, rows: Vec<Folder>, patience: Patience) -> Outcome<Vec<Folder>> {
        let partial = |row: &Folder| {
            row.removed.is_none() && (row.display_name.is_none() || row.parent_folder_id.is_none())
        };
        let steps: Vec<Request> = rows
            .iter()
            .filter(|row| partial(row))
            .map(|row| Request::get("GET folder", self.folder_query(&row.id)))
            .collect();
        let mut answers = self.batch(&steps, patience).await.into_iter();
        let mut whole = Vec::with_capacity(rows.len());
        for row in rows {
            if !partial(&row) {
                whole.push(row);
                continue;
            }
            let answer = answers.next().expect("every partial row was asked for");
            whole.push(looked_up(row, answer)?);
        }
        Ok(whole)
    }

    pub(super) fn folder_query(&self, id: &str) -> String {
        format!("{}?{FIELDS}", self.prefix.folder(id))
    }

    /// The well-known ids; resolved again when a folder appears that was never seen, since it may
    /// be one that was not there before (an archive folder, say).
    async fn roles(&self, rows: &[Folder], patience: Patience) -> Outcome<Roles> {
        let known = {
            let tree = self.tree();
            let strange = |row: &Folder| row.removed.is_none() && !tree.known.contains(&row.id);
            let first_walk = tree.known.is_empty();
            tree.roles.clone().filter(|_| first_walk || !rows.iter().any(strange))
        };
        let roles = match known {
            Some(roles) => roles,
            None => self.resolve_roles(patience).await?,
        };
        let mut tree = self.tree();
        tree.roles = Some(roles.clone());
        tree.known.extend(rows.iter().map(|row| row.id.clone()));
        Ok(roles)
    }

    /// The well-known ids as they were last seen.
    pub(super) async fn known_roles(&self, patience: Patience) -> Outcome<Roles> {
        let known = self.tree().roles.clone();
        if let Some(roles) = known {
            return Ok(roles);
        }
        let roles = self.resolve_roles(patience).await?;
        self.tree().roles = Some(roles.clone());
        Ok(roles)
    }

    async fn resolve_roles(&self, patience: Patience) -> Outcome<Roles> {
        let names = WELL_KNOWN.iter().map(|(name, _)| *name).chain([ROOT]);
        let steps: Vec<Request> = names
            .map(|name| {
                Request::get("GET folder", format!("{}?$select=id", self.prefix.folder(name)))
            })
            .collect();
        let mut ids = Vec::with_capacity(steps.len());
        for answer in self.batch(&steps, patience).await {
            ids.push(match batch::read::<Folder>(answer) {
                Ok(folder) => Some(folder.id),
                Err(Failure::Refused(refusal)) if refusal.status == 404 => None,
                Err(failure) => return Err(failure.into()),
            });
        }
        let root = ids.pop().flatten().ok_or_else(|| Fault::defect("the mailbox has no root"))?;
        let roles = WELL_KNOWN.iter().map(|(_, role)| *role);
        let by_id = ids.into_iter().zip(roles).filter_map(|(id, role)| Some((id?, role))).collect();
        Ok(Roles { root, by_id })
    }

    pub(super) async fn item_count(&self, folder: &RemoteId, urgency: Urgency) -> Outcome<u64> {
        let patience = self.http.patience(urgency);
        let path = format!("{}?$select=id,totalItemCount", self.prefix.folder(folder.as_str()));
        let request = Request::get("GET folder", path);
        let folder: Folder = self.http.json(&request, patience).await.map_err(about_folder)?;
        folder.total_item_count.ok_or_else(|| Fault::defect("a folder without a count"))
    }

    pub(super) async fn make_folder(
        &self,
        parent: Option<&RemoteId>,
        name: &str,
    ) -> Outcome<RemoteFolder> {
        let patience = self.http.patience(Urgency::Interactive);
        let path = self.children(parent);
        let request =
            Request::post("POST folder", path.as_str()).json(&json!({ "displayName": name }));
        for retry in 0.. {
            let made: Result<Folder, Failure> = self.http.json(&request, patience).await;
            match made {
                Ok(folder) => return self.told_folder(&folder, patience).await,
                Err(Failure::InDoubt { .. }) => {
                    if let Some(folder) = self.find_child(&path, name, patience).await? {
                        return self.told_folder(&folder, patience).await;
                    }
                    if !self.http.pause(retry, patience).await {
                        break;
                    }
                }
                Err(failure) => return Err(about_folder(failure)),
            }
        }
        Err(Fault::from(Kind::Unreachable).because("the folder was not created"))
    }

    fn children(&self, parent: Option<&RemoteId>) -> String {
        match parent {
            Some(parent) => format!("{}/childFolders", self.prefix.folder(parent.as_str())),
            None => self.prefix.folders(),
        }
    }

    async fn find_child(
        &self,
        children: &str,
        name: &str,
        patience: Patience,
    ) -> Outcome<Option<Folder>> {
        let filter = encode(&format!("displayName eq {}", literal(name)));
        let path = format!("{children}?$filter={filter}&{FIELDS}");
        let request = Request::get("GET folders", path);
        let found: Collection<Folder> =
            self.http.json(&request, patience).await.map_err(about_folder)?;
        Ok(found.value.into_iter().next())
    }

    async fn told_folder(&self, folder: &Folder, patience: Patience) -> Outcome<RemoteFolder> {
        let roles = self.known_roles(patience).await?;
        folder.told(&roles).ok_or_else(|| Fault::defect("a folder without a name"))
    }

    /// Renames, then moves; a move that fails takes the new name back.
    pub(super) async fn rename_or_move(
        &self,
        folder: &RemoteFolderRef,
        parent: Option<&RemoteId>,
        name: &str,
    ) -> Outcome<RemoteFolder> {
        let patience = self.http.patience(Urgency::Interactive);
        let renamed = folder.name != name;
        let mut called = folder.name.clone();
        if renamed {
            called = self.rename(&folder.id, name, patience).await?;
        }
        if folder.parent.as_ref() != parent {
            match self.move_folder(&folder.id, parent, patience).await {
                Ok(told) => called = told.unwrap_or(called),
                Err(fault) => {
                    if renamed {
                        self.rename(&folder.id, &folder.name, patience).await?;
                    }
                    return Err(fault);
                }
            }
        }
        // Both steps were confirmed, so this is how it is, whatever becomes of a further look.
        Ok(RemoteFolder {
            id: folder.id.clone(),
            parent: parent.cloned(),
            name: called,
            role: folder.role,
            total: None,
        })
    }

    /// Answers what the folder is called now: the service may spell a name its own way.
    async fn rename(&self, folder: &RemoteId, name: &str, patience: Patience) -> Outcome<String> {
        let request = Request::patch("PATCH folder", self.prefix.folder(folder.as_str()))
            .json(&json!({ "displayName": name }));
        // A success without the folder in it is none (reference B.9).
        let renamed: Result<Folder, Failure> = self.http.json(&request, patience).await;
        let renamed = renamed.map_err(about_folder)?;
        Ok(renamed.display_name.unwrap_or_else(|| name.to_owned()))
    }

    /// Answers what the folder is called there, as far as that is told.
    async fn move_folder(
        &self,
        folder: &RemoteId,
        parent: Option<&RemoteId>,
        patience: Patience,
    ) -> Outcome<Option<String>> {
        let destination = parent.map_or(ROOT, RemoteId::as_str);
        let path = format!("{}/move", self.prefix.folder(folder.as_str()));
        // The documentation says 200 here, and 201 for messages (reference B.3).
        let request = Request::post("POST folder move", path)
            .json(&json!({ "destinationId": destination }))
            .expect(&[200, 201]);
        for retry in 0.. {
            match self.http.json::<Folder>(&request, patience).await {
                Ok(moved) => return Ok(moved.display_name),
                Err(Failure::InDoubt { .. }) => {
                    let now = self.folder_now(folder, patience).await?;
                    if now.parent.as_ref() == parent {
                        return Ok(Some(now.name));
                    }
                    if !self.http.pause(retry, patience).await {
                        break;
                    }
                }
                Err(failure) => return Err(about_target(failure)),
            }
        }
        Err(Fault::from(Kind::Unreachable).because("the folder was not moved"))
    }

    async fn folder_now(&self, folder: &RemoteId, patience: Patience) -> Outcome<RemoteFolder> {
        let request = Request::get("GET folder", self.folder_query(folder.as_str()));
        let now: Folder = self.http.json(&request, patience).await.map_err(about_folder)?;
        self.told_folder(&now, patience).await
    }

    /// A deleted folder may turn up below Deleted Items under the same id, and a second DELETE would
    /// then destroy it for good; so this is never repeated blindly.
    pub(super) async fn remove_folder(&self, folder: &RemoteId) -> Outcome<()> {
        let patience = self.http.patience(Urgency::Interactive);
        let request = Request::delete("DELETE folder", self.prefix.folder(folder.as_str()))
            .repeat(Repeat::Once);
        let place = Request::get("GET folder", self.folder_query(folder.as_str()));
        let before = match self.http.json::<Folder>(&place, patience).await.map_err(Fault::from) {
            Ok(folder) => folder.parent_folder_id,
            Err(fault) if is_gone(&fault) => None,
            Err(fault) => return Err(fault),
        };
        // A folder that was in the trash before is there only if nothing was done.
        let was_in_trash = self.known_roles(patience).await?.is_trash(before);
        let mut end = Kind::Unreachable;
        for retry in 0.. {
            match self.http.done(&request, patience).await.map_err(Fault::from) {
                Ok(()) => return Ok(()),
                // "Not found" is believed after a look: a folder that is still there would come back.
                Err(fault) if is_gone(&fault) => end = Kind::Conflict,
                Err(fault) if *fault.kind() == Kind::InDoubt => end = Kind::Unreachable,
                Err(fault) => return Err(fault),
            }
            match self.http.json::<Folder>(&place, patience).await.map_err(Fault::from) {
                Ok(found) => {
                    let in_trash =
                        self.known_roles(patience).await?.is_trash(found.parent_folder_id);
                    if in_trash && !was_in_trash {
                        return Ok(());
                    }
                }
                Err(fault) if is_gone(&fault) => return Ok(()),
                Err(fault) => return Err(fault),
            }
            if !self.http.pause(retry, patience).await {
                break;
            }
        }
        Err(Fault::from(end).because("the folder was not deleted"))
    }

    fn tree(&self) -> std::sync::MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Roles {
    fn is_trash(&self, folder: Option<String>) -> bool {
        folder.is_some_and(|folder| self.by_id.get(&folder) == Some(&Role::Trash))
    }
}

impl Folder {
    pub(super) fn told(&self, roles: &Roles) -> Option<RemoteFolder> {
        let parent = self.parent_folder_id.as_deref()?;
        Some(RemoteFolder {
            id: RemoteId::new(self.id.as_str()),
            parent: (parent != roles.root).then(|| RemoteId::new(parent)),
            name: self.display_name.clone()?,
            role: roles.by_id.get(&self.id).copied(),
            total: self.total_item_count,
        })
    }

    /// `None` for the root itself.
    fn change(&self, roles: &Roles) -> Option<RemoteChange<RemoteFolder>> {
        if self.id == roles.root {
            return None;
        }
        if self.removed.is_some() || !self.holds_mail() {
            return Some(RemoteChange::Gone(RemoteId::new(self.id.as_str())));
        }
        self.told(roles).map(RemoteChange::Upsert)
    }

    fn holds_mail(&self) -> bool {
        let class = find(self.single_value_extended_properties.as_deref(), CONTAINER_CLASS);
        let mail = class.is_none_or(|class| {
            class.is_empty() || class.to_ascii_lowercase().starts_with("ipf.note")
        });
        mail && self.shown()
    }

    /// Whether people see it, and it holds messages of its own.
    pub(super) fn shown(&self) -> bool {
        let search = self.kind.as_deref().is_some_and(|kind| kind.ends_with("mailSearchFolder"));
        !search && !self.is_hidden.unwrap_or(false)
    }
}

pub(super) fn is_gone(fault: &Fault) -> bool {
    matches!(fault.kind(), Kind::NoSuchMessage | Kind::NoSuchFolder)
}

fn looked_up(row: Folder, answer: StepResult) -> Outcome<Folder> {
    match batch::read::<Folder>(answer).map_err(Fault::from) {
        Ok(folder) => Ok(folder),
        Err(fault) if is_gone(&fault) => {
            Ok(Folder { removed: Some(super::model::Removed {}), ..row })
        }
        Err(fault) => Err(fault),
    }
}

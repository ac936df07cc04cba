//! The other person: mail arrives, someone moves, flags, reads, deletes and renames, without passing through Graph.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::folder::ROOT;
use crate::generated;
use crate::ids::{self, IdForm, Named};
use crate::item::{Item, NewItem, Source};
use crate::mailbox::{FolderRefusal, Store, Touch};
use crate::switch::FolderDelete;
use crate::tenant::Tenant;

/// A message, by its immutable id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ItemId(pub String);

/// What a message looks like to someone who sees everything.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    pub immutable_id: String,
    /// The id without `Prefer: IdType="ImmutableId"`.
    pub ordinary_id: String,
    pub change_key: String,
    pub subject: String,
    pub internet_message_id: Option<String>,
    pub is_read: bool,
    pub is_draft: bool,
    /// `notFlagged`, `flagged` or `complete`.
    pub flag: String,
    pub categories: Vec<String>,
    pub received: Timestamp,
    /// Extended properties by normalised id.
    pub extended: BTreeMap<String, String>,
    #[serde(skip)]
    pub mime: Bytes,
}

/// A mailbox as its owner has it.
#[derive(Clone)]
pub struct Person {
    tenant: Tenant,
    address: String,
}

/// A folder of a person, to put mail into.
#[derive(Clone)]
pub struct Place {
    person: Person,
    folder: u32,
}

/// The owner at work in another client. Folders are named as in [`Person::folder`].
///
/// # Panics
/// Every method panics if it names a message or folder that is not there: the test is wrong then.
#[derive(Clone)]
pub struct Outlook(Person);

/// Why something could not be done, in words for a test or the control API.
pub type Refused = String;

impl Person {
    pub(crate) fn new(tenant: Tenant, address: String) -> Self {
        Self { tenant, address }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn inbox(&self) -> Place {
        self.folder("Inbox")
    }

    /// A folder by well-known name (`Inbox`, `Sent Items`, …) or by path of display names, made if it is missing.
    /// `/` separates, `\/` is a slash within a name.
    pub fn folder(&self, path: &str) -> Place {
        let folder = self.with(|store, now| resolve_or_make(store, path, now));
        Place { person: self.clone(), folder }
    }

    pub fn outlook(&self) -> Outlook {
        Outlook(self.clone())
    }

    /// Messages of a folder, oldest first.
    ///
    /// # Panics
    /// If there is no such folder.
    pub fn items(&self, path: &str) -> Vec<Snapshot> {
        self.try_items(path).unwrap_or_else(|refused| panic!("{refused}"))
    }

    pub fn try_items(&self, path: &str) -> Result<Vec<Snapshot>, Refused> {
        self.with(|store, _| {
            let folder = store.folder(resolve(store, path)?);
            let items = folder.items.iter().filter_map(|(_, key)| store.items.get(key));
            Ok(items.map(|item| snapshot(store, item)).collect())
        })
    }

    /// Display paths of every visible folder.
    pub fn folders(&self) -> Vec<String> {
        self.with(|store, _| {
            let shown =
                store.folders.values().filter(|folder| folder.parent.is_some() && !folder.hidden);
            shown.map(|folder| path_of(store, folder.key)).collect()
        })
    }

    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Store, Timestamp) -> T) -> T {
        let now = self.tenant.0.clock.now();
        let mut state = self.tenant.settled();
        let store =
            state.stores.get_mut(&self.address).expect("people are never removed from a tenant");
        work(store, now)
    }

    fn item(&self, id: &ItemId) -> Result<u64, Refused> {
        self.with(|store, _| match ids::decode(store.tag, &id.0) {
            Some(Named::Immutable { item } | Named::Ordinary { item, .. })
                if store.items.contains_key(&item) =>
            {
                Ok(item)
            }
            _ => Err(format!("there is no message {}", id.0)),
        })
    }
}

impl Place {
    /// Mail arrives now.
    pub fn deliver(&self, mime: impl Into<Bytes>) -> ItemId {
        let now = self.person.tenant.0.clock.now();
        self.deliver_at(mime, now)
    }

    /// Mail that arrived at this time.
    pub fn deliver_at(&self, mime: impl Into<Bytes>, received: Timestamp) -> ItemId {
        self.add(NewItem::delivered(Source::mime(mime.into()), received))
    }

    /// A draft, as Outlook leaves it.
    pub fn draft(&self, mime: impl Into<Bytes>) -> ItemId {
        let now = self.person.tenant.0.clock.now();
        self.draft_at(mime, now)
    }

    /// A draft that was last saved at this time.
    pub fn draft_at(&self, mime: impl Into<Bytes>, received: Timestamp) -> ItemId {
        let source = Source::mime(mime.into());
        self.add(NewItem { source, draft: true, read: true, received, extra: None })
    }

    /// This many generated messages; cheap, whatever the number.
    pub fn seed(&self, messages: u32) {
        self.person.with(|store, now| {
            let first = u32::try_from(store.folder(self.folder).items.len()).unwrap_or_default();
            for number in first..first.saturating_add(messages) {
                let received = generated::date(number).min(now);
                let source = Source::Generated(number);
                let read = number % 3 != 0;
                store.add_item(
                    self.folder,
                    NewItem { source, draft: false, read, received, extra: None },
                    now,
                );
            }
        });
    }

    /// Messages, oldest first.
    pub fn items(&self) -> Vec<Snapshot> {
        self.person.with(|store, _| {
            let keys = store.folder(self.folder).items.iter();
            keys.filter_map(|(_, key)| store.items.get(key))
                .map(|item| snapshot(store, item))
                .collect()
        })
    }

    fn add(&self, new: NewItem) -> ItemId {
        self.person.with(|store, now| {
            let key = store.add_item(self.folder, new, now);
            ItemId(store.id_of(key, 1, IdForm::Immutable))
        })
    }
}

/// One thing the other person does; the verbs of the control API.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Deed {
    Relocate {
        id: ItemId,
        to: String,
    },
    Copy {
        id: ItemId,
        to: String,
    },
    MarkRead {
        id: ItemId,
        read: bool,
    },
    Flag {
        id: ItemId,
        status: String,
    },
    Categorize {
        id: ItemId,
        categories: Vec<String>,
    },
    SetProperty {
        id: ItemId,
        property: String,
        value: String,
    },
    EditDraft {
        id: ItemId,
        mime: String,
    },
    /// To Deleted Items.
    Delete {
        id: ItemId,
    },
    /// Gone for good.
    Purge {
        id: ItemId,
    },
    CreateFolder {
        path: String,
    },
    RenameFolder {
        path: String,
        name: String,
    },
    MoveFolder {
        path: String,
        to: String,
    },
    DeleteFolder {
        path: String,
    },
}

impl Outlook {
    pub fn relocate(&self, id: &ItemId, to: &str) {
        self.must(Deed::Relocate { id: id.clone(), to: to.into() });
    }

    pub fn copy(&self, id: &ItemId, to: &str) {
        self.must(Deed::Copy { id: id.clone(), to: to.into() });
    }

    pub fn mark_read(&self, id: &ItemId, read: bool) {
        self.must(Deed::MarkRead { id: id.clone(), read });
    }

    /// `notFlagged`, `flagged` or `complete`.
    pub fn flag(&self, id: &ItemId, status: &str) {
        self.must(Deed::Flag { id: id.clone(), status: status.into() });
    }

    pub fn categorize(&self, id: &ItemId, categories: &[&str]) {
        let categories = categories.iter().map(|name| (*name).to_owned()).collect();
        self.must(Deed::Categorize { id: id.clone(), categories });
    }

    /// An extended property by its id, for example `Integer 0x1081`.
    pub fn set_property(&self, id: &ItemId, property: &str, value: &str) {
        self.must(Deed::SetProperty {
            id: id.clone(),
            property: property.into(),
            value: value.into(),
        });
    }

    /// New bytes for a draft.
    pub fn edit_draft(&self, id: &ItemId, mime: impl Into<Bytes>) {
        let edited = self.change(id, |item| item.source = Source::mime(mime.into()));
        edited.unwrap_or_else(|refused| panic!("{refused}"));
    }

    pub fn delete(&self, id: &ItemId) {
        self.must(Deed::Delete { id: id.clone() });
    }

    pub fn purge(&self, id: &ItemId) {
        self.must(Deed::Purge { id: id.clone() });
    }

    pub fn create_folder(&self, path: &str) {
        self.must(Deed::CreateFolder { path: path.into() });
    }

    pub fn rename_folder(&self, path: &str, name: &str) {
        self.must(Deed::RenameFolder { path: path.into(), name: name.into() });
    }

    pub fn move_folder(&self, path: &str, to: &str) {
        self.must(Deed::MoveFolder { path: path.into(), to: to.into() });
    }

    pub fn delete_folder(&self, path: &str) {
        self.must(Deed::DeleteFolder { path: path.into() });
    }

    pub fn items(&self, path: &str) -> Vec<Snapshot> {
        self.0.items(path)
    }

    fn must(&self, deed: Deed) {
        self.perform(deed).unwrap_or_else(|refused| panic!("{refused}"));
    }

    /// Does it, or says why not.
    pub fn perform(&self, deed: Deed) -> Result<(), Refused> {
        match deed {
            Deed::Relocate { id, to } => self.relocated(&id, &to),
            Deed::Copy { id, to } => self.on(&id, |store, key, now| {
                let to = resolve(store, &to)?;
                store.copy_item(key, to, now).map(|_| ()).ok_or_else(|| "gone".to_owned())
            }),
            Deed::Delete { id } => self.relocated(&id, "deleteditems"),
            Deed::Purge { id } => self.on(&id, |store, key, now| {
                store.purge_item(key, now);
                Ok(())
            }),
            Deed::MarkRead { id, read } => self.on(&id, |store, key, now| {
                store.set_read(key, read);
                store.touch(key, Touch::Read, now);
                Ok(())
            }),
            Deed::Flag { id, status } => self.change(&id, |item| {
                item.extra_mut().flag = json!({"flagStatus": status});
            }),
            Deed::Categorize { id, categories } => {
                self.change(&id, |item| item.extra_mut().categories = categories)
            }
            Deed::SetProperty { id, property, value } => {
                let property = crate::graph::extended::normalise(&property)
                    .map_err(|problem| problem.message)?;
                self.change(&id, |item| {
                    item.extra_mut().extended.insert(property, value);
                })
            }
            Deed::EditDraft { id, mime } => {
                self.change(&id, |item| item.source = Source::mime(Bytes::from(mime)))
            }
            Deed::CreateFolder { path } => {
                self.0.folder(&path);
                Ok(())
            }
            Deed::RenameFolder { path, name } => {
                self.on_folder(&path, |store, key, now| store.rename_folder(key, &name, now))
            }
            Deed::MoveFolder { path, to } => {
                let to = self.0.with(|store, _| resolve(store, &to))?;
                self.on_folder(&path, |store, key, now| store.move_folder(key, to, now))
            }
            Deed::DeleteFolder { path } => self.on_folder(&path, |store, key, now| {
                store.delete_folder(key, FolderDelete::DeletedItems, now)
            }),
        }
    }

    fn relocated(&self, id: &ItemId, to: &str) -> Result<(), Refused> {
        self.on(id, |store, key, now| {
            let to = resolve(store, to)?;
            store.move_item(key, to, now);
            Ok(())
        })
    }

    fn change(&self, id: &ItemId, change: impl FnOnce(&mut Item)) -> Result<(), Refused> {
        self.on(id, |store, key, now| {
            if let Some(item) = store.items.get_mut(&key) {
                change(item);
            }
            store.touch(key, Touch::Content, now);
            Ok(())
        })
    }

    fn on(
        &self,
        id: &ItemId,
        work: impl FnOnce(&mut Store, u64, Timestamp) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let key = self.0.item(id)?;
        self.0.with(|store, now| work(store, key, now))
    }

    fn on_folder(
        &self,
        path: &str,
        work: impl FnOnce(&mut Store, u32, Timestamp) -> Result<(), FolderRefusal>,
    ) -> Result<(), Refused> {
        self.0.with(|store, now| {
            let key = resolve(store, path)?;
            work(store, key, now).map_err(|refusal| format!("{path}: {refusal:?}"))
        })
    }
}

fn snapshot(store: &Store, item: &Item) -> Snapshot {
    let view = item.source.view();
    let extra = item.extra();
    Snapshot {
        immutable_id: store.item_id(item, IdForm::Immutable),
        ordinary_id: store.item_id(item, IdForm::Ordinary),
        change_key: ids::change_key(store.tag, item.change),
        subject: view.subject.clone().unwrap_or_default(),
        internet_message_id: view.message_id.clone(),
        is_read: item.read,
        is_draft: item.draft,
        flag: extra.flag["flagStatus"].as_str().unwrap_or("notFlagged").to_owned(),
        categories: extra.categories.clone(),
        received: item.received,
        extended: extra.extended.clone(),
        mime: item.source.bytes(),
    }
}

fn names(path: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut characters = path.chars().peekable();
    while let Some(character) = characters.next() {
        let last = found.len() - 1;
        match character {
            '\\' if characters.next_if_eq(&'/').is_some() => found[last].push('/'),
            '/' => found.push(String::new()),
            other => found[last].push(other),
        }
    }
    found
}

fn path_of(store: &Store, key: u32) -> String {
    let folder = store.folder(key);
    let name = folder.name.replace('/', "\\/");
    match folder.parent.filter(|parent| *parent != ROOT) {
        Some(parent) => format!("{}/{name}", path_of(store, parent)),
        None => name,
    }
}

fn first_step(store: &Store, name: &str) -> Option<u32> {
    let squeezed = name.replace(' ', "");
    store.well_known(&squeezed).or_else(|| store.child_named(ROOT, name))
}

pub(crate) fn resolve(store: &Store, path: &str) -> Result<u32, Refused> {
    if let Some(Named::Folder(key)) = ids::decode(store.tag, path) {
        return Ok(key);
    }
    let names = names(path);
    let mut at = first_step(store, &names[0]);
    for name in &names[1..] {
        at = at.and_then(|parent| store.child_named(parent, name));
    }
    at.ok_or_else(|| format!("there is no folder {path}"))
}

fn resolve_or_make(store: &mut Store, path: &str, now: Timestamp) -> u32 {
    let names = names(path);
    let mut at = ROOT;
    for (index, name) in names.iter().enumerate() {
        let found = if index == 0 { first_step(store, name) } else { store.child_named(at, name) };
        at = match found {
            Some(key) => key,
            None => {
                store.create_folder(at, name, now).expect("a name that was just missing is free")
            }
        };
    }
    at
}

//! The one truth: folders, items, change keys and the change logs. Graph, the other person and the post office all
//! work on this; nothing here knows about HTTP.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::folder::{DISTINGUISHED, Folder, LogEntry, ROOT, What};
use crate::ids::{self, IdForm, Named};
use crate::item::{Item, NewItem};
use crate::switch::{FolderDelete, FolderSwitches};

pub(crate) struct Store {
    pub(crate) address: String,
    pub(crate) name: String,
    pub(crate) tag: u64,
    /// Grows with every change to anything in the mailbox.
    pub(crate) change: u64,
    pub(crate) folders: BTreeMap<u32, Folder>,
    pub(crate) items: HashMap<u64, Item>,
    /// Change number and key of each purged folder.
    pub(crate) purged_folders: Vec<(u64, u32, Timestamp)>,
    /// Delta cursors of an older generation are answered 410.
    pub(crate) cursor_generation: u64,
    /// False: 404 MailboxNotEnabledForRESTAPI.
    pub(crate) enabled: bool,
    /// Further addresses, in lower case.
    pub(crate) aliases: Vec<String>,
    /// Lower-case addresses of people with full access.
    pub(crate) shared_with: Vec<String>,
    next_folder: u32,
    next_item: u64,
}

/// What a change to an item was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touch {
    Content,
    /// isRead and nothing else.
    Read,
}

/// Why a folder edit was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FolderRefusal {
    Exists,
    Distinguished,
    IntoItself,
}

impl Store {
    pub(crate) fn new(address: &str, name: &str, switches: &FolderSwitches, at: Timestamp) -> Self {
        let mut store = Self {
            address: address.to_owned(),
            name: name.to_owned(),
            tag: ids::tag(&address.to_lowercase()),
            change: 1000,
            folders: BTreeMap::new(),
            items: HashMap::new(),
            purged_folders: Vec::new(),
            cursor_generation: 1,
            enabled: true,
            aliases: Vec::new(),
            shared_with: Vec::new(),
            next_folder: ROOT,
            next_item: 1,
        };
        for entry in &DISTINGUISHED {
            if switches.absent.iter().any(|absent| absent == entry.well_known) {
                continue;
            }
            let parent = entry.parent.and_then(|parent| store.well_known(parent));
            let key = store.insert_folder(parent, entry.name(switches.language), at);
            let folder = store.folder_mut(key);
            folder.well_known = Some(entry.well_known);
            folder.hidden = entry.hidden;
        }
        store.add_odd_folders(switches, at);
        store
    }

    fn add_odd_folders(&mut self, switches: &FolderSwitches, at: Timestamp) {
        if switches.search_folder {
            let key = self.insert_folder(Some(ROOT), "Unread Mail", at);
            self.folder_mut(key).search = true;
        }
        if switches.foreign_classes {
            for (name, class) in [("Contacts", "IPF.Contact"), ("Calendar", "IPF.Appointment")] {
                let key = self.insert_folder(Some(ROOT), name, at);
                self.folder_mut(key).class = class.into();
            }
        }
    }

    // === finding ===

    pub(crate) fn folder(&self, key: u32) -> &Folder {
        self.folders
            .get(&key)
            .expect("folder keys come from this mailbox and purging removes their items")
    }

    pub(crate) fn folder_mut(&mut self, key: u32) -> &mut Folder {
        self.folders
            .get_mut(&key)
            .expect("folder keys come from this mailbox and purging removes their items")
    }

    pub(crate) fn well_known(&self, name: &str) -> Option<u32> {
        let name = name.to_ascii_lowercase();
        self.folders
            .values()
            .find(|folder| folder.well_known == Some(&name))
            .map(|folder| folder.key)
    }

    pub(crate) fn children(&self, parent: u32) -> impl Iterator<Item = &Folder> {
        self.folders.values().filter(move |folder| folder.parent == Some(parent))
    }

    pub(crate) fn child_named(&self, parent: u32, name: &str) -> Option<u32> {
        let name = name.to_lowercase();
        self.children(parent)
            .find(|folder| folder.name.to_lowercase() == name)
            .map(|folder| folder.key)
    }

    pub(crate) fn item_id(&self, item: &Item, form: IdForm) -> String {
        self.id_of(item.key, item.place, form)
    }

    pub(crate) fn id_of(&self, item: u64, place: u32, form: IdForm) -> String {
        let named = match form {
            IdForm::Immutable => Named::Immutable { item },
            IdForm::Ordinary => Named::Ordinary { item, place },
        };
        ids::encode(self.tag, named)
    }

    pub(crate) fn folder_id(&self, key: u32) -> String {
        ids::encode(self.tag, Named::Folder(key))
    }

    /// Descends from `key`, itself included.
    pub(crate) fn is_below(&self, key: u32, ancestor: u32) -> bool {
        let mut at = Some(key);
        while let Some(current) = at {
            if current == ancestor {
                return true;
            }
            at = self.folders.get(&current).and_then(|folder| folder.parent);
        }
        false
    }

    // === items ===

    pub(crate) fn add_item(&mut self, folder: u32, new: NewItem, at: Timestamp) -> u64 {
        let key = self.next_item;
        self.next_item += 1;
        let item = Item {
            key,
            place: 1,
            folder,
            article: 0,
            change: 0,
            entered: 0,
            source: new.source,
            draft: new.draft,
            submitted: None,
            read: new.read,
            received: new.received,
            created: at,
            modified: at,
            extra: new.extra,
        };
        self.items.insert(key, item);
        self.enter(key, folder, What::Created, at);
        key
    }

    /// Records that the item was changed in place by `touch`.
    pub(crate) fn touch(&mut self, key: u64, touch: Touch, at: Timestamp) {
        let change = self.next_change();
        let Some(item) = self.items.get_mut(&key) else { return };
        item.change = change;
        if touch == Touch::Content {
            item.modified = at;
        }
        let what = if touch == Touch::Read { What::Read } else { What::Changed };
        let entry = LogEntry { change, item: key, place: item.place, what, at };
        let folder = item.folder;
        self.folder_mut(folder).log.push(entry);
    }

    /// Sets isRead and keeps the counts; the caller logs the change with `touch`.
    pub(crate) fn set_read(&mut self, key: u64, read: bool) {
        let Some(item) = self.items.get_mut(&key) else { return };
        if item.read == read {
            return;
        }
        item.read = read;
        let folder = item.folder;
        let change = self.change + 1;
        let folder = self.folder_mut(folder);
        folder.unread = if read { folder.unread.saturating_sub(1) } else { folder.unread + 1 };
        folder.counted = change;
    }

    pub(crate) fn renumber(&mut self, key: u64) {
        let Some(folder) = self.items.get(&key).map(|item| item.folder) else { return };
        let article = self.next_article(folder);
        if let Some(item) = self.items.get_mut(&key) {
            item.article = article;
        }
    }

    pub(crate) fn move_item(&mut self, key: u64, to: u32, at: Timestamp) {
        self.leave(key, at);
        if let Some(item) = self.items.get_mut(&key) {
            item.place += 1;
            item.modified = at;
        }
        self.enter(key, to, What::MovedIn, at);
    }

    pub(crate) fn copy_item(&mut self, key: u64, to: u32, at: Timestamp) -> Option<u64> {
        let item = self.items.get(&key)?;
        let new = NewItem {
            source: item.source.clone(),
            draft: item.draft,
            read: item.read,
            received: item.received,
            extra: item.extra.clone(),
        };
        Some(self.add_item(to, new, at))
    }

    pub(crate) fn purge_item(&mut self, key: u64, at: Timestamp) {
        self.leave(key, at);
        self.items.remove(&key);
    }

    fn enter(&mut self, key: u64, folder_key: u32, what: What, at: Timestamp) {
        let change = self.next_change();
        let article = self.next_article(folder_key);
        let Some(item) = self.items.get_mut(&key) else { return };
        item.folder = folder_key;
        item.article = article;
        item.change = change;
        item.entered = change;
        let (position, read) = (item.position(), item.read);
        let entry = LogEntry { change, item: key, place: item.place, what, at };
        let folder = self.folder_mut(folder_key);
        folder.items.insert(position);
        folder.unread += usize::from(!read);
        folder.counted = change;
        folder.log.push(entry);
    }

    fn leave(&mut self, key: u64, at: Timestamp) {
        let change = self.next_change();
        let Some(item) = self.items.get(&key) else { return };
        let (position, read, place, folder) = (item.position(), item.read, item.place, item.folder);
        let entry = LogEntry { change, item: key, place, what: What::Left, at };
        let folder = self.folder_mut(folder);
        folder.items.remove(&position);
        folder.unread = folder.unread.saturating_sub(usize::from(!read));
        folder.counted = change;
        folder.log.push(entry);
    }

    /// Moves `receivedDateTime`, which orders listings.
    pub(crate) fn set_received(&mut self, key: u64, received: Timestamp) {
        let Some(item) = self.items.get_mut(&key) else { return };
        let before = item.position();
        item.received = received;
        let (after, folder) = (item.position(), item.folder);
        let items = &mut self.folder_mut(folder).items;
        items.remove(&before);
        items.insert(after);
    }

    // === folders ===

    pub(crate) fn create_folder(
        &mut self,
        parent: u32,
        name: &str,
        at: Timestamp,
    ) -> Result<u32, FolderRefusal> {
        if self.child_named(parent, name).is_some() {
            return Err(FolderRefusal::Exists);
        }
        Ok(self.insert_folder(Some(parent), name, at))
    }

    pub(crate) fn rename_folder(
        &mut self,
        key: u32,
        name: &str,
        at: Timestamp,
    ) -> Result<(), FolderRefusal> {
        let folder = self.folder(key);
        if folder.well_known.is_some() {
            return Err(FolderRefusal::Distinguished);
        }
        let parent = folder.parent.unwrap_or(ROOT);
        if self.child_named(parent, name).is_some_and(|other| other != key) {
            return Err(FolderRefusal::Exists);
        }
        self.folder_mut(key).name = name.to_owned();
        self.touch_folder(key, at);
        Ok(())
    }

    pub(crate) fn move_folder(
        &mut self,
        key: u32,
        to: u32,
        at: Timestamp,
    ) -> Result<(), FolderRefusal> {
        if self.folder(key).well_known.is_some() {
            return Err(FolderRefusal::Distinguished);
        }
        if self.is_below(to, key) {
            return Err(FolderRefusal::IntoItself);
        }
        let name = self.folder(key).name.clone();
        if self.child_named(to, &name).is_some_and(|other| other != key) {
            return Err(FolderRefusal::Exists);
        }
        let from = self.folder_mut(key).parent.replace(to);
        for touched in [Some(key), from, Some(to)].into_iter().flatten() {
            self.touch_folder(touched, at);
        }
        Ok(())
    }

    /// The folder with its messages and its subfolders.
    pub(crate) fn copy_folder(
        &mut self,
        key: u32,
        to: u32,
        at: Timestamp,
    ) -> Result<u32, FolderRefusal> {
        if self.is_below(to, key) {
            return Err(FolderRefusal::IntoItself);
        }
        let name = self.folder(key).name.clone();
        let copy = self.create_folder(to, &name, at)?;
        let items: Vec<u64> = self.folder(key).items.iter().map(|(_, item)| *item).collect();
        for item in items {
            self.copy_item(item, copy, at);
        }
        let children: Vec<u32> = self.children(key).map(|child| child.key).collect();
        for child in children {
            self.copy_folder(child, copy, at)?;
        }
        Ok(copy)
    }

    pub(crate) fn delete_folder(
        &mut self,
        key: u32,
        how: FolderDelete,
        at: Timestamp,
    ) -> Result<(), FolderRefusal> {
        if self.folder(key).well_known.is_some() {
            return Err(FolderRefusal::Distinguished);
        }
        let trash = self.well_known("deleteditems");
        match trash.filter(|trash| how == FolderDelete::DeletedItems && !self.is_below(key, *trash))
        {
            Some(trash) => self.bin_folder(key, trash, at),
            None => self.purge_folder(key, at),
        }
        Ok(())
    }

    /// A namesake in Deleted Items does not stop a deletion: the newcomer gets a number.
    fn bin_folder(&mut self, key: u32, trash: u32, at: Timestamp) {
        let name = self.folder(key).name.clone();
        let mut free = name.clone();
        let mut number = 1;
        while self.child_named(trash, &free).is_some() {
            free = format!("{name} ({number})");
            number += 1;
        }
        self.folder_mut(key).name = free;
        let from = self.folder_mut(key).parent.replace(trash);
        for touched in [Some(key), from, Some(trash)].into_iter().flatten() {
            self.touch_folder(touched, at);
        }
    }

    fn purge_folder(&mut self, key: u32, at: Timestamp) {
        let children: Vec<u32> = self.children(key).map(|child| child.key).collect();
        for child in children {
            self.purge_folder(child, at);
        }
        let items: Vec<u64> = self.folder(key).items.iter().map(|(_, item)| *item).collect();
        for item in items {
            self.purge_item(item, at);
        }
        let change = self.next_change();
        let gone = self.folders.remove(&key);
        self.purged_folders.push((change, key, at));
        if let Some(parent) = gone.and_then(|folder| folder.parent) {
            self.touch_folder(parent, at);
        }
    }

    pub(crate) fn touch_folder(&mut self, key: u32, at: Timestamp) {
        let change = self.next_change();
        if let Some(folder) = self.folders.get_mut(&key) {
            folder.changed = change;
            folder.modified = at;
        }
    }

    fn insert_folder(&mut self, parent: Option<u32>, name: &str, at: Timestamp) -> u32 {
        let key = self.next_folder;
        self.next_folder += 1;
        self.folders.insert(key, Folder::new(key, parent, name, at));
        self.touch_folder(key, at);
        if let Some(parent) = parent {
            self.touch_folder(parent, at);
        }
        key
    }

    fn next_change(&mut self) -> u64 {
        self.change += 1;
        self.change
    }

    fn next_article(&mut self, folder: u32) -> u32 {
        let folder = self.folder_mut(folder);
        folder.next_article += 1;
        folder.next_article - 1
    }
}

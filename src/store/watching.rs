//! Telling readers that there is something new to read; what it is, they read themselves.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::mailbox::{FolderId, ModSeq};

#[derive(Debug)]
pub(super) struct Watching {
    folders: Mutex<HashMap<FolderId, watch::Sender<ModSeq>>>,
    tree: watch::Sender<u64>,
}

/// What a transaction changed, to be told once it is committed.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) changed: Vec<(FolderId, ModSeq)>,
    pub(super) gone: Vec<FolderId>,
    pub(super) tree: bool,
}

impl Watching {
    pub(super) fn new() -> Self {
        Self { folders: Mutex::default(), tree: watch::Sender::new(0) }
    }

    pub(super) fn folder(&self, folder: FolderId) -> watch::Receiver<ModSeq> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        folders.retain(|_, sender| sender.receiver_count() > 0);
        folders.entry(folder).or_insert_with(|| watch::Sender::new(ModSeq::ZERO)).subscribe()
    }

    pub(super) fn tree(&self) -> watch::Receiver<u64> {
        self.tree.subscribe()
    }

    pub(super) fn publish(&self, news: &News) {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        for (folder, highest) in &news.changed {
            if let Some(sender) = folders.get(folder) {
                sender.send_replace(*highest);
            }
        }
        for folder in &news.gone {
            folders.remove(folder);
        }
        if news.tree {
            self.tree.send_modify(|revision| *revision += 1);
        }
    }
}

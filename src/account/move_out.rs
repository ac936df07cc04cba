//! What RENAME INBOX means (RFC 3501 §6.3.5): the inbox stays, and its mail gets a folder of its own.

use super::{Account, OpenFolder, Transfer};
use crate::mailbox::{Folder, FolderPath, Kind, Outcome, Uid};

/// Messages moved with one call: what was moved is recorded before the next ones go.
const AT_ONCE: usize = 200;

impl Account {
    /// Makes the folder and moves every message of the inbox there. The folders below the inbox stay, and
    /// so does what arrives meanwhile. The transfer tells what could not be moved; the folder is there then.
    ///
    /// # Errors
    /// Of opening the inbox and making the folder: nothing was moved.
    pub async fn move_inbox_out(&self, to: &FolderPath) -> Outcome<(Folder, Transfer)> {
        let opened = self.open(&FolderPath::inbox()).await?;
        let made = self.create_folder(to).await?;
        let (pairs, failed) = (Vec::new(), Vec::new());
        let mut transfer = Transfer { validity: made.validity, pairs, failed };
        for uids in opened.view.uids().chunks(AT_ONCE) {
            opened.folder.move_on(uids, &made.path, &mut transfer).await;
        }
        Ok((made, transfer))
    }
}

impl OpenFolder {
    /// Once something could not be moved the rest is left alone: it would meet the same, or leave a mailbox
    /// torn further apart.
    async fn move_on(&self, uids: &[Uid], to: &FolderPath, transfer: &mut Transfer) {
        let matters = |kind: &Kind| *kind != Kind::NoSuchMessage;
        let first = transfer.failed.iter().map(|(_, fault)| fault).find(|f| matters(f.kind()));
        let moved = match first.cloned() {
            Some(fault) => Err(fault),
            None => self.relocate(uids, to).await,
        };
        match moved {
            Ok(moved) => {
                transfer.pairs.extend(moved.pairs);
                transfer.failed.extend(moved.failed);
            }
            Err(fault) => transfer.failed.extend(uids.iter().map(|uid| (*uid, fault.clone()))),
        }
    }
}

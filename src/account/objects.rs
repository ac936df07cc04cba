//! What of a message outlives folders and UIDs: its names (RFC 8474) and its first words (RFC 8970).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::OpenFolder;
use super::body::scan;
use crate::mailbox::{Fault, ObjectId, Outcome, Uid};
use crate::mime::{self, Outline};
use crate::store::Names;

impl OpenFolder {
    /// The names of those of `uids` that are there.
    pub async fn names(&self, uids: &[Uid]) -> Outcome<Vec<(Uid, Names)>> {
        self.account.0.store.names(self.folder.id, uids).await
    }

    /// The messages whose content has this name, ascending.
    pub async fn named_email(&self, email: ObjectId) -> Outcome<Vec<Uid>> {
        self.account.0.store.named_email(self.folder.id, email).await
    }

    /// The messages of this conversation, ascending.
    pub async fn named_thread(&self, thread: ObjectId) -> Outcome<Vec<Uid>> {
        self.account.0.store.named_thread(self.folder.id, thread).await
    }

    /// The previews of those of `uids` that have one already.
    pub async fn previews(&self, uids: &[Uid]) -> Outcome<Vec<(Uid, String)>> {
        self.account.0.store.previews(self.folder.id, uids).await
    }

    /// The preview of one message, which is fetched if it was never seen.
    ///
    /// # Errors
    /// As for `body`.
    pub async fn preview(&self, uid: Uid) -> Outcome<String> {
        let (body, file) = self.frozen(uid).await?;
        if let Some(preview) = body.texts.preview {
            return Ok(preview);
        }
        let reading = tokio::task::spawn_blocking(move || first_words(&file, &scan(&file)?));
        let preview = reading.await.map_err(|_| Fault::defect("making a preview broke off"))?;
        let preview = preview.map_err(|error| Fault::defect(error).because("frozen bytes"))?;
        self.account.0.store.note_preview(self.folder.id, uid, preview.clone()).await?;
        Ok(preview)
    }
}

/// The preview of a message whose outline still has its headers. Blocks.
pub(super) fn first_words(file: &File, outline: &Outline) -> io::Result<String> {
    for index in mime::preview_parts(outline) {
        let part = outline.part(index);
        let length = (part.body.end - part.body.start).min(mime::PREVIEW_READ);
        let mut octets = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_exact_at(&mut octets, part.body.start)?;
        let preview = mime::preview(part, &octets);
        if !preview.is_empty() {
            return Ok(preview);
        }
    }
    Ok(String::new())
}

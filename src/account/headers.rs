//! Headers without their messages, where estimated sizes are good enough: a few requests for thousands of
//! messages, instead of one for each.

use super::{Account, OpenFolder, Sizes};
use crate::backend::RemoteHeader;
use crate::mailbox::{Outcome, RemoteId, Uid};
use crate::mime::{self, Scanner};
use crate::store::Listed;

/// Fewer messages than this are fetched instead: that is as quick, and tells all.
const WORTH_A_LISTING: usize = 5;

/// Pages read for one question. Mail that was filed long after it arrived lies far apart by date.
const PAGES_MAX: usize = 4;

impl OpenFolder {
    /// Headers of those of `uids` (ascending) whose bytes were never here, in that order, as far as the
    /// service tells them without the bytes. None at all unless sizes may be estimates.
    pub async fn headers(&self, uids: &[Uid]) -> Outcome<Vec<(Uid, Listed)>> {
        let Account(inner) = &self.account;
        if inner.pace.sizes == Sizes::Exact || uids.is_empty() {
            return Ok(Vec::new());
        }
        let desk = self.account.desk(self.folder.id);
        // One listing at a time: what it brings often answers the next question as well.
        let _turn = desk.headers.acquire().await.expect("the gate is never closed");
        if let Err(fault) = self.list_headers(uids).await {
            // Those that were not told are fetched, which meets the same fault or does not.
            tracing::info!(account = %inner.address, folder = %self.folder.path, %fault, "no headers by listing");
        }
        inner.store.listed(self.folder.id, uids).await
    }

    async fn list_headers(&self, uids: &[Uid]) -> Outcome<()> {
        let Account(inner) = &self.account;
        let mut missing = inner.store.unlisted(self.folder.id, uids).await?;
        let Some(from) = missing.iter().map(|row| row.received).min() else { return Ok(()) };
        let mut next = None;
        for _ in 0..PAGES_MAX {
            if missing.len() < WORTH_A_LISTING {
                break;
            }
            let page = inner.backend.headers(&self.folder.remote, from, next.as_ref()).await?;
            let told =
                tokio::task::spawn_blocking(move || page.list.into_iter().map(read).collect());
            let told = told.await.map_err(crate::mailbox::Fault::defect)?;
            inner.store.keep_listed(told).await?;
            next = page.next;
            if next.is_none() {
                break;
            }
            missing = inner.store.unlisted(self.folder.id, uids).await?;
        }
        Ok(())
    }
}

fn read(told: RemoteHeader) -> (RemoteId, Option<Listed>) {
    let listed = told.header.map(|header| {
        let mut scanner = Scanner::new();
        scanner.feed(&header);
        let envelope = mime::envelope(&scanner.finish()).into();
        Listed { header: header.into(), envelope }
    });
    (told.message, listed)
}

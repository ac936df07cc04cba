//! How much mail a folder holds.

use super::Store;
use super::values::{self, key, signed};
use crate::mailbox::{FolderId, Outcome};

/// Of a message whose bytes were never seen only the service's own count is known, which is not
/// that of RFC 5322: what is stored decoded travels encoded, a third larger and more.
const GROWTH: u64 = 2;

/// Counted for a message of which not even that is known: nothing larger gets into a mailbox.
const LARGEST: u64 = 150 * 1024 * 1024;

impl Store {
    /// Octets of all messages of a folder. Exact if the bytes of each were seen, else the sum or
    /// more, as RFC 8438 §3 wants it.
    pub async fn octets(&self, folder: FolderId) -> Outcome<u64> {
        self.read(move |connection| {
            let sql = "SELECT SUM(COALESCE(b.size, m.estimate * ?2, ?3))
                 FROM messages m LEFT JOIN bodies b ON b.remote = m.remote AND b.content = m.content
                 WHERE m.folder = ?1";
            let asked = [key(folder), signed(GROWTH), signed(LARGEST)];
            let mut statement = connection.prepare_cached(sql)?;
            let sum = statement.query_row(asked, |record| values::octets(record, 0))?;
            Ok(sum.unwrap_or(0))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fixture, folder, mail};
    use super::super::{Applied, Tree};
    use super::*;
    use crate::mailbox::FolderPath;

    #[tokio::test]
    async fn what_is_not_known_is_never_counted_too_low() {
        let here = fixture().await;
        let upserts = vec![folder("work", None, "Work")];
        here.store.apply_folders(Tree::Written { upserts, gone: vec![] }, None).await.unwrap();
        let path = FolderPath::parse("Work").unwrap();
        let work = here.store.folder_by_path(&path).await.unwrap().unwrap();
        assert_eq!(here.store.octets(work.id).await.unwrap(), 0);
        let mut estimated = mail("a", 1);
        estimated.estimate = Some(1000);
        let rows = vec![estimated, mail("b", 2)];
        let added = Applied::Added { rows, asked: here.store.epoch(), spared: vec![] };
        here.store.apply(work.id, added).await.unwrap();
        assert_eq!(here.store.octets(work.id).await.unwrap(), 2000 + LARGEST);
    }
}

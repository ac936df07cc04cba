//! What was found, with what it is sorted and threaded by: from the columns, from the index, and only
//! of what was never opened from the message itself.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};

use super::connection::Connection;
use super::ending::Halt;
use super::fetch::AHEAD;
use super::found::{Found, Hit};
use super::search::{if_there, read_all};
use crate::account::OpenFolder;
use crate::mailbox::{Outcome, Snapshot, Timestamp, Uid};
use crate::mime::SortKeys;

/// Messages whose keys are read with one query.
const AT_ONCE: usize = 1000;

/// What an order takes beyond the columns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Needs {
    Columns,
    Size,
    Keys,
    SizeAndKeys,
}

#[derive(Clone, Debug)]
pub(super) struct Keyed {
    pub(super) hit: Hit,
    pub(super) received: Timestamp,
    /// 0 where it is not needed.
    pub(super) size: u64,
    pub(super) kept: Bytes,
}

impl Keyed {
    /// Empty where they are not needed.
    pub(super) fn keys(&self) -> Option<SortKeys<'_>> {
        SortKeys::read(&self.kept)
    }

    /// When it was sent, or else when it came (RFC 5256 §2.2).
    pub(super) fn sent(&self, keys: &SortKeys<'_>) -> i64 {
        keys.sent.unwrap_or(self.received.0)
    }
}

impl Needs {
    fn keys(self) -> bool {
        matches!(self, Self::Keys | Self::SizeAndKeys)
    }

    fn size(self) -> bool {
        matches!(self, Self::Size | Self::SizeAndKeys)
    }
}

/// The messages in the order they were found in. What has gone meanwhile is left out.
pub(super) async fn gather(
    connection: &mut Connection,
    folder: &OpenFolder,
    found: &Found,
    needs: Needs,
) -> Result<Vec<Keyed>, Halt> {
    let folder = folder.clone();
    let snapshot = Arc::clone(&found.snapshot);
    let batches: Vec<Vec<Hit>> = found.hits.chunks(AT_ONCE).map(<[_]>::to_vec).collect();
    let batches = stream::iter(batches)
        .map(move |hits| batch(folder.clone(), Arc::clone(&snapshot), hits, needs));
    let mut batches = Box::pin(batches.buffered(AHEAD));
    let mut keyed = Vec::with_capacity(found.hits.len());
    while let Some(batch) = connection.patiently(batches.next()).await? {
        keyed.extend(batch?);
    }
    Ok(keyed)
}

async fn batch(
    folder: OpenFolder,
    snapshot: Arc<Snapshot>,
    hits: Vec<Hit>,
    needs: Needs,
) -> Outcome<Vec<Keyed>> {
    let uids: Vec<Uid> = hits.iter().map(|(_, uid)| *uid).collect();
    let mut kept: HashMap<Uid, Bytes> = match needs.keys() {
        true => folder.sort_keys(&uids).await?.into_iter().collect(),
        false => HashMap::new(),
    };
    kept.retain(|_, kept| SortKeys::read(kept).is_some());
    let mut sizes = HashMap::new();
    if needs.size() {
        let unknown = |uid: &Uid| snapshot.get(*uid).is_some_and(|line| line.size.is_none());
        let unknown: Vec<Uid> = uids.into_iter().filter(unknown).collect();
        let summaries = folder.summaries(&unknown).await?.into_iter();
        sizes = summaries.map(|(uid, summary)| (uid, summary.size)).collect();
    }
    let mut keyed = Vec::with_capacity(hits.len());
    for hit in hits {
        let Some(line) = snapshot.get(hit.1) else { continue };
        let mut one = Keyed { hit, received: line.received, size: 0, kept: Bytes::new() };
        if needs.keys() {
            one.kept = match kept.remove(&hit.1) {
                Some(kept) => kept,
                None => match if_there(read_keys(&folder, hit.1).await)? {
                    Some(kept) => kept,
                    None => continue,
                },
            };
        }
        if needs.size() {
            one.size = match line.size.or_else(|| sizes.get(&hit.1).copied()) {
                Some(size) => size,
                None => match if_there(folder.summary(hit.1).await)? {
                    Some(summary) => summary.size,
                    None => continue,
                },
            };
        }
        keyed.push(one);
    }
    Ok(keyed)
}

async fn read_keys(folder: &OpenFolder, uid: Uid) -> Outcome<Bytes> {
    let body = folder.body(uid).await?;
    let reading = tokio::task::spawn_blocking(move || {
        let header = body.outline()?.root().header.clone();
        Ok(SortKeys::collect(&read_all(&body, header)?).into())
    });
    reading.await.map_err(crate::mailbox::Fault::defect)?
}

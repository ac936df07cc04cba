//! EMAILID and THREADID (RFC 8474) and PREVIEW (RFC 8970): FETCH items and SEARCH keys that neither a column nor a
//! finished text answers.

use std::collections::HashMap;

use wire::imap::{FetchItem, FetchWriter, Formula, Laziness, Ranges, SearchKey, UidSet};

use super::convert;
use crate::account::{Names, OpenFolder};
use crate::mailbox::{Fault, Kind, ObjectId, Outcome, Uid};

/// What of this a FETCH asks for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Asks {
    names: bool,
    preview: Option<Laziness>,
}

/// What was found for some messages.
#[derive(Debug, Default)]
pub(super) struct Extras {
    names: HashMap<Uid, Names>,
    previews: HashMap<Uid, String>,
}

/// What was found for one message.
#[derive(Debug, Default)]
pub(super) struct Extra {
    names: Option<Names>,
    /// `None`: not made yet, and not worth the wait.
    preview: Option<String>,
}

/// The messages that the names in a SEARCH stand for.
#[derive(Debug, Default)]
pub(super) struct Named(HashMap<String, Vec<Uid>>);

impl Asks {
    pub(super) fn of(items: &[FetchItem]) -> Self {
        let names = |item: &FetchItem| matches!(item, FetchItem::EmailId | FetchItem::ThreadId);
        let eager = items.contains(&FetchItem::Preview(Laziness::Eager));
        let lazy = items.contains(&FetchItem::Preview(Laziness::Lazy));
        let preview = match (eager, lazy) {
            (true, _) => Some(Laziness::Eager),
            (false, true) => Some(Laziness::Lazy),
            (false, false) => None,
        };
        Self { names: items.iter().any(names), preview }
    }

    /// What the index knows of these messages.
    pub(super) async fn look(self, folder: &OpenFolder, uids: &[Uid]) -> Outcome<Extras> {
        let mut extras = Extras::default();
        if self.names {
            extras.names = folder.names(uids).await?.into_iter().collect();
        }
        if self.preview.is_some() {
            extras.previews = folder.previews(uids).await?.into_iter().collect();
        }
        Ok(extras)
    }

    /// What one message takes, with whatever work that is.
    pub(super) async fn have(self, folder: &OpenFolder, uid: Uid) -> Outcome<Extra> {
        let mut extra = Extra::default();
        if self.preview == Some(Laziness::Eager) {
            extra.preview = Some(folder.preview(uid).await?);
        }
        let mut known = self.look(folder, &[uid]).await?;
        extra.names = known.names.remove(&uid);
        if self.names && extra.names.is_none() {
            return Err(Kind::NoSuchMessage.into());
        }
        extra.preview = extra.preview.or_else(|| known.previews.remove(&uid));
        Ok(extra)
    }
}

impl Extras {
    /// `None`: it has to be had one by one.
    pub(super) fn take(&mut self, asks: Asks, uid: Uid) -> Option<Extra> {
        let names = self.names.remove(&uid);
        let preview = self.previews.remove(&uid);
        let lacks = asks.names && names.is_none()
            || asks.preview == Some(Laziness::Eager) && preview.is_none();
        (!lacks).then_some(Extra { names, preview })
    }
}

impl Extra {
    /// # Errors
    /// `Defect` if the item was not asked about.
    pub(super) fn show(
        &self,
        out: &mut Vec<u8>,
        writer: &mut FetchWriter,
        item: &FetchItem,
    ) -> Outcome<()> {
        let id = match (item, &self.names) {
            (FetchItem::EmailId, Some(names)) => Some(&names.email),
            (FetchItem::ThreadId, Some(names)) => names.thread.as_ref(),
            (FetchItem::Preview(_), _) => {
                match &self.preview {
                    Some(preview) => writer.text(out, item, preview),
                    None => writer.nil(out, item),
                }
                return Ok(());
            }
            _ => return Err(Fault::defect("a FETCH was planned without what it needs")),
        };
        match id {
            Some(id) => writer.value(out, item, format!("({id})").as_bytes()),
            None => writer.nil(out, item),
        }
        Ok(())
    }
}

impl Named {
    /// Finds all that `key` names in the folder.
    pub(super) async fn of(key: &Formula<SearchKey>, folder: &OpenFolder) -> Outcome<Self> {
        let mut named = HashMap::new();
        for key in key.object_ids() {
            let (id, uids) = match key {
                SearchKey::EmailId(id) => {
                    (id, folder.named_email(ObjectId::known(id.as_str())).await?)
                }
                SearchKey::ThreadId(id) => {
                    (id, folder.named_thread(ObjectId::known(id.as_str())).await?)
                }
                _ => continue,
            };
            // Names of contents and of conversations begin differently, so none is both.
            let known: &mut Vec<Uid> = named.entry(id.to_string()).or_default();
            if known.is_empty() {
                *known = uids;
            }
        }
        Ok(Self(named))
    }

    /// `None` if no message has this name.
    pub(super) fn uids(&self, id: &wire::imap::ObjectId) -> Option<Ranges> {
        let uids = self.0.get(id.as_str())?.iter().map(|uid| convert::number(uid.get()));
        Some(UidSet::from_ascending(uids)?.ranges(u32::MAX))
    }
}

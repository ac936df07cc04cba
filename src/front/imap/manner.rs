//! What a command says of itself before it is carried out.

use wire::imap::{Body, ListReturn, Numbering, SelectParameter, StatusItem};

use super::selected::numbering;
use crate::mailbox::Expunges;

#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// The verb, for the log.
    pub(super) name: &'static str,
    /// At the sync point after it.
    pub(super) expunges: Expunges,
    pub(super) closing: Closing,
}

/// What the tagged OK carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Closing {
    Plain,
    /// The point in the log that the client has been told of, expunges included (RFC 7162 §3.2.7).
    HighestModSeq,
}

impl Manner {
    pub(super) const APPEND: Self =
        Self { name: "APPEND", expunges: Expunges::Announce, closing: Closing::Plain };

    pub(super) fn of(body: &Body) -> Self {
        let closing = match body {
            // Not CLOSE: the client has not been told what it expunged (RFC 7162 §3.2.8).
            Body::Expunge | Body::UidExpunge(_) | Body::Move { .. } => Closing::HighestModSeq,
            _ => Closing::Plain,
        };
        Self { name: name(body), expunges: expunges(body), closing }
    }
}

/// Whether the command shows that the client wants mod-sequences (RFC 7162 §3.1). ENABLE says so
/// itself.
pub(super) fn wants_mod_sequences(body: &Body) -> bool {
    match body {
        Body::Select(select) | Body::Examine(select) => {
            select.parameters.contains(&SelectParameter::CondStore)
        }
        Body::Status { items, .. } => items.contains(&StatusItem::HighestModSeq),
        Body::List(list) => list.returns.iter().any(|wanted| match wanted {
            ListReturn::Status(items) => items.contains(&StatusItem::HighestModSeq),
            _ => false,
        }),
        Body::Fetch(fetch) => {
            fetch.changed_since.is_some() || fetch.items.contains(&wire::imap::FetchItem::ModSeq)
        }
        Body::Search(search) => search.key.names_mod_seq(),
        Body::Sort(sort) => sort.key.names_mod_seq(),
        Body::Thread(thread) => thread.key.names_mod_seq(),
        Body::Store(store) => store.unchanged_since.is_some(),
        _ => false,
    }
}

/// Sequence numbers must not move while a command speaks in them (RFC 3501 §7.4.1, RFC 7162
/// §3.2.10.2).
fn expunges(body: &Body) -> Expunges {
    let numbering = match body {
        Body::Fetch(fetch) => numbering(&fetch.set),
        Body::Store(store) => numbering(&store.set),
        Body::Search(search) if search.key.names_numbers() => Numbering::Seq,
        Body::Search(search) => search.numbering,
        Body::Sort(sort) if sort.key.names_numbers() => Numbering::Seq,
        Body::Sort(sort) => sort.numbering,
        Body::Thread(thread) if thread.key.names_numbers() => Numbering::Seq,
        Body::Thread(thread) => thread.numbering,
        _ => return Expunges::Announce,
    };
    match numbering {
        Numbering::Seq => Expunges::Hold,
        Numbering::Uid => Expunges::Announce,
    }
}

/// The verb, for the log.
#[rustfmt::skip]
fn name(body: &Body) -> &'static str {
    match body {
        Body::Capability => "CAPABILITY",
        Body::Noop => "NOOP",
        Body::Logout => "LOGOUT",
        Body::Id(_) => "ID",
        Body::StartTls => "STARTTLS",
        Body::Authenticate { .. } => "AUTHENTICATE",
        Body::Login { .. } => "LOGIN",
        Body::Compress => "COMPRESS",
        Body::Enable(_) => "ENABLE",
        Body::Namespace => "NAMESPACE",
        Body::Select(_) => "SELECT",
        Body::Examine(_) => "EXAMINE",
        Body::Create(_) => "CREATE",
        Body::Delete(_) => "DELETE",
        Body::Rename { .. } => "RENAME",
        Body::Subscribe(_) => "SUBSCRIBE",
        Body::Unsubscribe(_) => "UNSUBSCRIBE",
        Body::List(_) => "LIST",
        Body::Lsub { .. } => "LSUB",
        Body::Status { .. } => "STATUS",
        Body::Idle => "IDLE",
        Body::Check => "CHECK",
        Body::Close => "CLOSE",
        Body::Unselect => "UNSELECT",
        Body::Expunge => "EXPUNGE",
        Body::UidExpunge(_) => "UID EXPUNGE",
        Body::Search(search) if search.numbering == Numbering::Uid => "UID SEARCH",
        Body::Search(_) => "SEARCH",
        Body::Sort(sort) if sort.numbering == Numbering::Uid => "UID SORT",
        Body::Sort(_) => "SORT",
        Body::Thread(thread) if thread.numbering == Numbering::Uid => "UID THREAD",
        Body::Thread(_) => "THREAD",
        Body::Fetch(fetch) if numbering(&fetch.set) == Numbering::Uid => "UID FETCH",
        Body::Fetch(_) => "FETCH",
        Body::Store(store) if numbering(&store.set) == Numbering::Uid => "UID STORE",
        Body::Store(_) => "STORE",
        Body::Copy { set, .. } if numbering(set) == Numbering::Uid => "UID COPY",
        Body::Copy { .. } => "COPY",
        Body::Move { set, .. } if numbering(set) == Numbering::Uid => "UID MOVE",
        Body::Move { .. } => "MOVE",
    }
}

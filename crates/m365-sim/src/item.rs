//! A message as the store keeps it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::generated;
use crate::grown::Grown;
use crate::mime::Composed;
use crate::switch::{Attaching, Waiting};
use crate::view::{self, Attachment, View};

pub(crate) struct Item {
    pub(crate) key: u64,
    /// Grows with every move; part of the ordinary id.
    pub(crate) place: u32,
    pub(crate) folder: u32,
    /// `PidTagInternetArticleNumber` (0x0E23), per folder.
    pub(crate) article: u32,
    /// Number of the last change; shown as changeKey.
    pub(crate) change: u64,
    /// Number of the change that brought it into its folder.
    pub(crate) entered: u64,
    pub(crate) source: Source,
    pub(crate) draft: bool,
    /// Handed over for sending, and still here: what it looks like.
    pub(crate) submitted: Option<Waiting>,
    pub(crate) read: bool,
    pub(crate) received: Timestamp,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    /// What most messages never have.
    pub(crate) extra: Option<Box<Extra>>,
}

/// Where the bytes of a message come from. Everything is MIME in the end; a generated message is written when it is
/// read, so that a mailbox of 50,000 costs little.
#[derive(Clone)]
pub(crate) enum Source {
    Mime { bytes: Bytes, view: Arc<View> },
    Generated(u32),
    Grown(Arc<Grown>),
}

#[derive(Clone, Debug)]
pub(crate) struct Extra {
    pub(crate) categories: Vec<String>,
    /// The Graph value of `flag`.
    pub(crate) flag: Value,
    pub(crate) importance: String,
    pub(crate) inference: String,
    pub(crate) read_receipt: bool,
    pub(crate) delivery_receipt: bool,
    /// Extended properties by normalised id.
    pub(crate) extended: BTreeMap<String, String>,
}

/// What a new item is made of; keys and numbers are the mailbox's to give.
#[derive(Clone)]
pub(crate) struct NewItem {
    pub(crate) source: Source,
    pub(crate) draft: bool,
    pub(crate) read: bool,
    pub(crate) received: Timestamp,
    pub(crate) extra: Option<Box<Extra>>,
}

impl Default for Extra {
    fn default() -> Self {
        Self {
            categories: Vec::new(),
            flag: json!({"flagStatus": "notFlagged"}),
            importance: "normal".into(),
            inference: "focused".into(),
            read_receipt: false,
            delivery_receipt: false,
            extended: BTreeMap::new(),
        }
    }
}

impl Source {
    pub(crate) fn mime(bytes: Bytes) -> Self {
        let view = Arc::new(View::of(&bytes));
        Self::Mime { bytes, view }
    }

    /// Bytes whose view is known.
    pub(crate) fn seen(bytes: Bytes, view: View) -> Self {
        Self::Mime { bytes, view: Arc::new(view) }
    }

    pub(crate) fn bytes(&self) -> Bytes {
        match self {
            Self::Mime { bytes, .. } => bytes.clone(),
            Self::Generated(number) => generated::mime(*number),
            Self::Grown(grown) => grown.bytes(),
        }
    }

    /// Octets of the MIME, about.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Grown(grown) => grown.size(),
            other => other.bytes().len(),
        }
    }

    pub(crate) fn view(&self) -> Cow<'_, View> {
        match self {
            Self::Mime { view, .. } => Cow::Borrowed(view),
            Self::Generated(number) => Cow::Owned(generated::view(*number)),
            Self::Grown(grown) => Cow::Borrowed(grown.view()),
        }
    }

    pub(crate) fn attachments(&self) -> Vec<Attachment> {
        match self {
            Self::Grown(grown) => grown.attachments().to_vec(),
            other => view::attachments(&other.bytes()),
        }
    }

    /// With one attachment more; `seed` decides the boundaries.
    pub(crate) fn with(&self, attachment: Attachment, attaching: Attaching, seed: u64) -> Self {
        let grown = match self {
            Self::Grown(grown) => grown.with(attachment),
            other => {
                let view = other.view().into_owned();
                Grown::of(other.bytes(), view, attaching, seed).with(attachment)
            }
        };
        Self::Grown(Arc::new(grown))
    }

    /// With one attachment less, by its place in the list.
    pub(crate) fn without(&self, index: usize, seed: u64) -> Self {
        Self::mime(match self {
            Self::Grown(grown) => grown.without(index),
            other => {
                let mut composed = Composed::of(&other.bytes());
                composed.attachments.remove(index);
                composed.write(seed)
            }
        })
    }
}

impl NewItem {
    /// Mail that arrived: unread, no draft.
    pub(crate) fn delivered(source: Source, received: Timestamp) -> Self {
        Self { source, draft: false, read: false, received, extra: None }
    }
}

impl Item {
    pub(crate) fn extra(&self) -> Cow<'_, Extra> {
        self.extra.as_deref().map_or_else(|| Cow::Owned(Extra::default()), Cow::Borrowed)
    }

    pub(crate) fn extra_mut(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    pub(crate) fn position(&self) -> (i64, u64) {
        (self.received.as_second(), self.key)
    }

    /// `PidTagMessageSize`: what the store holds, which is not the size of the MIME bytes.
    pub(crate) fn store_size(&self) -> usize {
        let bytes = self.source.size();
        bytes + bytes / 16 + 4096
    }
}

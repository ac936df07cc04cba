//! Letters in few words.

use std::num::NonZeroU32;

use super::letter::Letter;
use crate::mime::{MessageId, Standing};

pub(super) struct Written(pub(super) Letter);

/// Without references and subject, its Message-ID made of its number.
pub(super) fn letter(number: u32, sent: i64) -> Written {
    Written(Letter {
        number: NonZeroU32::new(number).unwrap(),
        sent,
        id: Some(id(number)),
        references: Vec::new(),
        base_subject: "".into(),
        standing: Standing::Original,
    })
}

pub(super) fn id(number: u32) -> MessageId {
    MessageId::of(&number.to_be_bytes())
}

impl Written {
    /// `Re: ` in front makes it a reply.
    pub(super) fn subject(mut self, subject: &str) -> Self {
        let (standing, base) = match subject.strip_prefix("Re: ") {
            Some(base) => (Standing::Reply, base),
            None => (Standing::Original, subject),
        };
        (self.0.standing, self.0.base_subject) = (standing, base.into());
        self
    }

    pub(super) fn answers(mut self, references: &[u32]) -> Self {
        self.0.references = references.iter().copied().map(id).collect();
        self
    }

    pub(super) fn named(mut self, number: Option<u32>) -> Self {
        self.0.id = number.map(id);
        self
    }
}

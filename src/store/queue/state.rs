//! What became of a queued message since it was accepted.

use serde::{Deserialize, Serialize};

use crate::mailbox::Timestamp;
use crate::store::Stage;

/// The form of the file that this version writes and reads.
const VERSION: u32 = 1;

/// Written by whoever sends, and by no one else.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct State {
    pub course: Course,
    /// Tries that came to an end.
    pub tries: u32,
    /// When the latest try began; `None`: it was never tried.
    pub tried: Option<Timestamp>,
    /// Something was asked of the service then that may have come to something. Without a journal
    /// it has to be looked for.
    pub in_doubt: Option<Timestamp>,
    /// What that was, if it is in the journal. Earlier releases did not say.
    #[serde(default)]
    pub asked: Option<Asked>,
    /// When it is tried again; the past means now.
    pub next: Timestamp,
    /// From when the time counts after which it is given up, if not from its acceptance.
    pub patience_from: Option<Timestamp>,
    /// What the latest try came to.
    pub last: Option<Words>,
    /// The client has its answer: the same message again is meant as another one.
    pub confirmed: bool,
}

/// What was asked of the service, by the row of the journal that was written before. A journal that
/// does not know as much is not the one that was written then.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Asked {
    pub attempt: String,
    pub step: Step,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// To make a draft.
    Stage,
    /// To send it.
    Dispatch,
}

/// That something was asked, and may have come to something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Doubt {
    pub since: Timestamp,
    pub asked: Option<Asked>,
}

/// What is going to happen to it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    Send,
    /// Nothing, until a person says otherwise.
    Held,
    /// It will not be sent; its sender is to be told why.
    Report {
        why: Words,
        /// When filing the report was first tried; it may be there.
        begun: Option<Timestamp>,
    },
}

/// A fault in the words of SMTP. Never anything that a service said.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Words {
    /// Reply code (RFC 5321 §4.2).
    pub code: u16,
    /// Enhanced status code (RFC 3463).
    pub status: String,
    pub text: String,
}

/// The file.
#[derive(Deserialize, Serialize)]
struct Written<S> {
    version: u32,
    #[serde(flatten)]
    state: S,
}

impl Step {
    /// Whether an attempt that got so far may have asked for this.
    pub fn is_known_at(self, stage: &Stage) -> bool {
        match self {
            Self::Stage => true,
            Self::Dispatch => {
                matches!(stage, Stage::Staged(_) | Stage::Sent { .. } | Stage::Refused { .. })
            }
        }
    }
}

impl Default for State {
    /// Never tried.
    fn default() -> Self {
        Self {
            course: Course::Send,
            tries: 0,
            tried: None,
            in_doubt: None,
            asked: None,
            next: Timestamp(0),
            patience_from: None,
            last: None,
            confirmed: false,
        }
    }
}

impl State {
    pub fn doubt(&self) -> Option<Doubt> {
        let asked = self.asked.clone();
        self.in_doubt.map(|since| Doubt { since, asked })
    }

    pub fn set_doubt(&mut self, doubt: Option<Doubt>) {
        (self.in_doubt, self.asked) = match doubt {
            Some(Doubt { since, asked }) => (Some(since), asked),
            None => (None, None),
        };
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec(&Written { version: VERSION, state: self })
            .expect("texts and numbers can be written");
        text.push(b'\n');
        text
    }

    /// A state that cannot be read may have been any: it is looked for what a try has done, and it
    /// is not sent before that.
    pub(super) fn from_json(text: &[u8], now: Timestamp) -> Self {
        match serde_json::from_slice::<Written<Self>>(text) {
            Ok(Written { version: VERSION, state }) => state,
            _ => Self { tried: Some(now), in_doubt: Some(now), ..Self::default() },
        }
    }
}

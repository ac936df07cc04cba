//! Settling copies in doubt: what may have come of them is looked for, and never guessed.
//!
//! A copy is known by its Message-ID and by being new. Mail that came twice, directly and through a
//! list, shares its Message-ID, so a copy counts as found only if it can be nobody else's.

use std::collections::BTreeMap;

use super::Graph;
use super::copy::State;
use super::model::Message;
use super::path::{encode, literal};
use super::property::select;
use crate::http::{Patience, Request};
use crate::mailbox::{Fault, Kind, Outcome, RemoteId, Timestamp};

/// A copy in doubt: its place in the call, and the message that was to be copied.
struct Doubted {
    index: usize,
    original: Message,
}

impl Graph {
    /// `wishes`: what was to be copied, and since when it is tried.
    pub(super) async fn settle_copies(
        &self,
        wishes: &[(RemoteId, Timestamp)],
        to: &RemoteId,
        states: &mut [State],
        patience: Patience,
    ) {
        let kin = match self.doubted(wishes, states, patience).await {
            Ok(kin) => kin,
            // Whoever could not be looked at may share a Message-ID with any of them.
            Err(fault) => {
                for state in states {
                    if let State::Doubt(cause) = state {
                        *state = State::unsettled(fault.clone(), cause);
                    }
                }
                return;
            }
        };
        for (message_id, doubted) in kin {
            let twins = match &message_id {
                Some(message_id) => self.twins(message_id, to, patience).await,
                None => Err(Fault::defect("a message without Message-ID cannot be looked for")),
            };
            let twins = twins.map(|mut twins| {
                twins.retain(|twin| !is_someones(twin, wishes, states));
                twins.retain(|twin| !self.doubts.is_made(&twin.id));
                twins
            });
            let is_alone = doubted.len() == 1;
            for Doubted { index, original } in doubted {
                let State::Doubt(cause) = &states[index] else { continue };
                let since = self.new_since(wishes[index].1);
                let found = twins.clone();
                let settled = found.and_then(|twins| settle((&original, is_alone), twins, since));
                states[index] = match settled {
                    Ok(Some(copy)) => {
                        self.doubts.note_made(copy.remote_id());
                        State::Done(Box::new(copy))
                    }
                    Ok(None) => State::Open,
                    Err(fault) => State::unsettled(fault, cause),
                };
            }
        }
    }

    /// All that is in doubt, by Message-ID; those that an earlier look left so count as well.
    async fn doubted(
        &self,
        wishes: &[(RemoteId, Timestamp)],
        states: &[State],
        patience: Patience,
    ) -> Outcome<BTreeMap<Option<String>, Vec<Doubted>>> {
        let mut kin: BTreeMap<Option<String>, Vec<Doubted>> = BTreeMap::new();
        for (index, (id, _)) in wishes.iter().enumerate() {
            if states[index].is_in_doubt() {
                let path = format!("{}?{}", self.prefix.message(id), select());
                let request = Request::get("GET message", path);
                let original: Message = self.http.json(&request, patience).await?;
                let message_id = original.internet_message_id.clone();
                kin.entry(message_id).or_default().push(Doubted { index, original });
            }
        }
        Ok(kin)
    }

    async fn twins(
        &self,
        message_id: &str,
        to: &RemoteId,
        patience: Patience,
    ) -> Outcome<Vec<Message>> {
        let filter = encode(&format!("internetMessageId eq {}", literal(message_id)));
        let folder = self.prefix.folder(to.as_str());
        let path = format!("{folder}/messages?$filter={filter}&{}", select());
        self.whole_list(Request::get("GET messages", path), patience).await
    }
}

/// Whether it is one of the originals, or the certain copy of one.
fn is_someones(twin: &Message, wishes: &[(RemoteId, Timestamp)], states: &[State]) -> bool {
    let is_original = wishes.iter().any(|(id, _)| id.as_str() == twin.id);
    let is_copy = |state: &State| matches!(state, State::Done(copy) if copy.id == twin.id);
    is_original || states.iter().any(is_copy)
}

/// The copy, or `None` if there is certainly none. `alone`: nothing else in doubt has its Message-ID.
fn settle(
    (original, is_alone): (&Message, bool),
    twins: Vec<Message>,
    since: Timestamp,
) -> Outcome<Option<Message>> {
    let doubt = |cause: &str| Err(Fault::from(Kind::InDoubt).because(cause));
    if twins.is_empty() {
        return Ok(None);
    }
    let is_new = |twin: &Message| twin.created().is_some_and(|created| created >= since);
    let mut new: Vec<Message> = twins.into_iter().filter(is_new).collect();
    match (new.pop(), new.is_empty()) {
        // An open question is not answered by copying again.
        (None, _) => doubt("an older copy is there already"),
        (Some(_), _) if !is_alone => doubt("another message in doubt has the same Message-ID"),
        (Some(_), false) => doubt("more than one new message has its Message-ID"),
        // A copy keeps its date of arrival; what another way of delivery brought has its own.
        (Some(copy), true) if copy.received_date_time != original.received_date_time => {
            doubt("a new message has its Message-ID, and another date of arrival")
        }
        (Some(copy), true) => Ok(Some(copy)),
    }
}

//! Copying, moving and deleting messages (reference B.10).

use serde_json::json;

use super::Graph;
use super::batch;
use super::batches::Batches;
use super::doubts::Copying;
use super::model::{Folder, Message};
use super::property::select;
use super::settle::SETTLING;
use crate::backend::{RemoteMessage, Urgency};
use crate::http::{Failure, Patience, Request};
use crate::mailbox::{Fault, Kind, Outcome, RemoteId, Timestamp};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Transfer {
    Copy,
    Move,
}

/// What is known of one transfer.
pub(super) enum State {
    Open,
    /// It may have been done.
    Doubt(String),
    Done(Box<Message>),
    Failed(Fault),
}

impl State {
    /// A look did not settle it.
    pub(super) fn unsettled(fault: Fault, cause: &str) -> Self {
        Self::Failed(Fault::from(Kind::InDoubt).because(fault).because(cause))
    }

    /// It may have been done, and no look has settled it yet.
    pub(super) fn is_in_doubt(&self) -> bool {
        match self {
            Self::Doubt(_) => true,
            Self::Failed(fault) => *fault.kind() == Kind::InDoubt,
            Self::Open | Self::Done(_) => false,
        }
    }
}

fn copying(of: &RemoteId, to: &RemoteId) -> Copying {
    Copying { of: of.clone(), to: to.clone() }
}

impl Graph {
    pub(super) async fn transfer_all(
        &self,
        transfer: Transfer,
        messages: &[RemoteMessage],
        to: &RemoteId,
    ) -> Vec<Outcome<RemoteMessage>> {
        let mut transfers = Batches::of(messages);
        while let Some(batch) = transfers.next() {
            let patience = self.http.patience(Urgency::Interactive);
            transfers.tell(self.transfer(transfer, batch, to, patience).await);
        }
        transfers.told()
    }

    /// Copies or moves; nothing is repeated before it was looked for.
    pub(super) async fn transfer(
        &self,
        transfer: Transfer,
        known: &[RemoteMessage],
        to: &RemoteId,
        patience: Patience,
    ) -> Vec<Outcome<RemoteMessage>> {
        let messages: Vec<RemoteId> = known.iter().map(|message| message.id.clone()).collect();
        let messages = messages.as_slice();
        let now = self.http.clock().now();
        let earlier = messages.iter().map(|id| match transfer {
            Transfer::Copy => self.doubts.take(&copying(id, to)),
            Transfer::Move => None,
        });
        let earlier: Vec<Option<Timestamp>> = earlier.collect();
        let state = |earlier: &Option<Timestamp>| match earlier {
            Some(_) => State::Doubt("an earlier try".to_owned()),
            None => State::Open,
        };
        let mut states: Vec<State> = earlier.iter().map(state).collect();
        let wishes = messages.iter().zip(&earlier);
        let wishes: Vec<(RemoteId, Timestamp)> =
            wishes.map(|(id, earlier)| (id.clone(), earlier.unwrap_or(now))).collect();
        for retry in 0.. {
            self.transfer_round(transfer, messages, to, (&mut states, patience)).await;
            if states.iter().any(|state| matches!(state, State::Doubt(_))) {
                self.http.settle(SETTLING, patience).await;
                match transfer {
                    Transfer::Move => self.settle_moves(messages, to, &mut states, patience).await,
                    Transfer::Copy => self.settle_copies(&wishes, to, &mut states, patience).await,
                }
            }
            let open = states.iter().any(|state| matches!(state, State::Open));
            if !open || !self.http.pause(retry, patience).await {
                break;
            }
        }
        if transfer == Transfer::Copy {
            for ((id, started), state) in wishes.iter().zip(&states) {
                if state.is_in_doubt() {
                    self.doubts.note(copying(id, to), *started);
                }
            }
        }
        self.tell_transferred(states, known, patience).await
    }

    async fn transfer_round(
        &self,
        transfer: Transfer,
        messages: &[RemoteId],
        to: &RemoteId,
        (states, patience): (&mut [State], Patience),
    ) {
        let (route, verb) = match transfer {
            Transfer::Copy => ("POST message copy", "copy"),
            Transfer::Move => ("POST message move", "move"),
        };
        let body = json!({ "destinationId": to.as_str() });
        let step = |id: &RemoteId| {
            Request::post(route, format!("{}/{verb}", self.prefix.message(id))).json(&body)
        };
        let open =
            || messages.iter().zip(&*states).filter(|(_, state)| matches!(state, State::Open));
        let steps: Vec<Request> = open().map(|(id, _)| step(id)).collect();
        let answers = self.batch(&steps, patience).await;
        let open = states.iter_mut().filter(|state| matches!(state, State::Open));
        for (state, answer) in open.zip(answers) {
            let is_done = answer.is_ok();
            *state = match batch::read::<Message>(answer) {
                // A success that does not tell of what.
                Err(failure) if is_done => State::Doubt(Fault::from(failure).to_string()),
                Ok(message) => {
                    if transfer == Transfer::Copy {
                        self.doubts.note_made(message.remote_id());
                    }
                    State::Done(Box::new(message))
                }
                Err(Failure::InDoubt { cause, .. }) => State::Doubt(cause),
                Err(failure) => State::Failed(failure.into()),
            };
        }
        let missing = |state: &State| {
            matches!(state, State::Failed(fault)
                if matches!(fault.kind(), Kind::NoSuchMessage | Kind::NoSuchFolder))
        };
        if states.iter().any(missing) {
            let verdict = self.what_is_missing(to, patience).await;
            for state in states.iter_mut().filter(|state| missing(state)) {
                *state = State::Failed(verdict.clone());
            }
        }
    }

    /// "Not found" may mean the message or the destination.
    async fn what_is_missing(&self, to: &RemoteId, patience: Patience) -> Fault {
        let path = format!("{}?$select=id", self.prefix.folder(to.as_str()));
        let request = Request::get("GET folder", path);
        match self.http.json::<Folder>(&request, patience).await.map_err(Fault::from) {
            Ok(_) => Kind::NoSuchMessage.into(),
            Err(fault) => super::fault::about_target(fault),
        }
    }

    async fn settle_moves(
        &self,
        messages: &[RemoteId],
        to: &RemoteId,
        states: &mut [State],
        patience: Patience,
    ) {
        for (id, state) in messages.iter().zip(states) {
            if let State::Doubt(cause) = state {
                let looked = self.look_for_moved(id, to, patience).await;
                *state = looked.unwrap_or_else(|fault| State::unsettled(fault, cause));
            }
        }
    }

    async fn look_for_moved(
        &self,
        id: &RemoteId,
        to: &RemoteId,
        patience: Patience,
    ) -> Outcome<State> {
        let path = format!("{}?{}", self.prefix.message(id), select());
        let message: Result<Message, Failure> =
            self.http.json(&Request::get("GET message", path), patience).await;
        match message.map_err(Fault::from) {
            Ok(message) if message.parent_folder_id.as_deref() == Some(to.as_str()) => {
                Ok(State::Done(Box::new(message)))
            }
            Ok(_) => Ok(State::Open),
            Err(fault) if *fault.kind() == Kind::NoSuchMessage => Ok(State::Failed(fault)),
            Err(fault) => Err(fault),
        }
    }

    /// The messages at their new place. The answers lack what lives in extended properties, which go
    /// with the message: those are told as they were known, and a later look at the folder corrects
    /// what someone else has changed a moment before. An answer that lacks more is read once more; if
    /// that fails, the transfer is still told.
    async fn tell_transferred(
        &self,
        states: Vec<State>,
        known: &[RemoteMessage],
        patience: Patience,
    ) -> Vec<Outcome<RemoteMessage>> {
        let told = |message: &Message, known: &RemoteMessage| {
            let told = message.told_with(&known.flags).filter(|_| message.flag.is_some())?;
            Some(RemoteMessage { estimate: told.estimate.or(known.estimate), ..told })
        };
        let is_terse = |(state, known): (&State, &RemoteMessage)| match state {
            State::Done(message) if told(message, known).is_none() => Some(message.remote_id()),
            _ => None,
        };
        let terse: Vec<RemoteId> = states.iter().zip(known).filter_map(is_terse).collect();
        let mut looked_up = self.look_up_all(&terse, patience).await.into_iter();
        let tell = |(state, known): (State, &RemoteMessage)| match state {
            State::Done(message) => match told(&message, known) {
                Some(told) => Ok(told),
                None => match looked_up.next() {
                    Some(Ok(told)) => Ok(told),
                    _ => message
                        .told_with(&known.flags)
                        .ok_or_else(|| Fault::defect("a transferred message that tells nothing")),
                },
            },
            State::Failed(fault) => Err(fault),
            State::Open => Err(Fault::from(Kind::Unreachable).because("not transferred")),
            State::Doubt(cause) => Err(Fault::from(Kind::InDoubt).because(cause)),
        };
        states.into_iter().zip(known).map(tell).collect()
    }

    /// Deletes; what is gone already counts as done.
    pub(super) async fn remove_all(&self, messages: &[RemoteId]) -> Vec<Outcome<()>> {
        let patience = self.http.patience(Urgency::Interactive);
        let steps: Vec<Request> = messages
            .iter()
            .map(|id| Request::delete("DELETE message", self.prefix.message(id)))
            .collect();
        let answers = self.batch(&steps, patience).await;
        let mut told = Vec::with_capacity(messages.len());
        for (id, answer) in messages.iter().zip(answers) {
            told.push(match answer {
                Ok(_) => Ok(()),
                Err(Failure::Refused(refusal)) if refusal.is("ErrorCannotDeleteObject") => {
                    self.is_recoverable(id, refusal.into(), patience).await
                }
                Err(failure) => Err(Fault::from(failure)),
            });
        }
        self.believe_gone(messages, &mut told, patience).await;
        told
    }

    /// "Not found" is done already, once a look has shown it: what is forgotten while it is there
    /// would come back under another UID.
    async fn believe_gone(
        &self,
        messages: &[RemoteId],
        told: &mut [Outcome<()>],
        patience: Patience,
    ) {
        let missing = |outcome: &Outcome<()>| {
            outcome.as_ref().is_err_and(|fault| *fault.kind() == Kind::NoSuchMessage)
        };
        let suspects = messages.iter().zip(&*told).filter(|(_, outcome)| missing(outcome));
        let suspects: Vec<RemoteId> = suspects.map(|(id, _)| id.clone()).collect();
        let looks = self.look_up_all(&suspects, patience).await;
        for (outcome, look) in told.iter_mut().filter(|outcome| missing(outcome)).zip(looks) {
            *outcome = match look {
                Err(fault) if *fault.kind() == Kind::NoSuchMessage => Ok(()),
                Err(fault) => Err(fault),
                Ok(_) => Err(Fault::from(Kind::Conflict).because("not found, and yet there")),
            };
        }
    }

    /// What was deleted before may still answer to its id, from a folder of deleted things that
    /// nothing can be deleted from. Anything else that cannot be deleted is a refusal.
    async fn is_recoverable(
        &self,
        id: &RemoteId,
        refused: Fault,
        patience: Patience,
    ) -> Outcome<()> {
        let folder = self.prefix.folder("recoverableitemsdeletions");
        let steps = [
            Request::get("GET folder", format!("{folder}?$select=id")),
            Request::get("GET message", format!("{}?{}", self.prefix.message(id), select())),
        ];
        let mut answers = self.batch(&steps, patience).await.into_iter();
        let folder = answers.next().and_then(|answer| batch::read::<Folder>(answer).ok());
        let message = answers.next().and_then(|answer| batch::read::<Message>(answer).ok());
        match (folder, message) {
            (Some(folder), Some(message))
                if message.parent_folder_id.as_ref() == Some(&folder.id) =>
            {
                Ok(())
            }
            _ => Err(refused),
        }
    }
}

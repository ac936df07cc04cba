//! Reading messages: delta rounds, listings, polls, look-ups (reference B.4 to B.6).

use std::sync::atomic::Ordering;

use super::batch::{self, StepResult};
use super::fault::about_folder;
use super::model::{Collection, Folder, Message};
use super::property::{select, select_and_expand};
use super::{Graph, PAGE};
use crate::backend::{Page, RemoteChange, RemoteMessage, Seen, Urgency, Watch};
use crate::http::{Failure, Patience, Request};
use crate::mailbox::{Cursor, Fault, Kind, Outcome, RemoteId};

const DELTA: &str = "GET messages delta";
const LIST: &str = "GET messages";
/// The most that a listing gives in one page (reference B.4).
const TOP: &str = "$top=1000";

impl Graph {
    pub(super) async fn message_round(
        &self,
        folder: &RemoteId,
        since: Option<&Cursor>,
        urgency: Urgency,
    ) -> Outcome<Page<RemoteMessage>> {
        let patience = self.http.patience(urgency);
        let page = match since {
            Some(cursor) => {
                let request = Request::follow(DELTA, cursor.as_str()).prefer(PAGE);
                self.http.json(&request, patience).await.map_err(about_cursor)?
            }
            None => self.first_message_page(folder, patience).await.map_err(about_folder)?,
        };
        message_page(page)
    }

    /// Asks for extended properties in the delta, and does without where they are refused.
    async fn first_message_page(
        &self,
        folder: &RemoteId,
        patience: Patience,
    ) -> Result<Collection<Message>, Failure> {
        let base = format!("{}/messages/delta", self.prefix.folder(folder.as_str()));
        if self.expands_messages.load(Ordering::Relaxed) {
            let path = format!("{base}?{}", select_and_expand());
            match self.http.json(&Request::get(DELTA, path).prefer(PAGE), patience).await {
                Err(Failure::Refused(refusal)) if refusal.status == 400 => {
                    self.expands_messages.store(false, Ordering::Relaxed);
                }
                other => return other,
            }
        }
        let path = format!("{base}?{}", select());
        self.http.json(&Request::get(DELTA, path).prefer(PAGE), patience).await
    }

    pub(super) async fn list(
        &self,
        folder: &RemoteId,
        since: Option<&Cursor>,
        urgency: Urgency,
    ) -> Outcome<Page<RemoteMessage>> {
        let patience = self.http.patience(urgency);
        let request = match since {
            Some(cursor) => Request::follow(LIST, cursor.as_str()),
            None => {
                let folder = self.prefix.folder(folder.as_str());
                Request::get(LIST, format!("{folder}/messages?{}&{TOP}", select_and_expand()))
            }
        };
        let page: Collection<Message> =
            self.http.json(&request, patience).await.map_err(about_folder)?;
        let mut changes = Vec::with_capacity(page.value.len());
        let mut partial = Vec::new();
        for row in page.value {
            match row.told() {
                Some(message) => changes.push(RemoteChange::Upsert(message)),
                None => partial.push(row.remote_id()),
            }
        }
        for message in self.look_up_all(&partial, patience).await {
            match message {
                Ok(message) => changes.push(RemoteChange::Upsert(message)),
                // Gone since the page was made.
                Err(fault) if *fault.kind() == Kind::NoSuchMessage => {}
                Err(fault) => return Err(fault),
            }
        }
        let more = page.next.is_some();
        let cursor = Cursor::new(page.next.unwrap_or_default());
        Ok(Page { changes, cursor, more })
    }

    pub(super) async fn poll_all(&self, watches: &[Watch]) -> Outcome<Vec<Outcome<Seen>>> {
        let patience = self.http.patience(Urgency::Poll);
        let steps = watches.iter().map(|watch| self.poll_step(watch));
        let steps = steps.collect::<Outcome<Vec<Request>>>()?;
        let answers = self.batch(&steps, patience).await;
        let mut seen = Vec::with_capacity(answers.len());
        for (watch, answer) in watches.iter().zip(answers) {
            seen.push(self.seen(watch, answer, patience).await);
        }
        Ok(seen)
    }

    fn poll_step(&self, watch: &Watch) -> Outcome<Request> {
        let (route, cursor) = match watch {
            Watch::Folders(cursor) => ("GET folders delta", cursor),
            Watch::Messages { since, .. } => (DELTA, since),
        };
        Ok(Request::get(route, self.http.relative(cursor.as_str())?).prefer(PAGE))
    }

    async fn seen(&self, watch: &Watch, answer: StepResult, patience: Patience) -> Outcome<Seen> {
        match watch {
            Watch::Folders(_) => {
                let page: Collection<Folder> = batch::read(answer).map_err(about_cursor)?;
                self.folder_page(page, patience).await.map(Seen::Folders)
            }
            Watch::Messages { .. } => {
                let page = batch::read(answer).map_err(about_cursor)?;
                message_page(page).map(Seen::Messages)
            }
        }
    }

    pub(super) async fn look_up_all(
        &self,
        messages: &[RemoteId],
        patience: Patience,
    ) -> Vec<Outcome<RemoteMessage>> {
        let answers = self.read_all(messages, patience).await;
        let told = |message: Message| {
            message.told().ok_or_else(|| Fault::defect("a message that lacks what was asked for"))
        };
        answers.into_iter().map(|answer| answer.and_then(told)).collect()
    }

    /// The present state of messages in Graph's own words.
    pub(super) async fn read_all(
        &self,
        messages: &[RemoteId],
        patience: Patience,
    ) -> Vec<Outcome<Message>> {
        let query = select_and_expand();
        let steps: Vec<Request> = messages
            .iter()
            .map(|id| Request::get("GET message", format!("{}?{query}", self.prefix.message(id))))
            .collect();
        let answers = self.batch(&steps, patience).await;
        answers.into_iter().map(|answer| batch::read(answer).map_err(Fault::from)).collect()
    }
}

fn message_page(page: Collection<Message>) -> Outcome<Page<RemoteMessage>> {
    let (cursor, more) = cursor(page.next, page.delta)?;
    let changes = page.value.iter().map(|row| {
        if row.removed.is_some() {
            return RemoteChange::Gone(row.remote_id());
        }
        match row.told_whole() {
            Some(message) => RemoteChange::Upsert(message),
            None => RemoteChange::Touched(row.remote_id()),
        }
    });
    Ok(Page { changes: changes.collect(), cursor, more })
}

/// Where a delta goes on: a page of a round, or the next round.
pub(super) fn cursor(next: Option<String>, delta: Option<String>) -> Outcome<(Cursor, bool)> {
    match (next, delta) {
        (Some(next), _) => Ok((Cursor::new(next), true)),
        (None, Some(delta)) => Ok((Cursor::new(delta), false)),
        (None, None) => Err(Fault::defect("a delta page that leads nowhere")),
    }
}

/// A link is followed as it was given, so a service that calls it a bad request no longer knows it
/// (reference B.6.3 lists such answers beside 410).
pub(super) fn about_cursor(failure: Failure) -> Fault {
    match failure {
        Failure::Refused(refusal) if matches!(refusal.status, 400 | 410) => {
            Fault::from(Kind::CursorExpired).because(refusal)
        }
        other => about_folder(other),
    }
}

//! Writing flags (reference B.5, B.10): only what changes, in batches, with conflicts settled by
//! reading again and applying the edit to what is there.

use serde_json::{Map, Value, json};

use super::Graph;
use super::batch::{self, StepResult};
use super::message::{category, iso, keyword, with_properties};
use super::model::Message;
use super::property::{DELETED, DRAFT_MARK, ICON, VERB, VERB_TIME};
use crate::backend::{Base, FlagWrite, RemoteMessage, Urgency};
use crate::http::{Failure, Patience, Request};
use crate::mailbox::{
    Fault, FlagEdit, Flags, Keyword, Kind, Outcome, RemoteVersion, SystemFlag, Timestamp,
};

/// How often one write is tried when someone else keeps changing the message.
const ROUNDS: usize = 3;

/// One write on its way.
struct Job {
    edit: FlagEdit,
    known: RemoteMessage,
    base: Base,
    /// The categories as the service spells them; read only for edits of keywords, which replace
    /// the whole list.
    categories: Option<Vec<String>>,
    result: Option<Outcome<RemoteMessage>>,
}

impl Graph {
    pub(super) async fn edit_flags(&self, writes: &[FlagWrite]) -> Vec<Outcome<RemoteMessage>> {
        let patience = self.http.patience(Urgency::Interactive);
        let mut jobs: Vec<Job> = writes.iter().map(Job::new).collect();
        self.read_again(&mut jobs, Job::must_be_read, patience).await;
        for round in 0..ROUNDS {
            self.write_round(&mut jobs, patience).await;
            if round + 1 < ROUNDS {
                self.read_again(&mut jobs, Job::met_conflict, patience).await;
            }
        }
        let unsettled = || Err(Fault::from(Kind::Conflict).because("the message keeps changing"));
        jobs.into_iter().map(|job| job.result.unwrap_or_else(unsettled)).collect()
    }

    async fn write_round(&self, jobs: &mut [Job], patience: Patience) {
        let now = self.http.clock().now();
        let (mut steps, mut open) = (Vec::new(), Vec::new());
        for job in jobs.iter_mut().filter(|job| job.result.is_none()) {
            match job.patch(now) {
                None => job.result = Some(Ok(job.known.clone())),
                Some(body) => {
                    let path = self.prefix.message(&job.known.id);
                    let request = Request::patch("PATCH message", path).json(&body);
                    steps.push(request.if_match(job.condition()));
                    open.push(job);
                }
            }
        }
        for (job, answer) in open.into_iter().zip(self.batch(&steps, patience).await) {
            job.result = Some(job.outcome(answer));
        }
    }

    /// Reads the messages of the jobs that `wants` picks, and makes what was read their base.
    async fn read_again(&self, jobs: &mut [Job], wants: fn(&Job) -> bool, patience: Patience) {
        let mut open: Vec<&mut Job> = jobs.iter_mut().filter(|job| wants(job)).collect();
        let ids: Vec<_> = open.iter().map(|job| job.known.id.clone()).collect();
        for (job, answer) in open.iter_mut().zip(self.read_all(&ids, patience).await) {
            job.rebase(answer);
        }
    }
}

impl Job {
    fn new(write: &FlagWrite) -> Self {
        Self {
            edit: write.edit.clone(),
            known: write.known.clone(),
            base: write.base,
            categories: None,
            result: None,
        }
    }

    /// The flags to end with, of those the service can hold together.
    fn wanted(&self) -> Flags {
        storable(&self.known.flags, self.edit.apply(&self.known.flags))
    }

    /// A message whose version is not known cannot be bound to it.
    fn must_be_read(&self) -> bool {
        self.needs_categories() || (self.base == Base::Known && self.known.version.is_none())
    }

    fn needs_categories(&self) -> bool {
        self.result.is_none() && !self.wanted().keywords().eq(self.known.flags.keywords())
    }

    fn met_conflict(&self) -> bool {
        let fault = self.result.as_ref().and_then(|result| result.as_ref().err());
        fault.is_some_and(|fault| *fault.kind() == Kind::Conflict)
    }

    fn rebase(&mut self, answer: Outcome<Message>) {
        self.result = match answer {
            Ok(message) => match message.told() {
                // Its bytes may be others now, so these are not the flags of what the client sees.
                Some(now) if self.is_draft() && now.version != self.known.version => {
                    Some(Err(Fault::from(Kind::Conflict).because("the draft was edited elsewhere")))
                }
                Some(now) if self.base == Base::Known && now.flags != self.known.flags => Some(
                    Err(Fault::from(Kind::Conflict).because("its flags were changed elsewhere")),
                ),
                Some(known) => {
                    self.known = known;
                    self.categories = Some(message.categories.unwrap_or_default());
                    None
                }
                None => Some(Err(Fault::defect("a message that lacks what was asked for"))),
            },
            Err(fault) => Some(Err(fault)),
        };
    }

    fn is_draft(&self) -> bool {
        self.known.flags.has(SystemFlag::Draft)
    }

    /// A list of categories may only replace the very list it was made from, and a draft may be
    /// edited at any time: then our record of its bytes must not pass for the new state. An edit of
    /// what is known must not meet anything else.
    fn condition(&self) -> Option<String> {
        let version = self.known.version.as_ref().map(RemoteVersion::as_str);
        let bound = self.needs_categories() || self.is_draft() || self.base == Base::Known;
        version.filter(|_| bound).map(|version| format!("W/\"{version}\""))
    }

    /// The properties that change; `None` if none do.
    fn patch(&self, now: Timestamp) -> Option<Value> {
        let (before, after) = (&self.known.flags, self.wanted());
        let mut patch = system_patch(before, &after, now);
        if let (true, Some(present)) = (self.needs_categories(), &self.categories) {
            patch.insert("categories".to_owned(), json!(edited(present, &after)));
        }
        (!patch.is_empty()).then_some(Value::Object(patch))
    }

    fn outcome(&self, answer: StepResult) -> Outcome<RemoteMessage> {
        let wanted = self.wanted();
        let message = match batch::read::<Message>(answer) {
            Ok(message) => message,
            Err(Failure::Refused(refusal)) if refusal.status == 412 => {
                return Err(Fault::from(Kind::Conflict).because(refusal));
            }
            Err(failure) => return Err(failure.into()),
        };
        // The status confirmed the write; a terse answer leaves the rest as it was known.
        Ok(message.told_with(&wanted).unwrap_or_else(|| RemoteMessage {
            version: message.version(),
            flags: wanted,
            ..self.known.clone()
        }))
    }
}

/// The service keeps one "last verb", so answered and forwarded exclude each other: the newer wins.
pub(super) fn storable(before: &Flags, after: Flags) -> Flags {
    let both = after.has(SystemFlag::Answered) && after.has(SystemFlag::Forwarded);
    match both {
        true if before.has(SystemFlag::Answered) && !before.has(SystemFlag::Forwarded) => {
            after.without(SystemFlag::Answered)
        }
        true => after.without(SystemFlag::Forwarded),
        false => after,
    }
}

/// The JSON that leads from one set of system flags to another.
pub(super) fn system_patch(before: &Flags, after: &Flags, now: Timestamp) -> Map<String, Value> {
    let changed = |flag: SystemFlag| before.has(flag) != after.has(flag);
    let mut patch = Map::new();
    if changed(SystemFlag::Seen) {
        patch.insert("isRead".to_owned(), json!(after.has(SystemFlag::Seen)));
    }
    if changed(SystemFlag::Flagged) {
        let status = if after.has(SystemFlag::Flagged) { "flagged" } else { "notFlagged" };
        patch.insert("flag".to_owned(), json!({ "flagStatus": status }));
    }
    let mut properties = Vec::new();
    if changed(SystemFlag::Answered) || changed(SystemFlag::Forwarded) {
        properties.extend(verb(after, now));
    }
    if changed(SystemFlag::Deleted) {
        let deleted = if after.has(SystemFlag::Deleted) { "1" } else { "0" };
        properties.push(json!({ "id": DELETED, "value": deleted }));
    }
    if changed(SystemFlag::MarkedDraft) {
        let marked = if after.has(SystemFlag::MarkedDraft) { "1" } else { "0" };
        properties.push(json!({ "id": DRAFT_MARK, "value": marked }));
    }
    if !properties.is_empty() {
        patch.insert("singleValueExtendedProperties".to_owned(), Value::Array(properties));
    }
    patch
}

/// The last verb and its icon; 256 is the icon of a message that was read and no more.
fn verb(after: &Flags, now: Timestamp) -> Vec<Value> {
    let (verb, icon) = if after.has(SystemFlag::Answered) {
        ("102", "261")
    } else if after.has(SystemFlag::Forwarded) {
        ("104", "262")
    } else {
        ("0", "256")
    };
    vec![
        json!({ "id": VERB, "value": verb }),
        json!({ "id": ICON, "value": icon }),
        json!({ "id": VERB_TIME, "value": iso(now) }),
    ]
}

/// The list of categories that shows these keywords. Categories that no keyword can spell stay.
fn edited(present: &[String], wanted: &Flags) -> Vec<String> {
    let stays = |name: &&String| keyword(name).is_none_or(|keyword| wanted.has_keyword(&keyword));
    let mut list: Vec<String> = present.iter().filter(stays).cloned().collect();
    let there: Vec<Keyword> = present.iter().filter_map(|name| keyword(name)).collect();
    list.extend(wanted.keywords().filter(|keyword| !there.contains(keyword)).map(category));
    list
}

/// What a new item with these flags carries: categories, and flags that live in properties.
pub(super) fn as_created(flags: &Flags, now: Timestamp) -> (Flags, Map<String, Value>) {
    let flags = storable(&Flags::none(), flags.clone());
    let mut patch = system_patch(&Flags::none(), &flags, now);
    let categories: Vec<String> = flags.keywords().map(category).collect();
    if !categories.is_empty() {
        patch.insert("categories".to_owned(), json!(categories));
    }
    let stored = with_properties(Flags::none(), &flags);
    (stored, patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(list: &[SystemFlag]) -> Flags {
        list.iter().fold(Flags::none(), |flags, flag| flags.with(*flag))
    }

    #[test]
    fn only_what_changes_is_written() {
        let before = flags(&[SystemFlag::Flagged]);
        let patch = system_patch(&before, &before.clone().with(SystemFlag::Seen), Timestamp(0));
        assert_eq!(Value::Object(patch), json!({ "isRead": true }));
    }

    #[test]
    fn answered_and_forwarded_exclude_each_other_and_the_newer_wins() {
        let both = flags(&[SystemFlag::Answered, SystemFlag::Forwarded]);
        let answered = flags(&[SystemFlag::Answered]);
        let forwarded = flags(&[SystemFlag::Forwarded]);
        assert_eq!(storable(&answered, both.clone()), forwarded);
        assert_eq!(storable(&forwarded, both.clone()), answered);
        assert_eq!(storable(&Flags::none(), both), answered);
    }

    #[test]
    fn editing_keywords_keeps_categories_that_no_keyword_can_spell() {
        let long = "ü".repeat(60);
        let present = vec![long.clone(), "Red category".to_owned(), "Old".to_owned()];
        let wanted = ["Red_x0020_category", "new"]
            .iter()
            .fold(Flags::none(), |flags, name| flags.with_keyword(Keyword::new(name).unwrap()));
        assert_eq!(edited(&present, &wanted), [long.as_str(), "Red category", "new"]);
    }
}

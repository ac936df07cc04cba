//! The flow against every fault at every step.

mod repeats;

use super::doubles::{FakeMailbox, Fidelity, Ids, Step, Steps, When};
use super::*;
use crate::mailbox::{By, Timestamp};

const NAMED: &str =
    "Message-ID: <1@a.test>\r\nDate: x\r\nFrom: ada@a.test\r\nTo: b@x.test\r\n\r\nHi\r\n";
const NAMELESS: &str = "Subject: Door open\r\nTo: b@x.test\r\n\r\nHi\r\n";
/// Octets of a draft, where a message is to be too large for one.
const ROOM: u64 = 400;

/// Kinds of mailboxes and messages.
const SETTINGS: usize = 8;

/// A message with two files, which does not fit into `ROOM`.
fn large(message: &str) -> String {
    let (header, text) = message.split_once("\r\n\r\n").unwrap();
    let file = |letter: &str| {
        format!("--b\r\nContent-Type: application/pdf\r\n\r\n{}\r\n", letter.repeat(300))
    };
    format!(
        "{header}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{text}{}{}--b--\r\n",
        file("x"),
        file("y")
    )
}

/// Whether a text that went out has all of that message, once.
fn is_whole(sent: &str, message: &str) -> bool {
    let files = ["x", "y"].map(|letter| sent.matches(&letter.repeat(300)).count());
    let expected = usize::from(message.contains("multipart"));
    files == [expected, expected] && sent.matches("Hi\r\n").count() == 1
}

struct World {
    mailbox: Arc<FakeMailbox>,
    steps: Arc<Steps>,
    clock: Clock,
    store: Store,
    directory: tempfile::TempDir,
    submitter: Submitter,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// Small messages and large ones, in mailboxes of each kind.
    async fn every(message: &str) -> Vec<(Self, String)> {
        let mut worlds = Vec::new();
        for setting in 0..SETTINGS {
            worlds.push(Self::set(setting, message).await);
        }
        worlds
    }

    /// One of these, and the message as it is there.
    async fn set(setting: usize, message: &str) -> (Self, String) {
        let fidelity = if setting & 1 == 0 { Fidelity::Exact } else { Fidelity::Anew };
        let ids = if setting & 2 == 0 { Ids::Last } else { Ids::Change };
        let (room, text) = match setting & 4 == 0 {
            true => (10_000, message.to_owned()),
            false => (ROOM, large(message)),
        };
        let change = |mailbox: &mut FakeMailbox| {
            (mailbox.fidelity, mailbox.ids, mailbox.room) = (fidelity, ids, room);
        };
        (Self::with(change).await, text)
    }

    async fn with(change: impl FnOnce(&mut FakeMailbox)) -> Self {
        let steps = Arc::new(Steps::default());
        let clock = Clock::manual(Timestamp(1_795_428_000));
        let mut mailbox = FakeMailbox::new(&steps, &clock);
        change(&mut mailbox);
        let mailbox = Arc::new(mailbox);
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), clock.clone()).await.unwrap();
        let submitter = submitter(&mailbox, &store, &clock);
        Self { mailbox, steps, clock, store, directory, submitter }
    }

    /// The process dies and another one starts on the same state.
    fn restart(&mut self) {
        self.steps.stop_at(u32::MAX);
        self.submitter = submitter(&self.mailbox, &self.store, &self.clock);
    }

    async fn stages(&self) -> Vec<Stage> {
        let attempts = self.store.attempts_named("<1@a.test>").await.unwrap();
        attempts.into_iter().map(|attempt| attempt.stage).collect()
    }

    async fn submit(&self, text: &str) -> Outcome<Accepted> {
        self.submit_to(text, "ada@a.test", &["b@x.test"]).await
    }

    async fn submit_to(&self, text: &str, sender: &str, to: &[&str]) -> Outcome<Accepted> {
        let file = self.store.spool().await?;
        std::fs::write(file.path(), text).unwrap();
        let recipients = to.iter().map(|text| Address::new(text).unwrap().into()).collect();
        let sender = Address::new(sender);
        let envelope = Envelope { sender, recipients, ..Envelope::default() };
        let order = Order { envelope, message: file, rules: Arc::default(), origin: origin() };
        self.submitter.submit(order, 10_000).await
    }

    /// Nobody waits any more for anything.
    async fn settle(&self) {
        self.clock.advance(RETRY_WINDOW + Duration::from_secs(1));
        assert!(self.submitter.settle_leftovers(Leftovers::Overdue).await.is_ok());
        assert!(self.mailbox.drafts().is_empty(), "{:?}", self.stages().await);
        assert!(self.store.unsettled_attempts().await.unwrap().is_empty());
    }

    fn assert_sent_once(&self, message: &str, case: &str) {
        let sent = self.mailbox.sent();
        assert_eq!(sent.len(), 1, "{case}");
        assert!(is_whole(&sent[0], message), "{case}: {}", sent[0]);
    }

    fn spool_is_empty(&self) -> bool {
        std::fs::read_dir(self.directory.path().join("spool")).unwrap().next().is_none()
    }
}

fn origin() -> Origin {
    Origin {
        login: "ada@a.test".into(),
        profile: None,
        peer: [127, 0, 0, 1].into(),
        hello: "client.test".into(),
        protocol: "ESMTPA",
    }
}

fn submitter(mailbox: &Arc<FakeMailbox>, store: &Store, clock: &Clock) -> Submitter {
    let own = Address::new("ada@a.test").unwrap();
    Submitter::new(mailbox.clone(), store.clone(), clock.clone(), own)
}

#[tokio::test]
async fn a_message_is_sent_once_and_leaves_nothing_behind() {
    let world = World::new().await;
    let accepted = world.submit(NAMED).await.unwrap();
    assert_eq!(world.mailbox.sent(), [NAMED]);
    assert!(world.mailbox.drafts().is_empty());
    assert!(world.spool_is_empty());
    let sent = world.submitter.last_sent("<1@a.test>").await.unwrap().unwrap();
    assert_eq!(sent.id, accepted.id);
}

#[tokio::test]
async fn an_answer_that_is_lost_at_any_step_leads_to_one_message_sent() {
    let doubts = [Kind::InDoubt, Kind::Unreachable, Kind::Defect];
    let steps = [Step::Stage, Step::Complete, Step::Dispatch];
    for (step, kind) in steps.iter().flat_map(|step| doubts.iter().map(move |kind| (*step, kind))) {
        for (when, failures) in [(When::Before, 1), (When::After, 1), (When::Before, 4)] {
            for blind in [0, 5] {
                for (world, text) in World::every(NAMED).await {
                    (0..failures).for_each(|_| world.mailbox.fail(step, when, kind));
                    for _ in 0..blind {
                        world.mailbox.fail(Step::LookUp, When::Before, &Kind::Unreachable);
                        world.mailbox.fail(Step::Trace, When::Before, &Kind::Unreachable);
                    }
                    let mailbox = (world.mailbox.fidelity, world.mailbox.ids, world.mailbox.room);
                    let case = format!(
                        "{step:?} {when:?} {kind:?} x{failures}, blind x{blind}, {mailbox:?}"
                    );
                    if let Err(fault) = world.submit(&text).await {
                        assert!(fault.may_pass(), "{case}: {fault}");
                        world.mailbox.heal();
                        world.submit(&text).await.expect(&case);
                    }
                    world.assert_sent_once(&text, &case);
                    assert!(world.spool_is_empty(), "{case}");
                    world.settle().await;
                    world.assert_sent_once(&text, &case);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_message_without_a_name_of_its_own_is_found_again_too() {
    let world = World::new().await;
    world.mailbox.fail(Step::Dispatch, When::After, &Kind::InDoubt);
    world.mailbox.fail(Step::LookUp, When::Before, &Kind::Unreachable);
    assert_eq!(*world.submit(NAMELESS).await.unwrap_err().kind(), Kind::InDoubt);
    world.submit(NAMELESS).await.unwrap();
    assert_eq!(world.mailbox.sent().len(), 1);
}

#[tokio::test]
async fn a_refusal_takes_the_draft_back_and_a_later_try_goes_out() {
    for kind in [
        Kind::SenderRefused(By::Service),
        Kind::Throttled { retry_after: None },
        Kind::SignInNeeded,
    ] {
        let world = World::new().await;
        world.mailbox.fail(Step::Dispatch, When::Before, &kind);
        assert_eq!(*world.submit(NAMED).await.unwrap_err().kind(), kind);
        assert!(world.mailbox.drafts().is_empty());
        assert_eq!(world.stages().await, [Stage::Refused { leftover: None }]);
        world.submit(NAMED).await.unwrap();
        assert_eq!(world.mailbox.sent(), [NAMED]);
    }
}

#[tokio::test]
async fn a_draft_that_cannot_be_taken_back_now_is_taken_back_later() {
    let world = World::new().await;
    world.mailbox.fail(Step::Dispatch, When::Before, &Kind::SenderRefused(By::Service));
    world.mailbox.fail(Step::Unstage, When::Before, &Kind::Unreachable);
    world.submit(NAMED).await.unwrap_err();
    assert_eq!(world.mailbox.drafts().len(), 1);
    assert!(world.submitter.settle_leftovers(Leftovers::All).await.is_ok());
    assert!(world.mailbox.drafts().is_empty());
    assert_eq!(world.stages().await, [Stage::Refused { leftover: None }]);
}

#[tokio::test]
async fn a_process_killed_at_any_step_sends_nothing_twice_and_loses_nothing() {
    for message in [NAMED, NAMELESS] {
        for tidy in [true, false] {
            for setting in 0..SETTINGS {
                let mut killed = 0;
                loop {
                    let (mut world, text) = World::set(setting, message).await;
                    world.steps.stop_at(killed);
                    let survived = tokio::select! {
                        accepted = world.submit(&text) => accepted.is_ok(),
                        () = world.steps.stopped.notified() => false,
                    };
                    if survived {
                        break;
                    }
                    let case = format!("killed at {killed}, tidy {tidy}, setting {setting}");
                    world.restart();
                    if tidy {
                        let _ = world.submitter.settle_leftovers(Leftovers::All).await;
                    }
                    // The client was not answered, so it comes again.
                    world.submit(&text).await.expect(&case);
                    world.assert_sent_once(&text, &case);
                    world.settle().await;
                    world.assert_sent_once(&text, &case);
                    killed += 1;
                }
                assert!(killed >= 4, "the steps were not counted: {killed}");
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_come_back_after_a_kill_leaves_no_draft_behind() {
    for setting in 0..SETTINGS {
        for killed in 0..4 {
            let (mut world, text) = World::set(setting, NAMED).await;
            world.steps.stop_at(killed);
            tokio::select! {
                accepted = world.submit(&text) => panic!("{accepted:?}"),
                () = world.steps.stopped.notified() => {}
            }
            world.restart();
            let _ = world.submitter.settle_leftovers(Leftovers::All).await;
            world.settle().await;
            assert!(world.mailbox.sent().len() <= 1);
        }
    }
}

#[tokio::test]
async fn a_draft_that_may_be_on_its_way_is_left_alone_after_a_restart() {
    let mut world = World::new().await;
    world.steps.stop_at(2);
    tokio::select! {
        accepted = world.submit(NAMED) => panic!("{accepted:?}"),
        () = world.steps.stopped.notified() => {}
    }
    world.restart();
    world.submitter.settle_leftovers(Leftovers::All).await.unwrap();
    assert_eq!(world.mailbox.drafts().len(), 1);
    world.settle().await;
    assert!(world.mailbox.sent().is_empty());
}

#[tokio::test]
async fn a_refusal_after_a_doubt_is_not_called_final_while_the_draft_may_be_on_its_way() {
    let world = World::new().await;
    world.mailbox.fail(Step::Dispatch, When::Before, &Kind::InDoubt);
    world.mailbox.fail(Step::Dispatch, When::Before, &Kind::SenderRefused(By::Service));
    assert_eq!(*world.submit(NAMED).await.unwrap_err().kind(), Kind::InDoubt);
    assert_eq!(world.mailbox.drafts().len(), 1);
    world.clock.advance(LATEST);
    world.mailbox.fail(Step::Dispatch, When::Before, &Kind::SenderRefused(By::Service));
    let refused = world.submit(NAMED).await.unwrap_err();
    assert_eq!(*refused.kind(), Kind::SenderRefused(By::Service));
    assert!(world.mailbox.drafts().is_empty() && world.mailbox.sent().is_empty());
}

#[tokio::test]
async fn a_draft_that_comes_late_is_removed_and_not_sent() {
    for (world, text) in World::every(NAMED).await {
        world.mailbox.fail(Step::Stage, When::Before, &Kind::InDoubt);
        world.submit(&text).await.unwrap();
        world.clock.advance(Duration::from_secs(100));
        // What was cut off did its work after all.
        let sent = world.mailbox.sent().remove(0);
        let skeleton = sent.replace(&"x".repeat(300), "").replace(&"y".repeat(300), "");
        world.mailbox.put_draft(if text == NAMED { NAMED } else { &skeleton });
        world.settle().await;
        world.assert_sent_once(&text, "late");
    }
}

#[tokio::test]
async fn a_part_in_doubt_costs_the_draft_and_not_the_message() {
    let world = World::with(|mailbox| mailbox.room = ROOM).await;
    world.mailbox.fail(Step::Complete, When::After, &Kind::InDoubt);
    world.mailbox.fail(Step::Unstage, When::Before, &Kind::Unreachable);
    let text = large(NAMED);
    world.submit(&text).await.unwrap();
    world.assert_sent_once(&text, "a part in doubt");
    assert_eq!(world.mailbox.drafts().len(), 1, "it could not be removed yet");
    world.settle().await;
}

#[tokio::test]
async fn a_refused_part_refuses_the_message_and_leaves_nothing() {
    let world = World::with(|mailbox| mailbox.room = ROOM).await;
    world.mailbox.fail(Step::Complete, When::Before, &Kind::OverQuota);
    let text = large(NAMED);
    assert_eq!(*world.submit(&text).await.unwrap_err().kind(), Kind::OverQuota);
    assert!(world.mailbox.drafts().is_empty() && world.mailbox.sent().is_empty());
    assert_eq!(world.stages().await, [Stage::Refused { leftover: None }]);
}

#[tokio::test]
async fn what_the_service_takes_in_no_request_is_taken_apart_further() {
    let world = World::with(|mailbox| mailbox.room = 1_200).await;
    world.mailbox.fail(Step::Stage, When::Before, &Kind::TooLarge { limit: 1 });
    let text = large(NAMED);
    world.submit(&text).await.unwrap();
    world.assert_sent_once(&text, "taken apart");
    let attempts = world.store.attempts_named("<1@a.test>").await.unwrap();
    assert_ne!(attempts[0].staged, attempts[1].staged);
    world.mailbox.fail(Step::Stage, When::Before, &Kind::TooLarge { limit: 1 });
    let refused = world.submit(&NAMED.replace("Hi", "Ho")).await.unwrap_err();
    assert_eq!(*refused.kind(), Kind::TooLarge { limit: 0 }, "it is small already");
}

#[tokio::test]
async fn what_the_tenant_found_too_large_is_refused_before_it_comes_for_an_hour() {
    let world = World::with(|mailbox| mailbox.room = ROOM).await;
    let text = large(NAMED);
    for step in [Step::Complete, Step::Dispatch] {
        world.mailbox.fail(step, When::Before, &Kind::TooLarge { limit: 0 });
        world.submit(&text).await.unwrap_err();
        assert!(world.mailbox.drafts().is_empty());
        assert_eq!(world.submitter.limit(), Some(text.len() as u64 - 1));
        world.clock.advance(Duration::from_secs(60 * 60));
        assert_eq!(world.submitter.limit(), None);
    }
}

#[tokio::test]
async fn a_draft_of_the_users_own_with_the_same_name_is_neither_sent_nor_removed() {
    for (world, text) in World::every(NAMED).await {
        let own = NAMED.replace("Hi", "not finished");
        world.mailbox.put_draft(&own);
        world.mailbox.fail(Step::Stage, When::Before, &Kind::InDoubt);
        world.submit(&text).await.unwrap();
        world.assert_sent_once(&text, "beside a draft");
        assert_eq!(world.mailbox.drafts(), [own.as_str()]);
        world.clock.advance(RETRY_WINDOW * 2);
        world.submitter.settle_leftovers(Leftovers::All).await.unwrap();
        assert_eq!(world.mailbox.drafts(), [own.as_str()]);
    }
}

#[tokio::test]
async fn a_draft_that_was_saved_before_is_not_taken_for_ours_though_it_says_the_same() {
    for (world, text) in World::every(NAMED).await {
        world.mailbox.put_draft(&text);
        world.clock.advance(Duration::from_secs(6));
        world.mailbox.fail(Step::Stage, When::Before, &Kind::InDoubt);
        world.submit(&text).await.unwrap();
        world.assert_sent_once(&text, "beside a draft");
        assert_eq!(world.mailbox.drafts(), [text.as_str()]);
    }
}

#[tokio::test]
async fn a_draft_that_vanished_stays_in_doubt_for_the_window_and_is_sent_anew_after() {
    let world = World::new().await;
    world.mailbox.fail(Step::Dispatch, When::Before, &Kind::InDoubt);
    world.mailbox.fail(Step::LookUp, When::Before, &Kind::Unreachable);
    world.submit(NAMED).await.unwrap_err();
    let [Stage::Staged(draft)] = &world.stages().await[..] else { panic!("not staged") };
    world.mailbox.discard(draft);
    assert_eq!(*world.submit(NAMED).await.unwrap_err().kind(), Kind::InDoubt);
    assert!(world.mailbox.sent().is_empty());
    world.clock.advance(RETRY_WINDOW + Duration::from_secs(1));
    world.submit(NAMED).await.unwrap();
    assert_eq!(world.mailbox.sent(), [NAMED]);
}

#[tokio::test]
async fn only_the_mailboxs_own_addresses_may_send() {
    let world = World::new().await;
    for sender in ["ada@a.test", "ADA+news@A.test", "sales@a.test", "sales+x@a.test"] {
        world.submit_to(NAMELESS, sender, &["b@x.test"]).await.unwrap();
    }
    for sender in ["mallory@a.test", "ada@b.test", "+ada@a.test", ""] {
        let refused = world.submit_to(NAMELESS, sender, &["b@x.test"]).await.unwrap_err();
        assert_eq!(*refused.kind(), Kind::SenderRefused(By::Envelope), "{sender}");
    }
    assert_eq!(world.mailbox.sent().len(), 4);
    assert!(world.spool_is_empty());
}

#[tokio::test]
async fn a_message_that_grew_too_large_is_refused_before_anything_is_asked() {
    let world = World::new().await;
    let text = format!("{NAMELESS}{}", "x".repeat(10_000));
    let refused = world.submit(&text).await.unwrap_err();
    assert_eq!(*refused.kind(), Kind::TooLarge { limit: 10_000 });
    assert!(world.store.unsettled_attempts().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_draft_that_left_a_moment_ago_is_in_doubt_however_old_its_attempt_is() {
    let world = World::new().await;
    world.mailbox.fail(Step::Dispatch, When::Before, &Kind::InDoubt);
    world.mailbox.fail(Step::LookUp, When::Before, &Kind::Unreachable);
    world.submit(NAMED).await.unwrap_err();
    world.mailbox.heal();
    let Stage::Staged(draft) = world.stages().await.remove(0) else { panic!("it is staged") };
    world.clock.advance(RETRY_WINDOW * 2);
    world.submit(NAMED).await.unwrap();
    // The sender's copy shows itself late.
    world.mailbox.discard(&draft);
    world.mailbox.heal();
    let attempt = world.store.attempts_named("<1@a.test>").await.unwrap().remove(0);
    let open = Attempt { stage: Stage::Staged(draft), ..attempt };
    assert_eq!(world.submitter.look(&open).await.unwrap(), Look::Unknown);
    world.clock.advance(RETRY_WINDOW * 2);
    assert_eq!(world.submitter.look(&open).await.unwrap(), Look::Unsent);
}

//! The flow against every fault at every step.

use super::doubles::{FakeMailbox, Step, Steps, When};
use super::*;
use crate::mailbox::Timestamp;

const NAMED: &str =
    "Message-ID: <1@a.test>\r\nDate: x\r\nFrom: ada@a.test\r\nTo: b@x.test\r\n\r\nHi\r\n";
const NAMELESS: &str = "Subject: Door open\r\nTo: b@x.test\r\n\r\nHi\r\n";

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
        let steps = Arc::new(Steps::default());
        let mailbox = Arc::new(FakeMailbox::new(&steps));
        let clock = Clock::manual(Timestamp(1_795_428_000));
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
        let recipients = to.iter().map(|text| Address::new(text).unwrap()).collect();
        let envelope = Envelope { sender: Address::new(sender), recipients };
        self.submitter.submit(envelope, file.spooled().await?, 10_000).await
    }

    fn spool_is_empty(&self) -> bool {
        std::fs::read_dir(self.directory.path().join("spool")).unwrap().next().is_none()
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
    for (step, when, kind) in doubts.iter().flat_map(|kind| {
        let steps = [Step::Stage, Step::Dispatch];
        steps
            .into_iter()
            .flat_map(move |step| [(step, When::Before, kind), (step, When::After, kind)])
    }) {
        for failures in 1..=4 {
            for blind in [0, 1, 5] {
                let world = World::new().await;
                (0..failures).for_each(|_| world.mailbox.fail(step, when, kind));
                for _ in 0..blind {
                    world.mailbox.fail(Step::LookUp, When::Before, &Kind::Unreachable);
                    world.mailbox.fail(Step::Trace, When::Before, &Kind::Unreachable);
                }
                let case = format!("{step:?} {when:?} {kind:?} x{failures}, blind x{blind}");
                if let Err(fault) = world.submit(NAMED).await {
                    assert!(fault.may_pass(), "{case}: {fault}");
                    world.mailbox.heal();
                    world.submit(NAMED).await.expect(&case);
                }
                assert_eq!(world.mailbox.sent(), [NAMED], "{case}");
                assert!(world.mailbox.drafts().is_empty(), "{case}");
                assert!(world.spool_is_empty(), "{case}");
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
    for kind in [Kind::SenderRefused, Kind::Throttled { retry_after: None }, Kind::SignInNeeded] {
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
    world.mailbox.fail(Step::Dispatch, When::Before, &Kind::SenderRefused);
    world.mailbox.fail(Step::Unstage, When::Before, &Kind::Unreachable);
    world.submit(NAMED).await.unwrap_err();
    assert_eq!(world.mailbox.drafts().len(), 1);
    assert!(world.submitter.settle_leftovers(Leftovers::All).await.is_ok());
    assert!(world.mailbox.drafts().is_empty());
    assert_eq!(world.stages().await, [Stage::Refused { leftover: None }]);
}

#[tokio::test]
async fn a_process_killed_at_any_step_sends_nothing_twice_and_loses_nothing() {
    for text in [NAMED, NAMELESS] {
        for tidy in [true, false] {
            let mut killed = 0;
            loop {
                let mut world = World::new().await;
                world.steps.stop_at(killed);
                let survived = tokio::select! {
                    accepted = world.submit(text) => accepted.is_ok(),
                    () = world.steps.stopped.notified() => false,
                };
                if survived {
                    break;
                }
                world.restart();
                if tidy {
                    assert!(world.submitter.settle_leftovers(Leftovers::All).await.is_ok());
                    assert!(world.mailbox.drafts().is_empty(), "killed at {killed}");
                }
                // The client was not answered, so it comes again.
                world.submit(text).await.unwrap();
                assert_eq!(world.mailbox.sent().len(), 1, "killed at {killed}, tidy {tidy}");
                assert!(world.mailbox.drafts().is_empty(), "killed at {killed}, tidy {tidy}");
                killed += 1;
            }
            assert!(killed >= 4, "the steps were not counted: {killed}");
        }
    }
}

#[tokio::test]
async fn the_same_message_again_is_sent_again_once_the_client_has_its_answer() {
    let world = World::new().await;
    let first = world.submit(NAMED).await.unwrap();
    assert_eq!(world.submit(NAMED).await.unwrap(), first);
    assert_eq!(world.mailbox.sent().len(), 1);
    world.submitter.confirm(&first).await.unwrap();
    assert_ne!(world.submit(NAMED).await.unwrap(), first);
    assert_eq!(world.mailbox.sent().len(), 2);
}

#[tokio::test]
async fn an_unconfirmed_answer_is_given_again_only_within_the_window() {
    let world = World::new().await;
    world.submit(NAMED).await.unwrap();
    world.clock.advance(RETRY_WINDOW + Duration::from_secs(1));
    world.submit(NAMED).await.unwrap();
    assert_eq!(world.mailbox.sent().len(), 2);
}

#[tokio::test]
async fn two_alerts_that_are_alike_are_two_messages() {
    let world = World::new().await;
    world.submit(NAMELESS).await.unwrap();
    world.submit(NAMELESS).await.unwrap();
    assert_eq!(world.mailbox.sent().len(), 2);
}

#[tokio::test]
async fn a_retry_after_a_crash_is_no_second_alert_but_the_one_after_it_is() {
    let mut world = World::new().await;
    world.mailbox.fail(Step::Dispatch, When::After, &Kind::InDoubt);
    world.mailbox.fail(Step::LookUp, When::Before, &Kind::Unreachable);
    world.submit(NAMELESS).await.unwrap_err();
    world.restart();
    world.submitter.settle_leftovers(Leftovers::All).await.unwrap();
    world.submit(NAMELESS).await.unwrap();
    assert_eq!(world.mailbox.sent().len(), 1);
    world.submit(NAMELESS).await.unwrap();
    assert_eq!(world.mailbox.sent().len(), 2);
}

#[tokio::test]
async fn the_same_message_to_someone_else_is_another_message() {
    let world = World::new().await;
    world.submit_to(NAMED, "ada@a.test", &["b@x.test"]).await.unwrap();
    world.submit_to(NAMED, "ada@a.test", &["b@x.test", "c@x.test"]).await.unwrap();
    assert_eq!(world.mailbox.sent().len(), 2);
}

#[tokio::test]
async fn a_retry_that_overtakes_its_first_try_gets_the_first_result() {
    let world = World::new().await;
    let (first, second) = tokio::join!(world.submit(NAMED), world.submit(NAMED));
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(world.mailbox.sent().len(), 1);
}

#[tokio::test]
async fn a_draft_of_the_users_own_with_the_same_name_is_neither_sent_nor_removed() {
    let world = World::new().await;
    let own = "Message-ID: <1@a.test>\r\n\r\nnot finished\r\n";
    world.mailbox.put_draft(own);
    world.mailbox.fail(Step::Stage, When::Before, &Kind::InDoubt);
    world.submit(NAMED).await.unwrap();
    assert_eq!(world.mailbox.sent(), [NAMED]);
    assert_eq!(world.mailbox.drafts(), [own]);
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
        assert_eq!(*refused.kind(), Kind::SenderRefused, "{sender}");
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

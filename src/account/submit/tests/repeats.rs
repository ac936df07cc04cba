//! The same message again: a retry, or meant as another.

use super::*;

#[tokio::test]
async fn a_retry_handed_in_while_the_first_is_at_work_gets_its_result_whenever_that_was_told() {
    let world = World::new().await;
    world.mailbox.hold();
    let first = async {
        let accepted = world.submit(NAMED).await.unwrap();
        world.submitter.confirm(&accepted).await.unwrap();
        accepted
    };
    let second = async {
        world.mailbox.held().await;
        let released = async {
            while !world.submitter.keys.is_awaited() {
                tokio::task::yield_now().await;
            }
            world.mailbox.release();
        };
        let accepted = tokio::join!(world.submit(NAMED), released).0.unwrap();
        world.submitter.confirm(&accepted).await.unwrap();
        accepted
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first, second);
    assert_eq!(world.mailbox.sent().len(), 1);
    world.submit(NAMED).await.unwrap();
    assert_eq!(world.mailbox.sent().len(), 2, "this one is meant");
}

#[tokio::test]
async fn messages_with_one_message_id_are_told_apart_in_doubt() {
    for (world, _) in World::every(NAMED).await {
        for (number, text) in ["one", "two", "three"].into_iter().enumerate() {
            let text = NAMED.replace("Hi", text);
            if number > 0 {
                world.mailbox.fail(Step::Stage, When::After, &Kind::InDoubt);
                world.mailbox.fail(Step::Dispatch, When::After, &Kind::InDoubt);
            }
            let accepted = world.submit(&text).await.unwrap();
            world.submitter.confirm(&accepted).await.unwrap();
            assert_eq!(world.mailbox.sent().len(), number + 1);
            assert_eq!(world.mailbox.sent()[number], text);
            world.clock.advance(Duration::from_secs(20));
        }
        world.settle().await;
        assert_eq!(world.mailbox.sent().len(), 3);
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

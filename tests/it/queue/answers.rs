//! What a client hears, and what is on disk by then.

use m365_sim::{Fault, Kind, Rule};

use super::bench::{
    BOB, adjusted, away, denied, files, id_of, named, nameless, outbox, queued, queueing, received,
    reports, submit, until_empty, world,
};
use crate::world::ADA;

#[tokio::test]
async fn a_message_is_on_disk_before_its_client_hears_that_it_is_queued() {
    let world = world().await;
    away(&world);
    let mut smtp = world.smtp().await;
    let reply = smtp.submit(ADA, &[BOB, "eve@fabrikam.example"], &named(1)).await;
    // Nothing has run since the answer came.
    let id = id_of(&reply);
    let names = files(&world);
    for kind in ["eml", "json", "state"] {
        assert!(names.contains(&format!("{id}.{kind}")), "{names:?}");
    }
    let message = std::fs::read_to_string(outbox(&world).join(format!("{id}.eml"))).unwrap();
    assert!(message.starts_with("Message-ID: <1@client.example>\r\n"), "{message}");
    assert!(message.contains("Bcc: <eve@fabrikam.example>\r\n"), "{message}");
    assert_eq!(received(&world, 1), 0);
    world.tenant.faults().clear();
    until_empty(&world).await;
    assert_eq!(received(&world, 1), 1);
    assert_eq!(world.tenant.sent_to("eve@fabrikam.example").len(), 1);
    assert_eq!(world.ada().items("Sent Items").len(), 1);
    assert!(world.ada().items("Drafts").is_empty());
    assert_eq!(reports(&world), 0);
}

#[tokio::test]
async fn a_message_that_is_sent_at_once_is_answered_as_sent_and_leaves_no_file() {
    let world = world().await;
    let reply = submit(&world, named(1)).await;
    assert!(reply.starts_with("250 2.0.0 Ok: taken by Microsoft 365 as "), "{reply}");
    until_empty(&world).await;
    assert_eq!(received(&world, 1), 1);
    assert!(files(&world).is_empty());
}

#[tokio::test]
async fn a_refusal_that_is_known_in_time_is_told_and_no_report_is_made() {
    let world = world().await;
    denied(&world);
    let reply = submit(&world, named(1)).await;
    assert!(reply.starts_with("550 5.7.60 "), "{reply}");
    assert!(files(&world).is_empty(), "{:?}", files(&world));
    assert!(world.ada().items("Drafts").is_empty());
    until_empty(&world).await;
    assert_eq!((received(&world, 1), reports(&world)), (0, 0));
    // What the message itself is refused for is not even queued.
    let mut smtp = world.smtp().await;
    let reply = smtp.submit("mallory@contoso.example", &[BOB], &named(2)).await;
    assert!(reply.starts_with("550 5.7.1 "), "{reply}");
    assert!(files(&world).is_empty());
}

#[tokio::test]
async fn a_service_that_says_nothing_does_not_keep_the_client_waiting() {
    let world = world().await;
    world.tenant.faults().push(Rule::on(Kind::CreateMime).answer(Fault::Stall).always());
    let mut smtp = world.smtp().await;
    let before = world.clock.now().0;
    let message = named(1);
    let reply = world.while_delays_pass(smtp.submit(ADA, &[BOB], &message)).await;
    id_of(&reply);
    assert_eq!(world.clock.now().0 - before, 10);
    world.tenant.faults().clear();
    until_empty(&world).await;
    assert_eq!(received(&world, 1), 1);
}

#[tokio::test]
async fn a_retry_of_a_queued_message_gets_the_first_one_s_answer() {
    let world = world().await;
    away(&world);
    let mut first = world.smtp().await;
    let id = id_of(&first.submit(ADA, &[BOB], &named(1)).await);
    // The connection breaks before anything shows that the client has read it.
    let mut second = world.smtp().await;
    let again = second.submit(ADA, &[BOB], &named(1)).await;
    assert_eq!(id_of(&again), id);
    assert_eq!(queued(&world), [id]);
    world.tenant.faults().clear();
    until_empty(&world).await;
    let later = world.smtp().await.submit(ADA, &[BOB], &named(1)).await;
    assert!(later.starts_with("250 2.0.0 Ok: taken by Microsoft 365 as "), "{later}");
    assert_eq!(received(&world, 1), 1);
}

#[tokio::test]
async fn two_connections_with_the_same_message_at_once_send_it_once() {
    let world = world().await;
    let (mut one, mut two) = (world.smtp().await, world.smtp().await);
    let message = named(1);
    let (first, second) =
        tokio::join!(one.submit(ADA, &[BOB], &message), two.submit(ADA, &[BOB], &message));
    assert!(first.starts_with("250 ") && second == first, "{first} {second}");
    until_empty(&world).await;
    assert_eq!(received(&world, 1), 1);
}

#[tokio::test]
async fn the_same_scan_five_times_is_five_messages() {
    for message in [named(1), nameless(1).into_bytes()] {
        for is_away in [true, false] {
            let world = world().await;
            if is_away {
                away(&world);
            }
            for _ in 0..5 {
                let reply = submit(&world, &message).await;
                assert!(reply.starts_with("250 "), "{reply}");
            }
            assert_eq!(queued(&world).len(), if is_away { 5 } else { 0 });
            world.tenant.faults().clear();
            until_empty(&world).await;
            assert_eq!(received(&world, 1), 5);
        }
    }
}

#[tokio::test]
async fn a_full_queue_refuses_for_now_and_takes_more_when_there_is_room() {
    let world = adjusted(|config| {
        queueing(config);
        config.queue.max_messages = 2;
    });
    let world = world.await;
    away(&world);
    for number in 1..=2 {
        id_of(&submit(&world, named(number)).await);
    }
    let reply = submit(&world, named(3)).await;
    assert!(reply.starts_with("452 4.3.1 "), "{reply}");
    world.tenant.faults().clear();
    until_empty(&world).await;
    let reply = submit(&world, named(3)).await;
    assert!(reply.starts_with("250 "), "{reply}");
    until_empty(&world).await;
    assert_eq!((1..=3).map(|number| received(&world, number)).collect::<Vec<_>>(), [1, 1, 1]);
}

#[tokio::test]
async fn octets_are_bounded_too() {
    let world = adjusted(|config| {
        queueing(config);
        config.queue.max_bytes = 300;
    });
    let world = world.await;
    away(&world);
    id_of(&submit(&world, named(1)).await);
    let reply = submit(&world, named(2)).await;
    assert!(reply.starts_with("452 4.3.1 "), "{reply}");
    let large = format!("{}{}\r\n", nameless(3), "x".repeat(500));
    let reply = submit(&world, large).await;
    assert!(reply.starts_with("452 4.3.1 "), "{reply}");
}

#[tokio::test]
async fn without_the_queue_nothing_is_kept() {
    let world = adjusted(|_| {}).await;
    away(&world);
    let reply = submit(&world, named(1)).await;
    assert!(reply.starts_with("451 "), "{reply}");
    assert!(!outbox(&world).exists());
}

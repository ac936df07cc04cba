use std::time::Duration;

use m365_sim::switch::{Oversize, RetryForm};
use m365_sim::{Kind, Switches};

use crate::world::World;

#[tokio::test]
async fn the_fifth_request_at_a_time_is_throttled() {
    let world = World::new().await;
    let hold = world.tenant.hold_before(Kind::User);
    let four = futures_util::future::join_all((0..4).map(|_| world.get("/me")));
    let fifth = async {
        hold.arrived(4).await;
        let answer = world.get("/me/mailFolders/inbox").await;
        assert_eq!((answer.status, answer.code().as_str()), (429, "ApplicationThrottled"));
        assert_eq!(answer.header("retry-after"), "1");
        drop(hold);
    };
    let (four, ()) = tokio::join!(four, fifth);
    assert!(four.iter().all(|answer| answer.status == 200));
    assert_eq!(world.get("/me").await.status, 200);
}

#[tokio::test]
async fn the_window_opens_again_with_time() {
    let mut switches = Switches::default();
    switches.limits.requests = 3;
    switches.limits.retry_after = RetryForm::Missing;
    let world = World::with(switches).await;
    for _ in 0..3 {
        assert_eq!(world.get("/me").await.status, 200);
    }
    let refused = world.get("/me").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, ""));
    world.tenant.clock().advance(Duration::from_secs(600));
    assert_eq!(world.get("/me").await.status, 200);
}

#[tokio::test]
async fn an_oversized_request_is_refused_or_silently_dropped() {
    let world = World::new().await;
    let large = vec![b'a'; 3_200_000];
    world.tenant.set_switches(|switches| switches.limits.oversize = Oversize::Status400);
    assert_eq!(world.post_mime("/me/messages", &large).await.code(), "BadRequest");
    world.tenant.set_switches(|switches| switches.limits.oversize = Oversize::SilentOk);
    assert_eq!(world.post_mime("/me/messages", &large).await.status, 200);
    assert!(world.ada().items("Drafts").is_empty());
}

#[tokio::test]
async fn ids_of_requests_are_echoed_and_noted() {
    let world = World::new().await;
    let request = world.request(reqwest::Method::GET, "/me").header("client-request-id", "mine");
    let answer = world.send(request).await;
    assert_eq!(answer.header("client-request-id"), "mine");
    let entries = world.tenant.journal().entries();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].request_id, answer.header("request-id"));
    assert_eq!(entries[0].status, Some(200));
}

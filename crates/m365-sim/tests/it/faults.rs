use m365_sim::{Fault, Kind, RetryAfter, Rule};
use serde_json::json;

use crate::world::{World, mail};

#[tokio::test]
async fn a_status_fault_answers_in_place_of_the_work() {
    let world = World::new().await;
    let id = world.ada().inbox().deliver(mail("x"));
    let path = format!("/me/messages/{}", id.0);
    for (wait, shown) in [
        (RetryAfter::Seconds(3), "3"),
        (RetryAfter::Decimal(2.128), "2.128"),
        (RetryAfter::HttpDate(10), "Mon, 23 Nov 2026 09:00:10 GMT"),
    ] {
        world.tenant.faults().push(Rule::on(Kind::Patch).answer(Fault::throttled(wait)));
        let answer = world.patch(&path, &json!({"isRead": true})).await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, shown));
    }
    assert!(!world.ada().items("Inbox")[0].is_read);
    assert_eq!(world.patch(&path, &json!({"isRead": true})).await.status, 200);
    assert_eq!(world.tenant.faults().pending(), 0);
}

#[tokio::test]
async fn cuts_leave_the_work_undone_or_done() {
    let world = World::new().await;
    let made = |kind| world.tenant.faults().push(Rule::on(Kind::CreateMime).answer(kind));
    let send = || {
        world.request(reqwest::Method::POST, "/me/messages").header("Content-Type", "text/plain")
    };
    made(Fault::CutBefore);
    assert!(send().body("U3ViamVjdDogeA0KDQp4DQo=").send().await.is_err());
    assert_eq!(world.ada().items("Drafts").len(), 0);
    made(Fault::CutAfter);
    assert!(send().body("U3ViamVjdDogeA0KDQp4DQo=").send().await.is_err());
    assert_eq!(world.ada().items("Drafts").len(), 1);
    made(Fault::CutMidBody { bytes: 10 });
    let answer = send().body("U3ViamVjdDogeA0KDQp4DQo=").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 201);
    assert!(answer.bytes().await.is_err());
    assert_eq!(world.ada().items("Drafts").len(), 2);
    assert_eq!(world.get("/me").await.status, 200);
}

#[tokio::test]
async fn a_stalled_request_waits_until_it_is_released() {
    let world = World::new().await;
    world.tenant.faults().push(Rule::any().answer(Fault::Stall));
    let request = world.request(reqwest::Method::GET, "/me").send();
    let release = async {
        while world.tenant.journal().requests() == 0 {
            tokio::task::yield_now().await;
        }
        while world.tenant.faults().pending() > 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            world.tenant.faults().release();
            tokio::task::yield_now().await;
        }
    };
    let (answer, ()) = tokio::join!(request, release);
    assert!(answer.is_err());
    assert_eq!(world.tenant.journal().entries()[0].status, None);
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_place() {
    let world = World::new().await;
    world.tenant.faults().push(Rule::on(Kind::User).times(4).answer(Fault::Stall));
    let stalled = futures_util::future::join_all((0..4).map(|_| world.get("/me")));
    let all_here = async {
        while world.tenant.faults().pending() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = stalled => panic!("a stalled request was answered"),
        () = all_here => {}
    }
    while world.get("/me").await.status == 429 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.get("/me").await.status, 200);
}

#[tokio::test]
async fn a_claims_challenge_names_the_claims() {
    let world = World::new().await;
    world.tenant.faults().push(Rule::on(Kind::User).answer(Fault::ClaimsChallenge));
    let answer = world.get("/me").await;
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").contains("error=\"insufficient_claims\", claims=\""));
}

#[tokio::test]
async fn a_demand_for_claims_may_come_with_403() {
    let world = World::new().await;
    world.tenant.faults().push(Rule::on(Kind::User).answer(Fault::ClaimsRefusal));
    let answer = world.get("/me").await;
    assert_eq!(answer.status, 403);
    assert!(answer.header("www-authenticate").contains("error=\"insufficient_claims\", claims=\""));
}

#[tokio::test]
async fn garbage_in_place_of_an_answer() {
    let world = World::new().await;
    world.tenant.faults().push(Rule::on(Kind::User).answer(Fault::Html { code: 200 }));
    assert!(world.get("/me").await.bytes.starts_with(b"<!DOCTYPE"));
    world.tenant.faults().push(Rule::on(Kind::User).answer(Fault::TruncatedJson));
    assert!(serde_json::from_slice::<serde_json::Value>(&world.get("/me").await.bytes).is_err());
    world.tenant.faults().push(Rule::on(Kind::User).answer(Fault::EmptyBody));
    assert!(world.get("/me").await.bytes.is_empty());
    world.tenant.faults().push(Rule::on(Kind::SendMail).answer(Fault::SilentOk));
    assert_eq!(world.post_mime("/me/sendMail", &mail("x")).await.status, 200);
    assert!(world.tenant.sent().is_empty());
}

#[tokio::test]
async fn the_token_endpoint_has_faults_of_its_own() {
    let world = World::new().await;
    let fault = Fault::Entra {
        code: 400,
        error: "interaction_required".into(),
        aadsts: 50076,
        suberror: Some("basic_action".into()),
    };
    world.tenant.faults().push(Rule::on(Kind::Token).answer(fault));
    let busy = Fault::status(503, "temporarily_unavailable");
    world.tenant.faults().push(Rule::on(Kind::Token).answer(busy));
    let answer = world.redeem(&[("client_id", "client"), ("refresh_token", &world.refresh)]).await;
    assert_eq!(answer.json()["error_codes"][0], 50076);
    assert_eq!(answer.text("suberror"), "basic_action");
    let busy = world.redeem(&[("client_id", "client"), ("refresh_token", &world.refresh)]).await;
    assert_eq!((busy.status, busy.text("error").as_str()), (503, "temporarily_unavailable"));
}

#[tokio::test]
async fn a_hold_stands_between_the_work_and_its_answer() {
    let world = World::new().await;
    let id = world.ada().inbox().deliver(mail("held"));
    let hold = world.tenant.hold(Kind::Patch);
    let path = format!("/me/messages/{}", id.0);
    let body = json!({"isRead": true});
    let request = world.patch(&path, &body);
    let watch = async {
        hold.arrived(1).await;
        assert!(world.ada().items("Inbox")[0].is_read);
        assert_eq!(world.tenant.journal().of(Kind::Patch)[0].status, None);
        hold.step();
    };
    let (answer, ()) = tokio::join!(request, watch);
    assert_eq!(answer.status, 200);
    drop(hold);
    assert_eq!(world.patch(&path, &json!({"isRead": false})).await.status, 200);
}

use reqwest::Method;
use serde_json::json;

use crate::world::{World, mail};

#[tokio::test]
async fn a_test_in_another_language_can_play_the_other_person() {
    let world = World::new().await;
    let sim = |path: &str| format!("{}/sim/{path}", world.url);
    let deliver =
        world.request(Method::POST, &sim("deliver?user=ada@contoso.example&folder=Inbox"));
    let id = world.send(deliver.body(mail("hello"))).await.text("id");
    let deed = json!({"verb": "relocate", "id": id, "to": "Archive"});
    assert_eq!(world.post(&sim("outlook"), &deed).await.status, 200);
    let items = world.get(&sim("items?folder=Archive")).await.json();
    assert_eq!(items[0]["subject"], "hello");
    assert_eq!(world.post(&sim("outlook"), &json!({"verb": "flag"})).await.status, 400);

    let grant = json!({"user": "ada@contoso.example", "client_id": "other"});
    assert!(!world.post(&sim("grant"), &grant).await.text("refresh_token").is_empty());
    let rule = json!({"kinds": ["user"], "answer": {"fault": "status", "code": 503, "error_code": "ServiceUnavailable"}});
    world.post(&sim("faults"), &rule).await;
    assert_eq!(world.get("/me").await.status, 503);
    let changed = world.post(&sim("switches"), &json!({"delta": {"page": 3}})).await.json();
    assert_eq!(
        (changed["delta"]["page"].clone(), changed["delta"]["replay"].clone()),
        (json!(3), json!(0))
    );
    assert_eq!(world.post(&sim("switches"), &json!({"delta": {"pag": 3}})).await.status, 400);
    let journal = world.get(&sim("journal")).await.json();
    assert_eq!(journal.as_array().unwrap().len(), 1);
    world.delete(&sim("journal")).await;
    assert!(world.tenant.journal().entries().is_empty());
    let clock = world.post(&sim("clock"), &json!({"advance_seconds": 60})).await;
    assert_eq!(clock.text("now"), "2026-11-23T09:01:00Z");
}

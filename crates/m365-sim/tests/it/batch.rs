use base64::Engine;
use m365_sim::{Fault, Kind, RetryAfter, Rule};
use serde_json::{Value, json};

use crate::world::{World, mail};

fn response<'a>(body: &'a Value, id: &str) -> &'a Value {
    body["responses"].as_array().unwrap().iter().find(|step| step["id"] == id).unwrap()
}

#[tokio::test]
async fn steps_answer_for_themselves_in_one_request() {
    let world = World::new().await;
    let id = world.ada().inbox().deliver(mail("batched")).0;
    let prefer = json!({"Prefer": "IdType=\"ImmutableId\""});
    let batch = json!({"requests": [
        {"id": "1", "method": "GET", "url": "/me/mailFolders/inbox?$select=id"},
        {"id": "2", "method": "GET", "url": format!("/me/messages/{id}/$value"), "headers": prefer},
        {"id": "3", "method": "PATCH", "url": format!("/me/messages/{id}"), "body": {"isRead": true},
            "headers": {"Content-Type": "application/json", "Prefer": "IdType=\"ImmutableId\""}},
        {"id": "4", "method": "GET", "url": "/me/messages/nonsense"},
        {"id": "5", "method": "GET", "url": "/me", "dependsOn": ["4"]},
    ]});
    let answer = world.post("/$batch", &batch).await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    let order: Vec<_> =
        body["responses"].as_array().unwrap().iter().map(|step| step["id"].clone()).collect();
    assert_ne!(order, ["1", "2", "3", "4", "5"]);
    assert_eq!(response(&body, "1")["status"], 200);
    let mime = response(&body, "2")["body"].as_str().unwrap();
    let mime = base64::engine::general_purpose::STANDARD.decode(mime).unwrap();
    assert_eq!(mime, mail("batched"));
    assert_eq!(response(&body, "3")["body"]["id"], id);
    assert_eq!(response(&body, "4")["status"], 400);
    assert_eq!(response(&body, "5")["status"], 424);
    let journal = world.tenant.journal();
    assert_eq!(journal.requests(), 1);
    assert_eq!(journal.of(Kind::Patch).len(), 1);
    assert!(
        journal.of(Kind::Patch)[0].immutable_ids && journal.of(Kind::Patch)[0].batch_of.is_some()
    );
    assert!(!journal.of(Kind::GetFolder)[0].immutable_ids);
}

#[tokio::test]
async fn a_fault_can_hit_one_step() {
    let world = World::new().await;
    let fault = Fault::throttled(RetryAfter::Decimal(2.128));
    world.tenant.faults().push(Rule::on(Kind::GetFolder).skip(1).answer(fault));
    let steps: Vec<Value> = (0..3)
        .map(|id| json!({"id": id.to_string(), "method": "GET", "url": "/me/mailFolders/inbox"}))
        .collect();
    let body = world.post("/$batch", &json!({"requests": steps})).await.json();
    assert_eq!(response(&body, "1")["status"], 429);
    assert_eq!(response(&body, "1")["headers"]["Retry-After"], "2.128");
    assert_eq!(response(&body, "0")["status"], 200);
    assert_eq!(response(&body, "2")["status"], 200);
}

#[tokio::test]
async fn bad_batches_are_refused_whole() {
    let world = World::new().await;
    let step = |id: usize| json!({"id": id.to_string(), "method": "GET", "url": "/me"});
    let many: Vec<Value> = (0..21).map(step).collect();
    assert_eq!(world.post("/$batch", &json!({"requests": many})).await.status, 400);
    assert_eq!(world.post("/$batch", &json!({"requests": [step(1), step(1)]})).await.status, 400);
    let twenty: Vec<Value> = (0..20).map(step).collect();
    let body = world.post("/$batch", &json!({"requests": twenty})).await.json();
    assert!(body["responses"].as_array().unwrap().iter().all(|step| step["status"] == 200));
}

//! `POST /$batch`: at most 20 steps, four of a mailbox at a time, answers in any order. (reference B.11)

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Map, Value, json};

use crate::call::{Call, Content, Problem, Query, Reply};
use crate::perform::{Outcome, new_request_id, perform};
use crate::tenant::Tenant;

/// (reference B.11)
const LARGEST_BATCH: usize = 20;

struct Step {
    id: String,
    depends_on: Vec<String>,
    call: Call,
}

pub(crate) async fn run(tenant: &Tenant, call: &Call) -> Outcome {
    let limits = tenant.state().switches.limits.clone();
    let date = tenant.0.clock.now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let steps = match steps(call, limits.request_bytes) {
        Ok(steps) => steps,
        Err(problem) => return Outcome::Answer(problem.reply(call, &date)),
    };
    let mut waiting = steps;
    let mut answers: Vec<Value> = Vec::new();
    let mut statuses: HashMap<String, u16> = HashMap::new();
    while !waiting.is_empty() {
        let ready = |step: &Step| step.depends_on.iter().all(|id| statuses.contains_key(id));
        let (now, later): (Vec<Step>, Vec<Step>) = waiting.into_iter().partition(ready);
        if now.is_empty() {
            let problem = Problem::bad("BadRequest", "The dependsOn members form a circle.");
            return Outcome::Answer(problem.reply(call, &date));
        }
        waiting = later;
        let (doomed, now): (Vec<Step>, Vec<Step>) =
            now.into_iter().partition(|step| step.depends_on.iter().any(|id| statuses[id] >= 400));
        for step in doomed {
            let problem =
                Problem::new(424, "FailedDependency", "A step this one depends on has failed.");
            statuses.insert(step.id.clone(), 424);
            answers.push(entry(&step.id, problem.reply(&step.call, &date)));
        }
        let ran = stream::iter(now)
            .map(|step| one(tenant, step))
            .buffer_unordered(limits.batch_parallel.max(1));
        let ran: Vec<(String, Outcome)> = ran.collect().await;
        for (id, outcome) in ran {
            let Outcome::Answer(reply) = outcome else { return Outcome::Cut };
            statuses.insert(id.clone(), reply.status);
            answers.push(entry(&id, reply));
        }
    }
    if limits.batch_shuffles {
        answers.reverse();
        let third = answers.len() / 3;
        answers.rotate_left(third);
    }
    Outcome::Answer(Reply::json(200, json!({"responses": answers})))
}

/// Boxed, because a step is performed like the batch around it.
fn one<'a>(
    tenant: &'a Tenant,
    step: Step,
) -> Pin<Box<dyn Future<Output = (String, Outcome)> + Send + 'a>> {
    Box::pin(async move {
        let outcome = perform(tenant, &step.call).await;
        (step.id, outcome)
    })
}

fn steps(call: &Call, largest: usize) -> Result<Vec<Step>, Problem> {
    if call.body.len() > largest {
        return Err(Problem::new(
            413,
            "RequestEntityTooLarge",
            "The maximum request length supported is 4MB.",
        ));
    }
    if call.batch_of.is_some() {
        return Err(Problem::bad("BadRequest", "A batch cannot hold a batch."));
    }
    let body = call.json()?;
    let requests = body["requests"].as_array().filter(|requests| !requests.is_empty());
    let requests =
        requests.ok_or_else(|| Problem::bad("BadRequest", "The batch has no requests."))?;
    if requests.len() > LARGEST_BATCH {
        let text = "The number of batch request steps exceeds the maximum value of 20.";
        return Err(Problem::bad("BadRequest", text));
    }
    let steps: Vec<Step> =
        requests.iter().map(|request| step(call, request)).collect::<Result<_, _>>()?;
    for (index, step) in steps.iter().enumerate() {
        if steps[..index].iter().any(|other| other.id == step.id) {
            return Err(Problem::bad("BadRequest", "Request Id has to be unique in a batch."));
        }
        if step.depends_on.iter().any(|id| !steps.iter().any(|other| other.id == *id)) {
            return Err(Problem::bad("BadRequest", "A dependsOn member names no request."));
        }
    }
    Ok(steps)
}

fn step(outer: &Call, request: &Value) -> Result<Step, Problem> {
    let missing =
        |name: &str| Problem::bad("BadRequest", &format!("A batch request needs '{name}'."));
    let id = request["id"].as_str().filter(|id| !id.is_empty()).ok_or_else(|| missing("id"))?;
    let method = request["method"]
        .as_str()
        .and_then(|method| method.to_ascii_uppercase().parse::<Method>().ok());
    let url = request["url"].as_str().ok_or_else(|| missing("url"))?;
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut headers = HeaderMap::new();
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        if let (Ok(name), Some(Ok(value))) =
            (HeaderName::try_from(name), value.as_str().map(HeaderValue::try_from))
        {
            headers.append(name, value);
        }
    }
    let body = body(request, &headers)?;
    if let Some(token) = outer.headers.get("authorization") {
        headers.insert("authorization", token.clone());
    }
    let depends_on = request["dependsOn"].as_array().into_iter().flatten();
    Ok(Step {
        id: id.to_owned(),
        depends_on: depends_on.filter_map(|id| id.as_str().map(str::to_owned)).collect(),
        call: Call {
            method: method.ok_or_else(|| missing("method"))?,
            path: format!("/v1.0/{}", path.trim_start_matches('/')),
            query: Query::parse(query),
            headers,
            body,
            origin: outer.origin.clone(),
            request_id: new_request_id(),
            batch_of: Some(outer.request_id.clone()),
        },
    })
}

/// JSON as it is; a text body is a base64 string, which for MIME is the body itself.
fn body(request: &Value, headers: &HeaderMap) -> Result<Bytes, Problem> {
    match &request["body"] {
        Value::Null => Ok(Bytes::new()),
        _ if !headers.contains_key("content-type") => Err(Problem::bad(
            "BadRequest",
            "Content-Type header is required for a request with a body.",
        )),
        Value::String(text) => Ok(Bytes::from(text.clone())),
        other => Ok(Bytes::from(other.to_string())),
    }
}

fn entry(id: &str, reply: Reply) -> Value {
    let mut headers: Map<String, Value> =
        reply.headers.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    let mut entry = json!({"id": id, "status": reply.status});
    match reply.body {
        Content::Empty => {}
        Content::Json(body) => {
            headers.insert("Content-Type".into(), "application/json".into());
            entry["body"] = body;
        }
        Content::Raw(kind, bytes) => {
            headers.insert("Content-Type".into(), kind.into());
            entry["body"] = STANDARD.encode(bytes).into();
        }
    }
    entry["headers"] = headers.into();
    entry
}

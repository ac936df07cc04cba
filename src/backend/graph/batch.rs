//! `$batch`: up to 20 steps in one request, each with its own outcome (reference B.11).

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Graph;
use super::model::{BatchAnswer, InnerAnswer};
use crate::http::{Body, Failure, Method, Patience, Refusal, Repeat, Request, Target, retry_after};
use crate::mailbox::{Fault, Kind};

/// Steps in one batch.
pub(super) const LARGEST_BATCH: usize = 20;
/// What a batch of un-ordered steps counts for at most: the service runs four at a time.
const HEAVIEST: usize = 4;

/// A step's answer: the JSON body, `Null` where there is none.
pub(super) type StepResult = Result<Value, Failure>;

/// Reads a step's answer.
pub(super) fn read<T: DeserializeOwned>(result: StepResult) -> Result<T, Failure> {
    let value = result?;
    serde_json::from_value(value).map_err(|error| {
        Fault::defect(format_args!("a step's answer of unknown shape ({:?})", error.classify()))
            .into()
    })
}

impl Graph {
    /// Runs steps whose targets are paths, as few requests as possible. Each step is retried by its
    /// own rules: steps that were turned away alone are sent again alone.
    pub(super) async fn batch(&self, steps: &[Request], patience: Patience) -> Vec<StepResult> {
        let mut results = Vec::with_capacity(steps.len());
        for chunk in steps.chunks(LARGEST_BATCH) {
            results.extend(self.chunk(chunk, patience).await);
        }
        results
    }

    async fn chunk(&self, steps: &[Request], patience: Patience) -> Vec<StepResult> {
        let mut results: Vec<Option<StepResult>> = steps.iter().map(|_| None).collect();
        let mut open: Vec<usize> = (0..steps.len()).collect();
        let (mut tried, mut renewed) = (0, false);
        loop {
            let mut again = match open.as_slice() {
                [] => Vec::new(),
                [only] => {
                    results[*only] = Some(self.single(&steps[*only], patience).await);
                    Vec::new()
                }
                _ => self.round(steps, &open, &mut results, patience).await,
            };
            let refused = |index: &usize| matches!(&results[*index], Some(Err(Failure::Refused(refusal))) if refusal.status == 401);
            if open.len() > 1 && !renewed && open.iter().any(refused) {
                renewed = true;
                self.http.renew_token(patience).await;
                again.extend(open.iter().copied().filter(|index| refused(index)));
            }
            if again.is_empty() || !self.http.pause(tried, patience).await {
                break;
            }
            tried += 1;
            open = again;
        }
        let unanswered = || Err(Fault::defect("a step without an answer").into());
        results.into_iter().map(|result| result.unwrap_or_else(unanswered)).collect()
    }

    /// One step needs no batch.
    async fn single(&self, step: &Request, patience: Patience) -> StepResult {
        if step.expect == [204] {
            return self.http.done(step, patience).await.map(|()| Value::Null);
        }
        self.http.json(step, patience).await
    }

    /// Sends the open steps once; fills in results, and tells which steps may be sent again.
    async fn round(
        &self,
        steps: &[Request],
        open: &[usize],
        results: &mut [Option<StepResult>],
        patience: Patience,
    ) -> Vec<usize> {
        let request = outer(steps, open);
        let answer: BatchAnswer = match self.http.json(&request, patience).await {
            Ok(answer) => answer,
            Err(failure) => {
                let failure = of_a_step(failure);
                for &index in open {
                    results[index] = Some(Err(failure.clone()));
                }
                return Vec::new();
            }
        };
        let mut inner: HashMap<String, InnerAnswer> =
            answer.responses.into_iter().map(|answer| (answer.id.clone(), answer)).collect();
        let mut again = Vec::new();
        for &index in open {
            let step = &steps[index];
            let (result, retry) = match inner.remove(&index.to_string()) {
                Some(answer) => self.judge(step, answer),
                None => lost(step, None, "the batch's answer lacks this step"),
            };
            results[index] = Some(result);
            if retry {
                again.push(index);
            }
        }
        again
    }

    /// What one step came to, and whether it may be sent again.
    fn judge(&self, step: &Request, answer: InnerAnswer) -> (StepResult, bool) {
        if step.expect.contains(&answer.status) {
            return match step.expect {
                [204] | [202] => (Ok(Value::Null), false),
                _ if answer.body.is_object() => (Ok(answer.body), false),
                _ => lost(step, Some(answer.status), "an inner answer without a document"),
            };
        }
        if (200..300).contains(&answer.status) {
            return lost(step, Some(answer.status), "an inner status that is not a success here");
        }
        let refusal = Refusal {
            retry_after: self.inner_retry_after(&answer),
            ..Refusal::read(answer.status, answer.body.to_string().as_bytes())
        };
        match refusal.status {
            429 => {
                self.http.throttled(refusal.retry_after);
                (Err(Failure::Refused(refusal)), true)
            }
            408 | 500 | 502..=504 | 509 if step.repeat == Repeat::Safe => {
                (Err(Failure::Refused(refusal)), true)
            }
            408 | 500 | 502..=504 | 509 => {
                let (status, cause) = (Some(refusal.status), refusal.to_string());
                (Err(Failure::InDoubt { status, cause }), false)
            }
            _ => (Err(Failure::Refused(refusal)), false),
        }
    }

    fn inner_retry_after(&self, answer: &InnerAnswer) -> Option<Duration> {
        let (_, value) =
            answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("Retry-After"))?;
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        retry_after(&text, self.http.clock().now())
    }
}

/// What becomes of the steps when the batch around them is refused. "Not found" or "gone" said of
/// the batch says nothing about a message.
fn of_a_step(failure: Failure) -> Failure {
    match failure {
        Failure::Refused(refusal) if !matches!(refusal.status, 401 | 403 | 429 | 500..=506) => {
            Fault::defect(refusal).because("the batch was refused").into()
        }
        other => other,
    }
}

fn lost(step: &Request, status: Option<u16>, cause: &str) -> (StepResult, bool) {
    let cause = format!("{}: {cause}", step.route);
    match step.repeat {
        Repeat::Safe => (Err(Fault::from(Kind::Defect).because(cause).into()), true),
        Repeat::Once => (Err(Failure::InDoubt { status, cause }), false),
    }
}

fn outer(steps: &[Request], open: &[usize]) -> Request {
    let inner: Vec<Value> = open.iter().map(|&index| inner(index, &steps[index])).collect();
    let all_safe = open.iter().all(|&index| steps[index].repeat == Repeat::Safe);
    let weight = u8::try_from(open.len().min(HEAVIEST)).unwrap_or(1);
    let request = Request::post("/$batch", "/$batch")
        .json(&json!({ "requests": inner }))
        .expect(&[200])
        .repeat(if all_safe { Repeat::Safe } else { Repeat::Once });
    Request { weight, ..request }
}

fn inner(index: usize, step: &Request) -> Value {
    let prefer = match step.prefer {
        Some(prefer) => format!("IdType=\"ImmutableId\", {prefer}"),
        None => "IdType=\"ImmutableId\"".to_owned(),
    };
    let url = match &step.target {
        Target::Path(path) | Target::Link(path) | Target::Upload(path) => path,
    };
    let mut headers = json!({ "Prefer": prefer });
    if let Some(tag) = &step.if_match {
        headers["If-Match"] = json!(tag);
    }
    let mut request =
        json!({ "id": index.to_string(), "method": step.method.as_str(), "url": url });
    if let Body::Json(body) = &step.body {
        headers["Content-Type"] = json!("application/json");
        request["body"] = embedded(body);
    }
    if step.method == Method::POST && matches!(step.body, Body::None) {
        headers["Content-Length"] = json!("0");
    }
    request["headers"] = headers;
    request
}

fn embedded(body: &Bytes) -> Value {
    serde_json::from_slice(body).expect("a JSON body was made from a JSON value")
}

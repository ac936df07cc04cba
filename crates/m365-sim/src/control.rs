//! The control API under `/sim/`, for tests in other languages. JSON in, JSON out; see the README.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::call::{Call, Problem, Reply};
use crate::entra::EntraDeed;
use crate::fault::Rule;
use crate::outlook::{Deed, Person};
use crate::tenant::Tenant;

/// A walk through pages.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Browse {
    url: String,
    #[serde(default)]
    press: Vec<Press>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Press {
    /// Element id.
    button: String,
    /// Text by element id.
    #[serde(default)]
    fields: BTreeMap<String, String>,
}

pub(crate) async fn answer(tenant: &Tenant, call: &Call) -> Reply {
    let word = call.path.trim_start_matches("/sim/");
    let done = match (&call.method, word) {
        (&Method::POST, "deliver") => deliver(tenant, call),
        (&Method::POST, "seed") => seed(tenant, call),
        (&Method::POST, "outlook") => outlook(tenant, call),
        (&Method::POST, "grant") => grant(tenant, call),
        (&Method::POST, "clock") => clock(tenant, call),
        (&Method::GET, "clock") => Ok(json!({"now": tenant.clock().now()})),
        (&Method::GET, "items") => items(tenant, call),
        (&Method::GET, "folders") => person(tenant, call).map(|person| json!(person.folders())),
        (&Method::GET, "sent") => Ok(sent(tenant, call)),
        (&Method::GET, "journal") => Ok(json!(tenant.journal().entries())),
        (&Method::DELETE, "journal") => {
            tenant.journal().clear();
            Ok(json!({}))
        }
        (_, "faults") => faults(tenant, call),
        (_, "switches") => switches(tenant, call),
        (&Method::POST, "expire") => expire(tenant, call),
        (&Method::POST, "entra") => entra(tenant, call),
        (&Method::GET, "entra") => Ok(json!({
            "tenant_id": tenant.entra().tenant_id(),
            "approval_requests": tenant.entra().approval_requests(),
            "user_codes": tenant.entra().waiting_user_codes(),
        })),
        (&Method::POST, "browse") => browse(call).await,
        _ => Err(Problem::new(404, "UnknownControl", "See the README for what there is.")),
    };
    match done {
        Ok(body) => Reply::json(200, body),
        Err(problem) => problem.reply(call, ""),
    }
}

/// Raw MIME in; `?user=&folder=` say where.
fn deliver(tenant: &Tenant, call: &Call) -> Result<Value, Problem> {
    let place = person(tenant, call)?.folder(call.query.option("folder").unwrap_or("Inbox"));
    let id = match call.query.option("at").map(str::parse) {
        Some(Ok(at)) => place.deliver_at(call.body.clone(), at),
        Some(Err(_)) => return Err(bad("at is not a timestamp")),
        None => place.deliver(call.body.clone()),
    };
    Ok(json!({"id": id}))
}

/// `{"messages": 1000}`; `?user=&folder=` say where.
fn seed(tenant: &Tenant, call: &Call) -> Result<Value, Problem> {
    let messages = call.json()?["messages"].as_u64().and_then(|number| u32::try_from(number).ok());
    let place = person(tenant, call)?.folder(call.query.option("folder").unwrap_or("Inbox"));
    place.seed(messages.ok_or_else(|| bad("messages is not a number"))?);
    Ok(json!({}))
}

/// One deed, `{"verb": "relocate", "id": …, "to": …}`.
fn outlook(tenant: &Tenant, call: &Call) -> Result<Value, Problem> {
    let deed: Deed = parsed(&call.body)?;
    person(tenant, call)?.outlook().perform(deed).map_err(|refused| bad(&refused))?;
    Ok(json!({}))
}

fn grant(tenant: &Tenant, call: &Call) -> Result<Value, Problem> {
    let body = call.json()?;
    let text = |name: &str, default: &str| body[name].as_str().unwrap_or(default).to_owned();
    let user = text("user", "");
    if !tenant.users().contains(&user.to_lowercase()) {
        tenant.add_user(&user, &text("name", &user));
    }
    let scopes = text("scope", "Mail.ReadWrite Mail.Send User.Read offline_access");
    Ok(json!({"refresh_token": tenant.grant(&user, &text("client_id", "demo"), &scopes)}))
}

/// `{"advance_seconds": 90}`
fn clock(tenant: &Tenant, call: &Call) -> Result<Value, Problem> {
    let seconds = call.json()?["advance_seconds"].as_f64().filter(|seconds| *seconds >= 0.0);
    let seconds = seconds.ok_or_else(|| bad("advance_seconds is not a number"))?;
    tenant.clock().advance(Duration::try_from_secs_f64(seconds).map_err(|_| bad("too far"))?);
    Ok(json!({"now": tenant.clock().now()}))
}

fn items(tenant: &Tenant, call: &Call) -> Result<Value, Problem> {
    let folder = call.query.option("folder").unwrap_or("Inbox");
    let items = person(tenant, call)?.try_items(folder).map_err(|refused| bad(&refused))?;
    let shown = items.iter().map(|item| {
        let mut value = json!(item);
        value["mime"] = String::from_utf8_lossy(&item.mime).into_owned().into();
        value
    });
    Ok(shown.collect())
}

/// Every delivery, or those to `?to=`.
fn sent(tenant: &Tenant, call: &Call) -> Value {
    let to = call.query.option("to");
    let all = tenant.sent().into_iter();
    all.filter(|sent| to.is_none_or(|to| sent.to.eq_ignore_ascii_case(to)))
        .map(|sent| {
            json!({
                "at": sent.at, "from": sent.from, "to": sent.to, "internetMessageId": sent.message_id,
                "mime": String::from_utf8_lossy(&sent.mime),
            })
        })
        .collect()
}

fn faults(tenant: &Tenant, call: &Call) -> Result<Value, Problem> {
    match call.method {
        Method::POST => tenant.faults().push(parsed::<Rule>(&call.body)?),
        Method::DELETE => tenant.faults().clear(),
        _ => {}
    }
    Ok(json!(tenant.faults().rules()))
}

/// GET shows all; POST changes the members that are given.
fn switches(tenant: &Tenant, call: &Call) -> Result<Value, Problem> {
    let mut all = json!(tenant.switches());
    if call.method == Method::POST {
        merge(&mut all, call.json()?);
        let changed =
            serde_json::from_value(all.clone()).map_err(|error| bad(&error.to_string()))?;
        tenant.set_switches(|switches| *switches = changed);
    }
    Ok(all)
}

/// `{"what": "access_tokens" | "cursors" | "grants"}`; grants are of `?user=`.
fn expire(tenant: &Tenant, call: &Call) -> Result<Value, Problem> {
    match call.json()?["what"].as_str() {
        Some("access_tokens") => tenant.expire_access_tokens(),
        Some("cursors") => tenant.expire_cursors(),
        Some("grants") => tenant.revoke(person(tenant, call)?.address()),
        _ => return Err(bad("what is one of access_tokens, cursors, grants")),
    }
    Ok(json!({}))
}

/// One deed of the administrator's, `{"verb": "fail", "stage": "token", "code": 50173}`.
fn entra(tenant: &Tenant, call: &Call) -> Result<Value, Problem> {
    let deed: EntraDeed = parsed(&call.body)?;
    tenant.entra().perform(person(tenant, call)?.address(), deed);
    Ok(json!({}))
}

/// `{"url": …, "press": [{"button": id, "fields": {id: text}}]}`: what the browser shows at the end.
async fn browse(call: &Call) -> Result<Value, Problem> {
    let body: Browse = parsed(&call.body)?;
    let mut browser = Browser::open(&body.url).await;
    for press in &body.press {
        let fields = press.fields.iter().map(|(id, text)| (id.as_str(), text.as_str()));
        let fields: Vec<_> = fields.collect();
        browser.try_press(&press.button, &fields).await.map_err(|problem| bad(&problem))?;
    }
    Ok(json!({
        "url": browser.url(), "status": browser.status(), "text": browser.text(),
        "error_code": browser.error_code(), "scopes": browser.scopes(),
    }))
}

/// `?user=`, or the first person there is.
fn person(tenant: &Tenant, call: &Call) -> Result<Person, Problem> {
    let users = tenant.users();
    let wanted = call.query.option("user").map(str::to_lowercase);
    let found = users.iter().find(|user| wanted.as_ref().is_none_or(|wanted| wanted == *user));
    found.map(|user| tenant.person(user)).ok_or_else(|| bad("there is no such user"))
}

fn parsed<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| bad(&error.to_string()))
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn bad(text: &str) -> Problem {
    Problem::bad("BadControl", text)
}

//! The device code flow. (reference A.4)

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::call::{Call, Query, Reply};
use crate::tenant::State;

use super::aadsts::Refusal;
use super::desk::{Factors, Grant, random};
use super::flow::{self, Flow, Purpose};
use super::handle::Stage;
use super::page;
use super::request::{check_scopes, known_client};

/// What a person types: no vowels, so no words, and nothing that looks like something else.
const LETTERS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ23456789";
const CODE_LETTERS: usize = 9;
/// Slack for a poller whose timer runs a little early.
const EARLY: SignedDuration = SignedDuration::from_millis(500);

/// A device that waits for its person.
#[derive(Clone)]
pub(crate) struct Device {
    pub(super) user_code: String,
    alias: String,
    client: String,
    scopes: Vec<String>,
    issued: Timestamp,
    polled: Option<Timestamp>,
    answer: Answer,
}

#[derive(Clone)]
enum Answer {
    Pending,
    Declined,
    Approved(Box<Grant>),
}

/// `POST /{tenant}/oauth2/v2.0/devicecode`
pub(super) fn start(state: &mut State, call: &Call, alias: &str, now: Timestamp) -> Reply {
    let form = Query::parse(&String::from_utf8_lossy(&call.body));
    match issue(state, call, &form, alias, now) {
        Ok(body) => Reply::json(200, body).with("Cache-Control", "no-store"),
        Err(refusal) => refusal.reply(call, now),
    }
}

fn issue(
    state: &mut State,
    call: &Call,
    form: &Query,
    alias: &str,
    now: Timestamp,
) -> Result<Value, Refusal> {
    if let Some(number) = state.login.failure(Stage::Device) {
        return Err(Refusal::of(number));
    }
    let (client, _) = known_client(state, form, alias)?;
    let switches = &state.switches.entra;
    let scopes = check_scopes(form.option("scope").unwrap_or_default(), switches)?;
    let (life, interval) = (switches.device_code_seconds, switches.device_interval_seconds);
    let user_code = user_code();
    let device_code = format!("D{}", random(4));
    // Personal accounts have a page of their own. (reference A.4)
    let page = if alias == "consumers" { "link" } else { "devicelogin" };
    let verification = format!("{}/{page}", call.origin);
    let device = Device {
        user_code: user_code.clone(),
        alias: alias.to_owned(),
        client,
        scopes,
        issued: now,
        polled: None,
        answer: Answer::Pending,
    };
    state.login.devices.insert(device_code.clone(), device);
    Ok(json!({
        "user_code": user_code,
        "device_code": device_code,
        "verification_uri": verification,
        "expires_in": life,
        "interval": interval,
        "message": format!(
            "To sign in, use a web browser to open the page {verification} and enter the code {user_code} to authenticate."
        ),
    }))
}

fn user_code() -> String {
    let bytes = uuid::Uuid::new_v4();
    let letter = |byte: &u8| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]);
    bytes.as_bytes().iter().take(CODE_LETTERS).map(letter).collect()
}

/// A user code was typed on the page.
pub(super) fn entered(state: &mut State, call: &Call, typed: &str, now: Timestamp) -> Reply {
    let wanted: String = typed.chars().filter(char::is_ascii_alphanumeric).collect();
    let wanted = wanted.to_ascii_uppercase();
    let life = state.switches.entra.device_code_seconds;
    let found = state.login.devices.iter().find(|(_, device)| {
        device.user_code == wanted
            && matches!(device.answer, Answer::Pending)
            && !device.has_expired(life, now)
    });
    let Some((device_code, device)) = found else {
        return page::device_code(
            "That code didn't work. Check the code and try again. (AADSTS70018)",
        );
    };
    let purpose = Purpose::Device {
        device_code: device_code.clone(),
        alias: device.alias.clone(),
        client: device.client.clone(),
        scopes: device.scopes.clone(),
    };
    flow::begin(state, call, Flow { purpose, user: None, factors: Factors::One }, now)
}

pub(super) fn approved(state: &mut State, device_code: &str, grant: Grant) -> Reply {
    if let Some(device) = state.login.devices.get_mut(device_code) {
        device.answer = Answer::Approved(Box::new(grant));
    }
    page::notice(
        "You have signed in",
        "You have signed in to the application on your device. You may now close this window.",
    )
}

pub(super) fn declined(state: &mut State, device_code: &str) -> Reply {
    if let Some(device) = state.login.devices.get_mut(device_code) {
        device.answer = Answer::Declined;
    }
    page::notice("Sign-in cancelled", "You have declined. You may now close this window.")
}

/// A device asks whether its person has been there.
pub(super) fn poll(
    state: &mut State,
    code: &str,
    client: &str,
    alias: &str,
    now: Timestamp,
) -> Result<Grant, Refusal> {
    let switches = state.switches.entra.clone();
    let known = state.login.devices.get_mut(code);
    let device = known.filter(|device| device.client == client && device.alias == alias);
    let device = device.ok_or_else(|| Refusal::of(70018))?;
    if device.has_expired(switches.device_code_seconds, now) {
        return Err(Refusal::of(70020));
    }
    let interval = seconds(switches.device_interval_seconds);
    let too_soon = device.polled.is_some_and(|last| now.duration_since(last) + EARLY < interval);
    device.polled = Some(now);
    match device.answer.clone() {
        Answer::Pending if too_soon && switches.slow_down => {
            Err(Refusal::new(400, "slow_down", 70016, "The device polls too often."))
        }
        Answer::Pending => Err(Refusal::of(70016)),
        Answer::Declined => {
            let text = "The end user denied the authorization request.";
            Err(Refusal::new(400, "authorization_declined", 70017, text))
        }
        Answer::Approved(grant) => {
            state.login.devices.remove(code);
            Ok(Grant { signed_in: now, used: now, ..*grant })
        }
    }
}

impl Device {
    fn has_expired(&self, life: u64, now: Timestamp) -> bool {
        now.duration_since(self.issued) >= seconds(life)
    }

    pub(super) fn is_pending(&self) -> bool {
        matches!(self.answer, Answer::Pending)
    }
}

pub(super) fn seconds(count: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(count).unwrap_or(i64::MAX / 2))
}

//! The pages a browser shows: plain HTML, no scripts, an id on everything a test may want to press or read.

use bytes::Bytes;
use jiff::Timestamp;

use crate::call::{Call, Reply};
use crate::tenant::State;

use super::aadsts::{Refusal, correlation, stamp};
use super::directory::{Home, Role};
use super::flow::{Flow, Purpose};
use super::scope::title;

const STYLE: &str = "body{font:16px system-ui,sans-serif;max-width:28rem;margin:3rem auto;padding:0 1rem}\
button{display:block;margin:.5rem 0;padding:.5rem 1rem;font:inherit}li{margin:.4rem 0}small{color:#555}";

/// Choose an account, or type one.
pub(super) fn picker(state: &State, id: &str, flow: &Flow) -> Reply {
    let hint = match &flow.purpose {
        Purpose::Authorize(request) => request.login_hint.clone().unwrap_or_default(),
        _ => String::new(),
    };
    let hinted = match &flow.purpose {
        Purpose::Authorize(request) => request.domain_hint.as_deref(),
        _ => None,
    };
    let alias = match (flow.purpose.alias(), hinted) {
        ("common", Some(hinted)) => hinted,
        (alias, _) => alias,
    };
    let personal = alias == "consumers";
    let people = state.stores.iter().filter(|(user, _)| {
        let home = state.directory.account(user).home;
        alias == "common" || (home == Home::Personal) == personal
    });
    let accounts: String = people
        .map(|(user, store)| {
            let (user, name) = (escaped(user), escaped(&store.name));
            format!(
                "<li><button id=\"account-{user}\" name=\"account\" value=\"{user}\">{name} <small>{user}</small></button></li>"
            )
        })
        .collect();
    let other = format!(
        "<label>Another account <input id=\"login\" name=\"account\" value=\"{}\" autocomplete=\"username\"></label>\
         <button id=\"next\">Next</button>",
        escaped(&hint)
    );
    let body = format!(
        "<p>to continue to <b id=\"application\">{}</b></p>{}{}",
        application(state, flow),
        form(id, "pick", &format!("<ul>{accounts}</ul>")),
        form(id, "pick", &other)
    );
    shown(200, "Pick an account", &body)
}

pub(super) fn second_factor(id: &str, user: &str) -> Reply {
    let approve = form(id, "mfa", "<button id=\"approve\">I have approved it</button>");
    let body = format!(
        "<p id=\"user\">{}</p><p>Approve the sign-in request on your phone.</p>{approve}{}",
        escaped(user),
        form(id, "cancel", "<button id=\"cancel\">Cancel</button>")
    );
    shown(200, "Approve sign-in request", &body)
}

pub(super) fn consent(
    state: &State,
    id: &str,
    flow: &Flow,
    user: &str,
    missing: &[String],
) -> Reply {
    let account = state.directory.account(user);
    let administrator = account.role == Role::Administrator && account.home == Home::Organisation;
    let checkbox = if administrator {
        "<label><input type=\"checkbox\" id=\"consent-for-organisation\" name=\"organisation\" value=\"on\"> \
         Consent on behalf of your organization</label>"
    } else {
        ""
    };
    permissions(id, &application(state, flow), user, missing, checkbox)
}

/// The page of the admin consent endpoint: always for the whole organisation.
pub(super) fn admin_consent(id: &str, application: &str, user: &str, scopes: &[String]) -> Reply {
    let text = "<p>If you accept, this app will get access to the specified resources for all users in your organization.</p>";
    permissions(id, &escaped(application), user, scopes, text)
}

fn permissions(id: &str, application: &str, user: &str, scopes: &[String], extra: &str) -> Reply {
    let accept = format!("{extra}<button id=\"accept\">Accept</button>");
    let body = format!(
        "<p id=\"user\">{}</p><p><b id=\"application\">{application}</b> would like to:</p>{}{}{}",
        escaped(user),
        list(scopes),
        form(id, "accept", &accept),
        form(id, "cancel", "<button id=\"cancel\">Cancel</button>")
    );
    shown(200, "Permissions requested", &body)
}

/// A user may not grant this. The application is not told.
pub(super) fn needs_admin(
    id: &str,
    user: &str,
    scopes: &[String],
    description: &str,
    number: u32,
) -> Reply {
    let ask = if number == 90095 {
        form(
            id,
            "request",
            "<label>Why do you need this app? <input id=\"justification\" name=\"justification\"></label>\
             <button id=\"request-approval\">Request approval</button>",
        )
    } else {
        String::new()
    };
    let switch = form(
        id,
        "switch",
        "<button id=\"sign-in-as-admin\">Have an admin account? Sign in with that account</button>",
    );
    let title = if number == 90095 { "Approval required" } else { "Need admin approval" };
    let body = format!(
        "<p id=\"user\">{}</p><p>This app needs permission to access resources in your organization that only an \
         admin can grant.</p>{}{ask}{switch}<p id=\"error\"><small>{}</small></p>",
        escaped(user),
        list(scopes),
        escaped(description)
    );
    shown(200, title, &body)
}

/// The page of everything that the application is never told.
pub(super) fn error(refusal: &Refusal, call: &Call, now: Timestamp) -> Reply {
    let body = format!(
        "<p>Sorry, but we're having trouble signing you in.</p><p id=\"error\">AADSTS{}: {}</p><dl>\
         <dt>Request Id</dt><dd>{}</dd><dt>Correlation Id</dt><dd id=\"correlation\">{}</dd>\
         <dt>Timestamp</dt><dd>{}</dd></dl>",
        refusal.aadsts,
        escaped(&refusal.text),
        call.request_id,
        escaped(correlation(call)),
        stamp(now)
    );
    shown(200, "Sign in", &body)
}

/// Where a device's user code is typed. `word` says what was wrong with the last one.
pub(super) fn device_code(word: &str) -> Reply {
    let body = format!(
        "<p>Enter the code displayed on your app or device.</p><p id=\"error\">{word}</p>\
         <form method=\"post\" action=\"/common/signin\"><input type=\"hidden\" name=\"action\" value=\"device\">\
         <input id=\"user-code\" name=\"user_code\" autocomplete=\"off\"><button id=\"next\">Next</button></form>"
    );
    shown(200, "Enter code", &body)
}

/// Good news, or bad, without a button.
pub(super) fn notice(title: &str, text: &str) -> Reply {
    shown(200, title, &format!("<p id=\"notice\">{}</p>", escaped(text)))
}

/// `response_mode=form_post` without a script: the person presses the button.
pub(super) fn form_post(target: &str, parameters: &[(&str, &str)]) -> Reply {
    let hidden: String = parameters.iter().map(|(name, value)| hidden(name, value)).collect();
    let body = format!(
        "<form id=\"form-post\" method=\"post\" action=\"{}\">{hidden}<button id=\"continue\">Continue</button></form>",
        escaped(target)
    );
    shown(200, "Working...", &body)
}

fn form(id: &str, action: &str, content: &str) -> String {
    format!(
        "<form method=\"post\" action=\"/common/signin\">{}{}{content}</form>",
        hidden("flow", id),
        hidden("action", action)
    )
}

fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escaped(name), escaped(value))
}

fn list(scopes: &[String]) -> String {
    let lines = scopes.iter().map(|scope| {
        let scope_text = escaped(scope);
        format!("<li data-scope=\"{scope_text}\">{} <small>{scope_text}</small></li>", title(scope))
    });
    format!("<ul id=\"scopes\">{}</ul>", lines.collect::<String>())
}

fn application(state: &State, flow: &Flow) -> String {
    let found = state.directory.registration(flow.purpose.client(), &state.switches.entra);
    escaped(&found.unwrap_or_default().name)
}

fn shown(status: u16, title: &str, body: &str) -> Reply {
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><h1 id=\"title\">{title}</h1>{body}</body></html>"
    );
    Reply { status, ..Reply::raw("text/html; charset=utf-8", Bytes::from(html)) }
        .with("Cache-Control", "no-store")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

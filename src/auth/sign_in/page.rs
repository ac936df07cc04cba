//! What the browser shows when its part is over.

use super::SignInError;

pub(super) fn success(address: &str) -> String {
    let text = format!("{} is connected. You can close this window.", escaped(address));
    page("Signed in", &text)
}

pub(super) fn failure(error: &SignInError) -> String {
    page("Not signed in", &escaped(&error.to_string()))
}

pub(in crate::auth) fn consented(tenant: &str) -> String {
    let text = format!(
        "An administrator has consented for the organisation {}. People can sign in now; it may take \
         some minutes until Microsoft lets them. You can close this window.",
        escaped(tenant)
    );
    page("Consent recorded", &text)
}

pub(in crate::auth) fn not_consented(text: &str) -> String {
    page("No consent", &escaped(text))
}

/// An answer to something else.
pub(super) fn foreign() -> String {
    page(
        "Not this one",
        "This answer belongs to another page: start again, and use the newest page.",
    )
}

pub(super) fn stray() -> String {
    page("Nothing here", "This address only takes the end of a sign-in or of a consent.")
}

fn page(title: &str, text: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <style>body{{font:18px sans-serif;margin:4em auto;max-width:36em}}</style>\
         <h1 id=\"outcome\">{title}</h1><p id=\"explanation\">{text}</p></html>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

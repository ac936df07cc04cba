//! What the browser shows when its part is over: no scripts, nothing from elsewhere.

/// A whole page. Its status is part of it: an error is one for programs, too.
#[derive(Debug)]
pub struct Page {
    status: u16,
    html: String,
}

/// How it looks at a glance; the words say the same to those who do not see it.
enum Mark {
    Good,
    Bad,
}

const STYLE: &str = "\
:root{color-scheme:light dark;--paper:#f4f5f7;--card:#fff;--ink:#1b1f24;--good:#17703a;--bad:#b3261e}\
@media(prefers-color-scheme:dark){\
:root{--paper:#14171a;--card:#1f2428;--ink:#e8eaed;--good:#5bd087;--bad:#ff8a80}}\
body{margin:0;padding:12vh 1rem 2rem;background:var(--paper);color:var(--ink);\
font:1.125rem/1.6 system-ui,sans-serif}\
main{max-width:34rem;margin:0 auto;padding:2rem 2.25rem;background:var(--card);border-radius:.75rem;\
border-top:.35rem solid;box-shadow:0 .15rem .9rem rgb(0 0 0/.12);overflow-wrap:anywhere}\
.good{border-color:var(--good)}.bad{border-color:var(--bad)}\
.good h1::before{color:var(--good);content:\"\u{2713} \";content:\"\u{2713} \"/\"\"}\
.bad h1::before{color:var(--bad);content:\"\u{2717} \";content:\"\u{2717} \"/\"\"}\
h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.3}p{margin:0 0 .5rem;white-space:pre-line}";

impl Page {
    /// `missing` are the permissions that Microsoft did not grant.
    pub fn success(address: &str, missing: &[&str]) -> Self {
        let mut text = format!("{address} is connected. You can close this window.");
        if !missing.is_empty() {
            let missing = missing.join(" and ");
            text +=
                &format!(" Not granted: {missing}; the command that began this says what to do.");
        }
        Self { status: 200, html: html(&Mark::Good, "Signed in", &text) }
    }

    /// `text` names the error and its cure.
    pub fn failure(text: &str) -> Self {
        Self { status: 400, html: html(&Mark::Bad, "Not signed in", text) }
    }

    pub fn consented(tenant: &str) -> Self {
        let text = format!(
            "An administrator has consented for the organisation {tenant}. People can sign in now; \
             it may take some minutes until Microsoft lets them. You can close this window."
        );
        Self { status: 200, html: html(&Mark::Good, "Consent recorded", &text) }
    }

    /// `text` names the error and its cure.
    pub fn not_consented(text: &str) -> Self {
        Self { status: 400, html: html(&Mark::Bad, "No consent", text) }
    }

    /// An answer to something else.
    pub(super) fn foreign() -> Self {
        let text = "This answer belongs to another page: start again, and use the newest page.";
        Self { status: 400, html: html(&Mark::Bad, "Not this one", text) }
    }

    pub(super) fn stray() -> Self {
        let text = "This address only takes the end of a sign-in or of a consent.";
        Self { status: 404, html: html(&Mark::Bad, "Nothing here", text) }
    }

    pub(super) fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn html(&self) -> &str {
        &self.html
    }
}

fn html(mark: &Mark, title: &str, text: &str) -> String {
    let class = match mark {
        Mark::Good => "good",
        Mark::Bad => "bad",
    };
    let text = escaped(text);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} - Footbridge</title>\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><link rel=\"icon\" href=\"data:,\">\
         <style>{STYLE}</style></head><body><main class=\"{class}\">\
         <h1 id=\"outcome\">{title}</h1>\
         <p id=\"explanation\">{text}</p></main></body></html>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

//! A browser without a screen: loads pages, presses their buttons, follows redirects, keeps cookies.
//!
//! It sees what a person would see, over HTTP, and goes wherever a page sends it, to a loopback listener too.

mod http;
mod page;

use std::collections::HashMap;

use http::{Answer, Url};
use page::{Field, Form};

/// As many hops as browsers follow.
const REDIRECTS: usize = 20;

pub struct Browser {
    /// Cookies by host and port.
    cookies: HashMap<String, String>,
    url: String,
    status: Option<u16>,
    html: String,
}

impl Browser {
    /// A browser with no cookies, on this page.
    pub async fn open(url: &str) -> Self {
        let mut browser =
            Self { cookies: HashMap::new(), url: String::new(), status: None, html: String::new() };
        browser.visit(url).await;
        browser
    }

    /// Types an address; cookies stay.
    pub async fn visit(&mut self, url: &str) {
        self.load(url.to_owned(), None).await;
    }

    /// What the address bar shows, with code and state after a sign-in.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// None if nobody answered at that address.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// What a person reads.
    pub fn text(&self) -> String {
        page::text(&self.html)
    }

    pub fn html(&self) -> &str {
        &self.html
    }

    /// The first AADSTS number on the page or in its address.
    pub fn error_code(&self) -> Option<u32> {
        let text = format!("{} {}", self.text(), self.url);
        let (_, after) = text.split_once("AADSTS")?;
        after.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
    }

    /// A decoded parameter of the address, in its query or fragment.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.url.split_once(['?', '#'])?;
        crate::call::Query::parse(query).option(name).map(str::to_owned)
    }

    /// Whether the page has an element with this id.
    pub fn has(&self, id: &str) -> bool {
        page::has_id(&self.html, id)
    }

    /// Scopes on a page that asks for consent.
    pub fn scopes(&self) -> Vec<String> {
        page::attributes(&self.html, "data-scope")
    }

    /// Chooses an account; one that is not offered is typed.
    ///
    /// # Panics
    /// If the page does not ask for an account. The other buttons panic likewise, with what the page says.
    pub async fn pick(&mut self, account: &str) {
        let button = format!("account-{}", account.to_lowercase());
        if self.has(&button) {
            return self.press(&button, &[]).await;
        }
        self.press("next", &[("login", account)]).await;
    }

    /// The second factor was given.
    pub async fn approve(&mut self) {
        self.press("approve", &[]).await;
    }

    pub async fn accept(&mut self) {
        self.press("accept", &[]).await;
    }

    /// With "Consent on behalf of your organization".
    pub async fn accept_for_organisation(&mut self) {
        self.press("accept", &[("consent-for-organisation", "on")]).await;
    }

    pub async fn cancel(&mut self) {
        self.press("cancel", &[]).await;
    }

    pub async fn enter_code(&mut self, user_code: &str) {
        self.press("next", &[("user-code", user_code)]).await;
    }

    pub async fn request_approval(&mut self, justification: &str) {
        self.press("request-approval", &[("justification", justification)]).await;
    }

    /// Fills the fields with these ids and presses the button with that id.
    ///
    /// # Panics
    /// If the page has no such button or field.
    pub async fn press(&mut self, button: &str, fields: &[(&str, &str)]) {
        let pressed = self.try_press(button, fields).await;
        pressed.unwrap_or_else(|problem| panic!("{problem}"));
    }

    pub(crate) async fn try_press(
        &mut self,
        button: &str,
        fields: &[(&str, &str)],
    ) -> Result<(), String> {
        let forms = page::forms(&self.html);
        let missing = |what: &str| format!("no {what} on {}: {}", self.url, self.text());
        let form = forms.iter().find(|form| form.has_button(button));
        let form = form.ok_or_else(|| missing(button))?;
        if let Some((id, _)) = fields.iter().find(|(id, _)| !form.has_field(id)) {
            return Err(missing(id));
        }
        let body = form.filled(button, fields);
        let target = Url::parse(&self.url).and_then(|here| here.join(&form.action));
        let target = target.ok_or_else(|| missing("place to go"))?;
        self.load(target, Some(body)).await;
        Ok(())
    }

    /// GET, or POST with a body; then wherever that leads.
    async fn load(&mut self, url: String, body: Option<String>) {
        let (mut url, mut body) = (url, body);
        for _ in 0..REDIRECTS {
            let Some(answer) = self.request(&url, body.take()).await else {
                (self.url, self.status, self.html) = (url, None, String::new());
                return;
            };
            let next = answer.header("location").filter(|_| (300..400).contains(&answer.status));
            let next = next.and_then(|to| Url::parse(&url).and_then(|here| here.join(to)));
            if let Some(next) = next {
                url = next;
                continue;
            }
            (self.url, self.status) = (url, Some(answer.status));
            self.html = answer.body;
            return;
        }
        panic!("more than {REDIRECTS} redirects, the last to {url}");
    }

    async fn request(&mut self, url: &str, body: Option<String>) -> Option<Answer> {
        let parsed = Url::parse(url)?;
        let cookie = self.cookies.get(&parsed.authority).cloned();
        let answer = http::request(&parsed, body, cookie.as_deref()).await.ok()?;
        if let Some(set) = answer.header("set-cookie") {
            let pair = set.split(';').next().unwrap_or(set).to_owned();
            self.cookies.insert(parsed.authority, pair);
        }
        Some(answer)
    }
}

impl Form {
    fn has_button(&self, id: &str) -> bool {
        self.fields.iter().any(|field| field.is_button && field.id == id)
    }

    fn has_field(&self, id: &str) -> bool {
        self.fields.iter().any(|field| !field.is_button && field.id == id)
    }

    /// The form's body, as after typing into these fields and pressing that button.
    fn filled(&self, button: &str, typed: &[(&str, &str)]) -> String {
        let value = |field: &Field| {
            let text = typed.iter().find(|(id, _)| *id == field.id).map(|(_, text)| *text);
            let left_out = (field.is_button && field.id != button)
                || (field.is_checkbox && text.is_none())
                || field.name.is_empty();
            (!left_out).then(|| text.unwrap_or(&field.value).to_owned())
        };
        let encode = crate::call::percent_encode;
        let pairs = self.fields.iter().filter_map(|field| {
            value(field).map(|text| format!("{}={}", encode(&field.name), encode(&text)))
        });
        pairs.collect::<Vec<_>>().join("&")
    }
}

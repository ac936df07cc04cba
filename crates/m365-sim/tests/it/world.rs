//! A tenant on a port of its own and a client that is signed in.

use m365_sim::{Clock, Person, Running, Switches, Tenant};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use tokio::net::TcpListener;

pub(crate) const ADA: &str = "ada@contoso.example";
pub(crate) const SCOPES: &str = "Mail.ReadWrite Mail.Send User.Read offline_access";

pub(crate) struct World {
    pub(crate) tenant: Tenant,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) refresh: String,
    client: Client,
    _running: Running,
}

/// One answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Switches::default()).await
    }

    pub(crate) async fn with(switches: Switches) -> Self {
        // The second test of a process finds the provider installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let start = "2026-11-23T09:00:00Z".parse().unwrap();
        let builder = Tenant::builder().user(ADA).user("ben@contoso.example");
        let tenant = builder.clock(Clock::manual(start)).switches(switches).build();
        let running = tenant.serve(TcpListener::bind("127.0.0.1:0").await.unwrap()).await;
        let refresh = tenant.grant(ADA, "client", SCOPES);
        let client = Client::builder().no_proxy().build().unwrap();
        let mut world = Self {
            tenant,
            url: running.url(),
            token: String::new(),
            refresh,
            client,
            _running: running,
        };
        world.token = world.fresh_token().await;
        world.tenant.journal().clear();
        world
    }

    pub(crate) async fn fresh_token(&self) -> String {
        let answer =
            self.redeem(&[("client_id", "client"), ("refresh_token", &self.refresh)]).await;
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// A refresh request with these fields.
    pub(crate) async fn redeem(&self, fields: &[(&str, &str)]) -> Answer {
        let mut form = vec![("grant_type", "refresh_token")];
        form.extend_from_slice(fields);
        self.token("common", &form).await
    }

    /// A token request with these fields at the endpoint of this tenant alias.
    pub(crate) async fn token(&self, alias: &str, form: &[(&str, &str)]) -> Answer {
        self.sign_in_post(alias, "token", form).await
    }

    /// A form for an endpoint of the sign-in host.
    pub(crate) async fn sign_in_post(
        &self,
        alias: &str,
        endpoint: &str,
        form: &[(&str, &str)],
    ) -> Answer {
        let url = format!("{}/{alias}/oauth2/v2.0/{endpoint}", self.url);
        Answer::of(self.client.post(url).form(form).send().await.unwrap()).await
    }

    pub(crate) fn ada(&self) -> Person {
        self.tenant.person(ADA)
    }

    /// A request below `/v1.0`, or to a link.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}/v1.0{path}", self.url)
        };
        self.client.request(method, url).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// With `Prefer: IdType="ImmutableId"`.
    pub(crate) async fn get_immutable(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).header("Prefer", "IdType=\"ImmutableId\"")).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post_mime(&self, path: &str, mime: &[u8]) -> Answer {
        use base64::Engine;
        let body = base64::engine::general_purpose::STANDARD.encode(mime);
        self.send(self.request(Method::POST, path).header("Content-Type", "text/plain").body(body))
            .await
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::of(request.send().await.unwrap()).await
    }
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, bytes: response.bytes().await.unwrap().to_vec() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn rows(&self) -> Vec<Value> {
        self.json()["value"].as_array().unwrap().clone()
    }

    pub(crate) fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

pub(crate) fn mail(subject: &str) -> Vec<u8> {
    format!(
        "From: Bob <bob@elsewhere.example>\r\nTo: Ada <ada@contoso.example>\r\nSubject: {subject}\r\n\
         Message-ID: <{subject}@elsewhere.example>\r\n\r\nThis is {subject}.\r\n"
    )
    .into_bytes()
}

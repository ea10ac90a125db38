//! Talking to a node that may be gone at any moment: a lost answer is no answer, and the same request is sent again.

use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::server::SECRET;

/// How long a node may be gone, or answer 5xx.
const PATIENCE: Duration = Duration::from_secs(120);

/// A node, as a backend and as the app's clients see it.
pub(crate) struct Api {
    http: Client,
    url: String,
    bearer: Mutex<String>,
}

/// What a login gave its client.
pub(crate) struct Login {
    pub(crate) sid: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// An answer that came whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn text(&self, pointer: &str) -> String {
        let found = self.body.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no {pointer} in {} {}", self.status, self.body)).to_owned()
    }
}

impl Api {
    pub(crate) fn new(url: &str) -> Self {
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        Self { http, url: url.to_owned(), bearer: Mutex::new("none-yet".to_owned()) }
    }

    /// A whole answer, or none: the connection broke, and nobody knows what was done.
    pub(crate) async fn once(&self, request: RequestBuilder) -> Option<Answer> {
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).ok()? };
        Some(Answer { status, body })
    }

    /// Sends a request until it is answered; how often the answer was lost, and 5xx that came.
    pub(crate) async fn until_answered(&self, make: impl Fn() -> RequestBuilder) -> (Answer, Lost) {
        let (began, mut lost) = (Instant::now(), Lost::default());
        loop {
            match self.once(make()).await {
                Some(answer) if answer.status < 500 => return (answer, lost),
                Some(_) => lost.refused += 1,
                None => lost.answers += 1,
            }
            assert!(began.elapsed() < PATIENCE, "no good answer for {PATIENCE:?}: {lost:?}");
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }

    /// A request of the backend's: its bearer is got anew when it is refused.
    pub(crate) async fn managed(&self, make: impl Fn(&Client, &str) -> RequestBuilder) -> (Answer, Lost) {
        let mut lost = Lost::default();
        loop {
            let bearer = self.bearer.lock().await.clone();
            let (answer, more) = self.until_answered(|| make(&self.http, &self.url).bearer_auth(&bearer)).await;
            lost.answers += more.answers;
            lost.refused += more.refused;
            if answer.status != 401 {
                return (answer, lost);
            }
            let form = [("grant_type", "client_credentials")];
            let (token, _) = self
                .until_answered(|| self.http.post(format!("{}/oauth/token", self.url)).basic_auth("ops", Some(SECRET)).form(&form))
                .await;
            *self.bearer.lock().await = token.text("/access_token");
        }
    }

    pub(crate) async fn open(&self, subject: &str) -> (Answer, Lost) {
        let body = json!({ "subject": subject, "client_id": "app", "claims": { "role": "reader" } });
        self.managed(|http, url| http.post(format!("{url}/v1/sessions")).header("Idempotency-Key", subject).json(&body)).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> (Answer, Lost) {
        let form = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", token)];
        self.until_answered(|| self.http.post(format!("{}/oauth/token", self.url)).form(&form)).await
    }

    pub(crate) async fn give_back(&self, token: &str) -> (Answer, Lost) {
        let form = [("client_id", "app"), ("token", token)];
        self.until_answered(|| self.http.post(format!("{}/oauth/revoke", self.url)).form(&form)).await
    }

    pub(crate) async fn revoke(&self, body: &Value) -> (Answer, Lost) {
        self.managed(|http, url| http.post(format!("{url}/v1/revocations")).json(body)).await
    }

    pub(crate) async fn patch(&self, sid: &str, body: &Value) -> (Answer, Lost) {
        self.managed(|http, url| http.patch(format!("{url}/v1/sessions/{sid}")).json(body)).await
    }

    pub(crate) async fn end(&self, sid: &str) -> (Answer, Lost) {
        self.managed(|http, url| http.delete(format!("{url}/v1/sessions/{sid}"))).await
    }

    /// A login of a subject, at once.
    pub(crate) async fn login(&self, subject: &str, client: &str) -> Login {
        let body = json!({ "subject": subject, "client_id": client });
        let answer = self.call("POST", "/v1/sessions", Some(&body)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        Login { sid: answer.text("/session/sid"), access: answer.text("/access_token"), refresh: answer.text("/refresh_token") }
    }

    /// The ids of the keys that verifiers are told of.
    pub(crate) async fn published(&self) -> Vec<String> {
        let jwks = self.until_answered(|| self.http.get(format!("{}/.well-known/jwks.json", self.url))).await.0;
        jwks.body["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    /// A call of the management API, answered.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let make = |http: &Client, url: &str| {
            let request = http.request(method.parse().unwrap(), format!("{url}{path}"));
            if let Some(body) = body { request.json(body) } else { request }
        };
        self.managed(make).await.0
    }

    /// A token by client credentials; the answer whatever it is.
    pub(crate) async fn token_of(&self, client: &str, secret: &str) -> Answer {
        let form = [("grant_type", "client_credentials")];
        let make = || self.http.post(format!("{}/oauth/token", self.url)).basic_auth(client, Some(secret)).form(&form);
        self.until_answered(make).await.0
    }

    pub(crate) async fn session(&self, sid: &str) -> Answer {
        self.managed(|http, url| http.get(format!("{url}/v1/sessions/{sid}"))).await.0
    }

    pub(crate) async fn sessions_of(&self, subject: &str) -> usize {
        let (answer, _) = self.managed(|http, url| http.get(format!("{url}/v1/sessions?subject={subject}"))).await;
        answer.body["items"].as_array().map_or(0, Vec::len)
    }

    /// Whether a token of either kind is good, as the node's own view and store see it.
    pub(crate) async fn is_active(&self, token: &str) -> bool {
        let form = [("token", token)];
        let (answer, _) = self.managed(|http, url| http.post(format!("{url}/oauth/introspect")).form(&form)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["active"] == json!(true)
    }
}

/// What an honest client did not hear.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Lost {
    /// Connections that broke before an answer.
    pub(crate) answers: u64,
    /// Answers of 5xx.
    pub(crate) refused: u64,
}

//! A node for one test, with its own clock, store and port, and the hands of its clients.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use mintage::ambient::{Clock, Entropy, ManualClock, SystemEntropy};
use mintage::config::{self, Flags, Settings};
use mintage::server::{Node, Surroundings};
use mintage::store::Embedded;
use mintage::tasks::Ticker;
use mintage::time::Moment;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::everything::{Sent, everything};
use crate::storage::Storage;

/// The secret that every test node's administrator has.
pub(crate) const ADMIN_SECRET: &str = "mcs_kT3vQ9xZ7mB2rL8wJ5nC1hF6yD4sG0pA";

/// The issuer of every test node, whatever port it got.
pub(crate) const ISSUER: &str = "http://127.0.0.1:8080";

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    /// A member of the body that is text.
    pub(crate) fn text(&self, pointer: &str) -> String {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {pointer} in {}", self.text)).to_owned()
    }

    /// Fails with the whole answer unless the status is this one.
    #[track_caller]
    pub(crate) fn must_be(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{:?} {}", self.headers, self.text);
        self
    }

    /// Fails unless this is the OAuth error of that name (RFC 6749 §5.2).
    #[track_caller]
    pub(crate) fn must_be_error(self, error: &str) -> Self {
        assert_eq!(self.body["error"], error, "{}", self.text);
        self
    }
}

pub(crate) struct TestApp {
    node: Option<Node>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) url: String,
    folder: TempDir,
    settings: BTreeMap<String, String>,
    file: String,
    http: reqwest::Client,
    disk: Option<Storage>,
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Some(everything) = everything() {
            everything.keep_files("audit", &self.folder.path().join("data/audit"));
        }
    }
}

impl TestApp {
    /// A node with the defaults of a first run.
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    /// A node with this configuration file.
    pub(crate) async fn with(file: &str) -> Self {
        Self::with_files(file, &[]).await
    }

    /// A node with this configuration file, and others beside it.
    pub(crate) async fn with_files(file: &str, others: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, content) in others {
            let path = folder.path().join(name);
            std::fs::write(&path, content).expect("a file is written");
            std::fs::set_permissions(path, Permissions::from_mode(0o600)).expect("for its owner only");
            if let Some(everything) = everything().filter(|_| name.ends_with(".secret")) {
                everything.learn("a secret file", Some(content.trim_end()));
            }
        }
        let path = |name: &str| folder.path().join(name).display().to_string();
        let settings = [
            ("MINTAGE_LISTEN", "127.0.0.1:0".to_owned()),
            ("MINTAGE_ISSUER", ISSUER.to_owned()),
            ("MINTAGE_DATA", path("data")),
            ("MINTAGE_KEYS", path("keys")),
            ("MINTAGE_ADMIN_SECRET", ADMIN_SECRET.to_owned()),
        ];
        let is_set = |name: &str| name == "MINTAGE_ISSUER" && file.contains("issuer =");
        let mut app = Self {
            node: None,
            clock: Arc::new(ManualClock::at(Moment::from_seconds(1_800_000_000))),
            url: String::new(),
            folder,
            settings: settings.into_iter().filter(|(name, _)| !is_set(name)).map(|(name, value)| (name.to_owned(), value)).collect(),
            file: file.to_owned(),
            http: reqwest::Client::builder().pool_max_idle_per_host(256).no_proxy().build().expect("a client"),
            disk: None,
        };
        app.begin().await;
        app
    }

    /// A node with this configuration file, on a disk that can fail.
    pub(crate) async fn on_disk(file: &str, disk: &Storage) -> Self {
        let mut app = Self::with(file).await;
        app.stop().await;
        for folder in ["data", "keys"] {
            std::fs::remove_dir_all(app.folder().join(folder)).expect("what the first start made");
        }
        app.disk = Some(disk.clone());
        app.begin().await;
        app
    }

    async fn begin(&mut self) {
        self.try_begin().await.unwrap_or_else(|fault| panic!("{fault}"));
    }

    /// Starts the node; the fault as an operator reads it.
    pub(crate) async fn try_begin(&mut self) -> Result<(), String> {
        let node = self.try_second().await?;
        self.url = node.url();
        self.node = Some(node);
        if let Some(everything) = everything() {
            everything.learn_keys(self.folder.path());
        }
        Ok(())
    }

    /// Starts a node on the same folders, whether or not one runs.
    pub(crate) async fn try_second(&self) -> Result<Node, String> {
        let surroundings = Surroundings { clock: self.clock.clone(), entropy: Arc::new(SystemEntropy) as Arc<dyn Entropy> };
        let started = match self.disk.clone() {
            None => Node::start(self.settings(), surroundings).await,
            Some(disk) => {
                let open = |around: &Surroundings, settings| Embedded::with_backend(disk, around.clock.clone(), &*around.entropy, settings);
                Node::start_on(self.settings(), surroundings, open).await
            }
        };
        started.map_err(|fault| fault.to_string())
    }

    fn settings(&self) -> Settings {
        let file = (!self.file.is_empty()).then(|| {
            let path = self.folder.path().join("mintage.toml");
            std::fs::write(&path, self.file.replace("{dir}", &self.folder.path().display().to_string())).expect("the file is written");
            path
        });
        let flags = Flags { config: file, ..Flags::default() };
        config::load(&flags, self.settings.clone()).unwrap_or_else(|faults| panic!("{faults:?}")).settings
    }

    /// Stops the node in order and starts it again on the same folders; the port may be another.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.begin().await;
    }

    /// The next start reads this configuration file.
    pub(crate) fn configure(&mut self, file: &str) {
        file.clone_into(&mut self.file);
    }

    /// Stops the node in order.
    pub(crate) async fn stop(&mut self) {
        if let Some(node) = self.node.take() {
            node.stop().await;
        }
    }

    pub(crate) fn ops_address(&self) -> SocketAddr {
        self.node.as_ref().and_then(Node::ops_address).expect("a door for operators")
    }

    /// Lets time pass, heartbeat by heartbeat, as it would.
    pub(crate) async fn pass(&self, time: Duration) {
        let jobs = self.node.as_ref().expect("the node runs").jobs();
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(Duration::from_secs(2));
            self.clock.advance(step);
            left -= step;
            jobs.beat().await;
        }
    }

    /// One heartbeat, at this moment.
    pub(crate) async fn beat(&self) {
        self.jobs().beat().await;
    }

    /// The jobs of the node, to be run by hand.
    pub(crate) fn jobs(&self) -> Ticker {
        self.node.as_ref().expect("the node runs").jobs()
    }

    /// Runs the minute's job: keys are announced, take over and end.
    pub(crate) async fn tend(&self) {
        self.jobs().tend().await;
    }

    /// Runs the quarter of an hour's job: what may be forgotten is.
    pub(crate) async fn sweep(&self) {
        self.jobs().sweep(&CancellationToken::new()).await;
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now().seconds()
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let sent = everything().map(|_| Sent::of(&request));
        let response = client.execute(request).await.expect("the node answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("a body");
        assert!(!headers.contains_key("set-cookie"), "no answer sets a cookie: {headers:?}");
        let answer = Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text };
        if let (Some(everything), Some(sent)) = (everything(), sent) {
            everything.learn_exchange(&sent, &answer);
        }
        answer
    }

    pub(crate) async fn get(&self, path: &str, bearer: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(bearer)).await
    }

    pub(crate) async fn post(&self, path: &str, bearer: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).bearer_auth(bearer).json(body)).await
    }

    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.request(Method::POST, path).form(fields)).await
    }

    pub(crate) async fn form_as(&self, path: &str, client: &str, secret: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.request(Method::POST, path).basic_auth(client, Some(secret)).form(fields)).await
    }

    /// The administrator's token with every management scope.
    pub(crate) async fn admin(&self) -> String {
        self.form_as("/oauth/token", "admin", ADMIN_SECRET, &[("grant_type", "client_credentials")])
            .await
            .must_be(200)
            .text("/access_token")
    }

    /// Opens a session at `app` and answers its body.
    pub(crate) async fn open(&self, subject: &str) -> Opened {
        self.open_with(json!({ "subject": subject, "client_id": "app" })).await
    }

    pub(crate) async fn open_with(&self, body: Value) -> Opened {
        let answer = self.post("/v1/sessions", &self.admin().await, &body).await.must_be(201);
        Opened { sid: answer.text("/session/sid"), access: answer.text("/access_token"), refresh: answer.text("/refresh_token") }
    }

    /// Refreshes at a public client.
    pub(crate) async fn refresh_at(&self, client: &str, token: &str) -> Answer {
        self.form("/oauth/token", &[("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)]).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.refresh_at("app", token).await
    }

    /// Whether the administrator's introspection calls the token active.
    pub(crate) async fn is_active(&self, token: &str) -> bool {
        let answer = self.form_as("/oauth/introspect", "admin", ADMIN_SECRET, &[("token", token)]).await.must_be(200);
        if answer.body["active"] == false {
            assert_eq!(answer.text, r#"{"active":false}"#, "an inactive token says nothing more");
        }
        answer.body["active"] == true
    }

    pub(crate) async fn session(&self, sid: &str) -> Value {
        self.get(&format!("/v1/sessions/{sid}"), &self.admin().await).await.must_be(200).body
    }

    pub(crate) async fn revoke(&self, target: Value, extent: &str) -> Answer {
        self.post("/v1/revocations", &self.admin().await, &json!({ "target": target, "extent": extent })).await
    }

    pub(crate) async fn metrics(&self) -> String {
        let page = self.send(self.request(Method::GET, "/metrics")).await.must_be(200).text;
        if let Some(everything) = everything() {
            everything.keep("metrics", page.as_bytes());
        }
        page
    }
}

/// A session that was opened.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) sid: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

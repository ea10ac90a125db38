//! Requirements §4: nothing secret in any output. The real binary runs at its most talkative, every verb is driven, errors included, and all
//! that it wrote is searched for what was planted.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::ADMIN_SECRET;

const SOUGHT_IN_VAIN: &str = "mcs_wR0ngButSecretAllTheSame5Jd6Fg3Pc0MaXv2";
const STRAY_BEARER: &str = "stray-bearer-canary-Zt4Lw7Rb2Xn5Vk8Hs1";
const STRAY_REFRESH: &str = "mrt_StrayRefreshCanaryZt4Lw7Rb2Xn5Vk8Hs1Jd6Fg3Pc0MaQ9AAAAAAAAAAAAAAAAAAAA";
const CONTROL: &str = "control-canary-that-is-logged";

/// The binary, its folder and its client; it ends with the test.
struct Talkative {
    child: Child,
    folder: tempfile::TempDir,
    http: reqwest::Client,
    url: String,
    /// Every answer that was a refusal.
    refusals: String,
}

impl Drop for Talkative {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Talkative {
    async fn start(format: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let file = |name: &str| Stdio::from(File::create(at(name)).expect("a file"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_mintage"));
        command.arg("serve").args(["--listen", "127.0.0.1:0"]).arg("--data").arg(at("data")).arg("--keys").arg(at("keys"));
        command.env("MINTAGE_LOG__LEVEL", "trace").env("MINTAGE_LOG__FORMAT", format).env("MINTAGE_ADMIN_SECRET", ADMIN_SECRET);
        command.env("MINTAGE_DEFAULTS__ROTATION_PAUSE", "0s");
        let child = command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err")).spawn().expect("it starts");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let mut talkative = Self { child, folder, http, url: String::new(), refusals: String::new() };
        for _ in 0..600 {
            let said = talkative.written();
            if let Some(rest) = said.split("listening on ").nth(1).filter(|rest| rest.contains('\n')) {
                talkative.url = rest.lines().next().expect("an address").to_owned();
                return talkative;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it does not listen: {}", talkative.written());
    }

    /// Both streams, as far as they are written.
    fn written(&self) -> String {
        let read = |name: &str| std::fs::read(self.folder.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&[read("out"), read("err")].concat()).into_owned()
    }

    async fn send(&mut self, request: impl FnOnce(&reqwest::Client, &str) -> reqwest::RequestBuilder) -> Value {
        let response = request(&self.http, &self.url).header("x-request-id", CONTROL).send().await.expect("an answer");
        let is_refused = !response.status().is_success();
        let head = format!("{:?}", response.headers());
        let text = response.text().await.expect("a body");
        if is_refused {
            self.refusals += &format!("{head}{text}\n");
        }
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    async fn form(&mut self, path: &str, who: Option<(&str, &str)>, fields: &[(&str, &str)]) -> Value {
        self.send(|http, url| {
            let request = http.post(format!("{url}{path}")).form(fields);
            match who {
                Some((client, secret)) => request.basic_auth(client, Some(secret)),
                None => request,
            }
        })
        .await
    }

    async fn api(&mut self, method: Method, path: &str, bearer: &str, body: Option<Value>) -> Value {
        self.send(|http, url| {
            let request = http.request(method, format!("{url}{path}")).bearer_auth(bearer);
            match body {
                Some(body) => request.json(&body),
                None => request,
            }
        })
        .await
    }
}

/// Every private key of the ring, as its file spells it.
fn private_keys(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).expect("keys").filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok());
    files.filter_map(|text| Some(serde_json::from_str::<Value>(&text).ok()?["private"].as_str()?.to_owned())).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Drives the verbs, good and bad; answers with what must be nowhere, and with ids that may be.
async fn drive(node: &mut Talkative) -> (Vec<String>, Vec<String>) {
    let admin = Some(("admin", ADMIN_SECRET));
    let token = text(&node.form("/oauth/token", admin, &[("grant_type", "client_credentials")]).await["access_token"]);
    let opened = node.api(Method::POST, "/v1/sessions", &token, Some(json!({ "subject": "alice", "client_id": "app" }))).await;
    let (access, refresh, sid) = (text(&opened["access_token"]), text(&opened["refresh_token"]), text(&opened["session"]["sid"]));
    let refreshed =
        node.form("/oauth/token", None, &[("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &refresh)]).await;
    let (access2, refresh2) = (text(&refreshed["access_token"]), text(&refreshed["refresh_token"]));
    let new = json!({ "id": "helper", "type": "confidential", "grants": ["client_credentials"], "scopes": ["x"], "audiences": ["https://x.example"] });
    let secret = text(&node.api(Method::POST, "/v1/clients", &token, Some(new.clone())).await["client_secret"]);
    let helpers =
        text(&node.form("/oauth/token", Some(("helper", &secret)), &[("grant_type", "client_credentials")]).await["access_token"]);
    for token in [&access, &refresh, &refresh2, STRAY_BEARER, STRAY_REFRESH] {
        node.form("/oauth/introspect", admin, &[("token", token)]).await;
        node.form("/oauth/introspect", Some(("helper", SOUGHT_IN_VAIN)), &[("token", token)]).await;
        node.form(
            "/oauth/token",
            None,
            &[("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", token), ("scope", "wider")],
        )
        .await;
        node.form("/oauth/token", None, &[("grant_type", token), ("client_id", token), ("client_secret", SOUGHT_IN_VAIN)]).await;
        node.form("/oauth/revoke", None, &[("token", token), ("token", token), ("client_id", "app")]).await;
        let assertion =
            [("client_assertion_type", crate::hand::JWT_BEARER), ("client_assertion", token), ("grant_type", "client_credentials")];
        node.form("/oauth/token", None, &assertion).await;
        node.send(|http, url| http.post(format!("{url}/oauth/token")).header("dpop", token).form(&assertion)).await;
        node.send(|http, url| http.get(format!("{url}/v1/keys")).header("authorization", format!("DPoP {token}")).header("dpop", token))
            .await;
        node.api(Method::GET, &format!("/v1/sessions?access_token={token}"), token, None).await;
        node.api(Method::GET, &format!("/v1/{token}"), token, None).await;
        node.api(Method::GET, &format!("/v1/sessions/{token}"), token, None).await;
        node.api(Method::POST, "/v1/sessions", token, Some(json!({ "subject": "x" }))).await;
    }
    for token in [&token, &helpers] {
        node.api(Method::POST, "/v1/clients", token, Some(new.clone())).await;
        node.api(Method::POST, "/v1/sessions", token, Some(json!({ "client_secret": SOUGHT_IN_VAIN, "subject": STRAY_BEARER }))).await;
        node.api(Method::POST, "/v1/revocations", token, Some(json!({ "target": { "type": "token", "jti": STRAY_BEARER } }))).await;
    }
    node.api(Method::POST, "/v1/keys/rotate", &token, None).await;
    node.api(Method::DELETE, &format!("/v1/sessions/{sid}"), &token, None).await;
    let late = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", refresh2.as_str())];
    node.form("/oauth/token", None, &late).await;
    let mut secret_things =
        vec![ADMIN_SECRET.to_owned(), secret, SOUGHT_IN_VAIN.to_owned(), STRAY_BEARER.to_owned(), STRAY_REFRESH.to_owned()];
    secret_things.push(STANDARD.encode(format!("admin:{ADMIN_SECRET}")));
    for token in [token, access, access2, helpers, refresh, refresh2] {
        let at = token.len() - 30;
        secret_things.push(token[at..].to_owned());
    }
    (secret_things, vec![sid, CONTROL.to_owned()])
}

async fn nothing_secret_is_told(format: &str) {
    let mut node = Talkative::start(format).await;
    let (mut secret, control) = drive(&mut node).await;
    let private = private_keys(&node.folder.path().join("keys"));
    assert!(private.len() >= 5, "two of each format and one for refresh tokens");
    secret.extend(private);
    node.send(|http, url| http.get(format!("{url}/healthz/ready"))).await;
    let metrics = node.http.get(format!("{}/metrics", node.url)).send().await.expect("metrics").text().await.expect("text");
    let told = [("the log and the greeting", node.written()), ("metrics", metrics), ("refusals", node.refusals.clone())];
    for canary in control {
        assert!(told[0].1.contains(&canary), "{canary} is logged, so the log is read: {}", told[0].1);
    }
    assert!(told[2].1.len() > 1_000, "there were refusals");
    for canary in &secret {
        for (place, text) in &told {
            let line = text.lines().find(|line| line.contains(canary.as_str()));
            assert!(line.is_none(), "{canary} stands in {place}: {line:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_in_the_log_for_people() {
    nothing_secret_is_told("text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_in_the_log_for_machines() {
    nothing_secret_is_told("json").await;
}

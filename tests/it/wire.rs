//! What every answer must look like, and bytes on a socket where a well-behaved client would not do.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mintage::keyfiles::KeyFolder;
use mintage::keyring::{KeyRing, RingKey};
use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{ADMIN_SECRET, Answer, TestApp};

/// Everything beyond the defaults of a first run that several modules need: `admin`, `app` as there, and `{more}`.
pub(crate) const ADMIN_AND_APP: &str = r#"
[[clients]]
id = "admin"
type = "confidential"
secret_file = "{dir}/admin.secret"
grants = ["client_credentials"]
scopes = ["mintage:sessions.open", "mintage:sessions.read", "mintage:sessions.update", "mintage:revoke", "mintage:revoke.all",
  "mintage:keys", "mintage:clients", "mintage:introspect"]
opens_for = ["*"]

[[clients]]
id = "app"
type = "public"
grants = ["refresh_token"]
scopes = ["read", "write"]
audiences = ["https://api.example"]
origins = ["https://app.example"]
"#;

/// A node with [`ADMIN_AND_APP`], then these tables; every `{dir}/NAME.secret` holds `secret_of(NAME)`.
pub(crate) async fn node_with(more: &str) -> TestApp {
    let file = format!("{ADMIN_AND_APP}{more}");
    let names = file.split("{dir}/").skip(1).filter_map(|rest| rest.split('"').next());
    let secrets: Vec<(String, String)> = names.map(|name| (name.to_owned(), secret_of(name.trim_end_matches(".secret")))).collect();
    let secrets: Vec<(&str, &str)> = secrets.iter().map(|(name, secret)| (name.as_str(), secret.as_str())).collect();
    TestApp::with_files(&file, &secrets).await
}

/// The secret of a client of [`node_with`].
pub(crate) fn secret_of(client: &str) -> String {
    match client {
        "admin" => ADMIN_SECRET.to_owned(),
        other => format!("mcs_q9Zt4Lw7Rb2Xn5Vk8Hs1Jd6Fg3Pc0Ma_{other}"),
    }
}

/// The closed list of codes: those of whole answers, and those of single fields.
pub(crate) fn codes() -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let page = include_str!("../../docs/codes.md");
    let (answers, fields) = page.split_once("## One field").expect("two tables");
    let names = |text: &'static str| text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    (names(answers), names(fields))
}

/// Fails unless this is a problem (RFC 9457) with nothing missing, of this status and code.
#[track_caller]
pub(crate) fn is_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), &answer.body["code"]), (status, &Value::from(code)), "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{}", answer.text);
    is_careful(answer);
    let members = answer.body.as_object().expect("an object");
    for name in ["type", "title", "detail", "request_id"] {
        assert!(members.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty()), "{name} in {}", answer.text);
    }
    assert_eq!(members["status"], status);
    assert_eq!(members["request_id"], answer.headers["x-request-id"].to_str().expect("text"));
    let known = ["type", "title", "status", "detail", "code", "request_id", "errors"];
    assert!(members.keys().all(|name| known.contains(&name.as_str())), "{}", answer.text);
    let (of_answers, of_fields) = codes();
    assert!(of_answers.contains(code), "{code} is not in docs/codes.md");
    for fault in members.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let fault_code = fault["code"].as_str().expect("a code");
        assert!(of_fields.contains(fault_code) || of_answers.contains(fault_code), "{fault_code} is not in docs/codes.md");
        assert!(fault["pointer"].as_str().is_some_and(|pointer| pointer.is_empty() || pointer.starts_with('/')), "{}", answer.text);
    }
}

/// Fails unless the problem names this one field (RFC 6901) and what is wrong with it.
#[track_caller]
pub(crate) fn is_about_field(answer: &Answer, pointer: &str, code: &str) {
    assert_eq!(answer.body["errors"], serde_json::json!([{ "pointer": pointer, "code": code }]), "{}", answer.text);
}

/// Fails unless this is an error of RFC 6749 §5.2 of this status and word.
#[track_caller]
pub(crate) fn is_oauth_error(answer: &Answer, status: u16, word: &str) {
    assert_eq!((answer.status.as_u16(), &answer.body["error"]), (status, &Value::from(word)), "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/json");
    is_careful(answer);
    let description = answer.body["error_description"].as_str().unwrap_or_default();
    let allowed = |byte: u8| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    assert!(description.bytes().all(allowed), "RFC 6749 §5.2 keeps such characters out: {description}");
    let code = answer.body["mintage_code"].as_str().expect("a code");
    assert!(codes().0.contains(code), "{code} is not in docs/codes.md");
    assert_eq!(status == 401, answer.headers.contains_key("www-authenticate"), "{}", answer.text);
}

/// What every answer that is not a public document has.
#[track_caller]
pub(crate) fn is_careful(answer: &Answer) {
    assert!(answer.status.as_u16() != 500, "{}", answer.text);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert!(answer.headers.contains_key("x-request-id"));
}

/// The challenge of a refusal (RFC 9110 §11.6.1).
#[track_caller]
pub(crate) fn challenge(answer: &Answer) -> String {
    answer.headers.get("www-authenticate").expect("a challenge").to_str().expect("text").to_owned()
}

/// A part of a JWT in compact form, unverified: 0 is the header, 1 the payload.
pub(crate) fn part_of(token: &str, part: usize) -> Value {
    let segment = token.split('.').nth(part).expect("a segment");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).expect("base64url")).expect("JSON")
}

/// The keys of a running node: what nobody has but the node, and a test that would know whether more than the signature is checked.
pub(crate) fn ring_of(app: &TestApp) -> KeyRing {
    KeyFolder::open(&app.folder().join("keys"), None).and_then(|folder| folder.load()).expect("the ring")
}

/// The key that signs now.
pub(crate) fn signer_of(app: &TestApp, paseto: bool) -> RingKey {
    use mintage::ambient::Clock;
    ring_of(app).signer(paseto, app.clock.now()).expect("an active key").clone()
}

/// An answer as it stood on the wire.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) text: String,
}

/// Sends bytes and reads until the node closes the connection; `None` where it said nothing.
pub(crate) async fn raw(app: &TestApp, bytes: &[u8]) -> Option<Raw> {
    let mut stream = connect(app).await;
    // The node may have answered and closed before all is sent.
    let _ = stream.write_all(bytes).await;
    read_raw(&mut stream).await
}

pub(crate) async fn connect(app: &TestApp) -> TcpStream {
    TcpStream::connect(app.url.trim_start_matches("http://")).await.expect("the node listens")
}

/// Reads until the node closes the connection.
pub(crate) async fn read_raw(stream: &mut TcpStream) -> Option<Raw> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 16 * 1024]);
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        bytes.extend_from_slice(&chunk[..read]);
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some(Raw { status, text })
}

/// The administrator's own token, narrowed to these scopes.
pub(crate) async fn admin_with(app: &TestApp, scope: &str) -> String {
    let fields = [("grant_type", "client_credentials"), ("scope", scope)];
    app.form_as("/oauth/token", "admin", ADMIN_SECRET, &fields).await.must_be(200).text("/access_token")
}

/// A request without a body.
pub(crate) async fn call(app: &TestApp, method: Method, path: &str) -> Answer {
    app.send(app.request(method, path)).await
}

//! Requirements §4: nothing secret in any output. The real binary runs at its most talkative, every verb and every command is driven, misuse
//! included, and all that was written is searched for what was planted. (What the other tests of this binary make their nodes write is
//! searched by `tests/canaries.rs`.)

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http_body_util::BodyExt;
use mintage::ambient::{Clock, SystemClock, SystemEntropy};
use mintage::keyring::Algorithm;
use mintage::telemetry::Metrics;
use mintage::token::b64;
use mintage::web::{Form, Observer, Part, Routes, Site, Surface};
use reqwest::Method;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::app::ADMIN_SECRET;
use crate::hand::{Hand, JWT_BEARER};
use crate::seek::{CONTROL, Seeker};
use crate::talkative::Talkative;

const WRONG_SECRET: &str = "mcs_wR0ngButSecretAllTheSame5Jd6Fg3Pc0MaXv2";
const WEAK_SECRET: &str = "password-canary-password";
const STRAY_BEARER: &str = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJzdHJheSJ9.stray-bearer-canary-Zt4Lw7Rb2Xn5Vk8Hs1";
const STRAY_REFRESH: &str = "mrt_StrayRefreshCanaryZt4Lw7Rb2Xn5Vk8Hs1Jd6Fg3Pc0MaQ9AAAAAAAAAAAAAAAAAAAA";
const PASSPHRASE: &str = "passphrase-canary Xb7 Nd3 Ck9 Wf5";
const WRONG_PASSPHRASE: &str = "wrong-passphrase-canary Lm2 Pq8 Rt4";
const BAD_PEM: &str = "bad-pem-canary-U2x5c3RyYXlTdHJheVN0cmF5U3RyYXk";
const CLAIM: &str = "claim-canary-Gk4Tz8Wm1Qx6";

/// What must be nowhere, each with what it is.
#[derive(Default)]
struct Planted(Vec<(String, Vec<u8>)>);

impl Planted {
    fn add(&mut self, name: &str, secret: &str) {
        self.0.push((name.to_owned(), secret.as_bytes().to_vec()));
    }

    /// As text, and as the bytes that the text stands for.
    fn add_key(&mut self, name: &str, private: &str) {
        self.add(name, private);
        let bytes = URL_SAFE_NO_PAD.decode(private).expect("a private key is base64url");
        self.0.push((format!("{name}, its bytes"), bytes));
    }

    /// A member of an answer, which is a secret.
    fn take(&mut self, name: &str, answer: &Value, member: &str) -> String {
        let secret = text(&answer[member]);
        self.add(name, &secret);
        secret
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// What stands in the files of a plain key ring.
fn private_keys(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).expect("keys").filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok());
    files.filter_map(|text| Some(serde_json::from_str::<Value>(&text).ok()?["private"].as_str()?.to_owned())).collect()
}

const CREDENTIALS: [(&str, &str); 1] = [("grant_type", "client_credentials")];

/// Sessions, refreshes, patches; then everything with tokens in the wrong places.
async fn drive_verbs(node: &mut Talkative, planted: &mut Planted) -> (String, String) {
    let admin = Some(("admin", ADMIN_SECRET));
    let token = planted.take("an administrator's token", &node.form("/oauth/token", admin, &CREDENTIALS).await, "access_token");
    let body = json!({ "subject": CONTROL, "client_id": "app", "claims": { "role": CLAIM } });
    let opened = node.api(Method::POST, "/v1/sessions", &token, Some(body)).await;
    let (access, refresh) =
        (planted.take("an access token", &opened, "access_token"), planted.take("a refresh token", &opened, "refresh_token"));
    // Its session's secret, which the end of the text does not hold.
    planted.add("the middle of a refresh token", &refresh[34..54]);
    let sid = text(&opened["session"]["sid"]);
    let fields =
        |token: &str| [("grant_type", "refresh_token".to_owned()), ("client_id", "app".to_owned()), ("refresh_token", token.to_owned())];
    let refreshed = node.send(|http, url| http.post(format!("{url}/oauth/token")).form(&fields(&refresh))).await.1;
    let second = planted.take("a second refresh token", &refreshed, "refresh_token");
    planted.take("a second access token", &refreshed, "access_token");

    let claims = json!({ "claims": { "role": CLAIM, "more": { "deep": CLAIM } } });
    node.api(Method::PATCH, &format!("/v1/sessions/{sid}"), &token, Some(claims.clone())).await;
    node.api(Method::PATCH, &format!("/v1/sessions/{sid}"), &token, Some(json!({ "claims": { "iss": CLAIM } }))).await;
    let body = json!({ "subject": CONTROL, "claims": claims["claims"], "void_access_tokens": true });
    node.api(Method::POST, "/v1/sessions/claims", &token, Some(body)).await;
    for stray in [&access, &refresh, &second, STRAY_BEARER, STRAY_REFRESH, ADMIN_SECRET] {
        misplace(node, &token, stray).await;
    }
    node.api(Method::POST, "/v1/keys/rotate", &token, None).await;
    node.api(Method::DELETE, &format!("/v1/sessions/{sid}"), &token, None).await;
    node.send(|http, url| http.post(format!("{url}/oauth/token")).form(&fields(&second))).await;
    (token, sid)
}

/// Sends a secret to wherever it does not belong.
async fn misplace(node: &mut Talkative, token: &str, stray: &str) {
    node.form("/oauth/introspect", Some(("admin", ADMIN_SECRET)), &[("token", stray)]).await;
    node.form("/oauth/introspect", Some(("helper", WRONG_SECRET)), &[("token", stray)]).await;
    node.form("/oauth/introspect", Some((stray, stray)), &[("token", stray)]).await;
    let wider = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", stray), ("scope", "wider"), ("resource", stray)];
    node.form("/oauth/token", None, &wider).await;
    node.form("/oauth/token", None, &[("grant_type", stray), ("client_id", stray), ("client_secret", WRONG_SECRET)]).await;
    node.form("/oauth/revoke", None, &[("token", stray), ("token", stray), ("client_id", "app")]).await;
    node.form("/oauth/revoke", None, &[(stray, stray), ("client_id", "app")]).await;
    let assertion = [("client_assertion_type", JWT_BEARER), ("client_assertion", stray), ("grant_type", "client_credentials")];
    node.form("/oauth/token", None, &assertion).await;
    node.send(|http, url| http.post(format!("{url}/oauth/token")).header("dpop", stray).form(&assertion)).await;
    node.send(|http, url| http.get(format!("{url}/v1/keys")).header("authorization", format!("DPoP {stray}")).header("dpop", stray)).await;
    node.send(|http, url| http.get(format!("{url}/v1/keys")).header("authorization", stray)).await;
    node.send(|http, url| http.get(format!("{url}/v1/keys")).bearer_auth(token).header("cookie", stray).header("origin", stray)).await;
    for path in ["/v1/sessions?access_token=", "/v1/", "/v1/sessions/", "/v1/revocations/", "/v1/clients/", "/v1/sessions?subject=a&limit="]
    {
        node.api(Method::GET, &format!("{path}{stray}"), token, None).await;
        node.api(Method::GET, &format!("{path}{stray}"), stray, None).await;
    }
    for body in [
        json!({ "client_secret": WRONG_SECRET, "subject": stray }),
        json!({ "subject": "x", "client_id": stray, "scope": stray }),
        json!({ stray: 1, "subject": "x", "client_id": "app" }),
        json!({ "subject": "x", "client_id": "app", "cnf": { "jkt": stray }, "device": { "name": 1 } }),
    ] {
        node.api(Method::POST, "/v1/sessions", token, Some(body)).await;
    }
    let reason = json!({ "code": stray.chars().take(40).collect::<String>(), "note": stray });
    for target in [json!({ "type": "token", "jti": stray }), json!({ "type": stray }), json!({ "type": "subject", "subject": "nobody" })] {
        node.api(Method::POST, "/v1/revocations", token, Some(json!({ "target": target, "reason": reason.clone() }))).await;
    }
    node.send(|http, url| {
        http.post(format!("{url}/v1/sessions")).bearer_auth(token).header("idempotency-key", stray).body(stray.to_owned())
    })
    .await;
}

/// Clients are added, replaced, given secrets; good and bad.
async fn drive_clients(node: &mut Talkative, planted: &mut Planted, token: &str) {
    let body = json!({ "type": "confidential", "grants": ["client_credentials"], "scopes": ["x"], "audiences": ["https://x.example"] });
    let mut new = body.clone();
    new["id"] = "helper".into();
    let secret = planted.take("a client's secret", &node.api(Method::POST, "/v1/clients", token, Some(new.clone())).await, "client_secret");
    let again = node.api(Method::POST, "/v1/clients/helper/secrets", token, None).await;
    planted.take("a client's second secret", &again, "client_secret");
    let helpers = node.form("/oauth/token", Some(("helper", &secret)), &CREDENTIALS).await;
    let helpers = planted.take("a client's token", &helpers, "access_token");
    let mut whole = json!({ "opens_for": [], "jwks": null, "format": "jwt", "origins": [], "access_ttl": null, "absolute": null, "idle": null,
        "retry_window": null, "rotation_pause": null, "rotates": true, "dpop_bound_access_tokens": false, "sessions_per_slot": null, "disabled": false });
    whole.as_object_mut().expect("an object").extend(body.as_object().expect("an object").clone());
    let mut with_secret = whole.clone();
    with_secret["client_secret"] = WRONG_SECRET.into();
    let mut with_private = whole.clone();
    with_private["jwks"] =
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": WRONG_SECRET }] });
    let mut with_origin = whole.clone();
    with_origin["origins"] = json!([format!("https://user:{WRONG_SECRET}@x.example")]);
    for body in [whole, with_secret, with_private, with_origin, body] {
        node.api(Method::PUT, "/v1/clients/helper", token, Some(body)).await;
    }
    node.api(Method::POST, "/v1/clients", &helpers, Some(new)).await;
    node.api(Method::DELETE, &format!("/v1/clients/helper/secrets/{WRONG_SECRET}"), token, None).await;
}

/// Proofs and assertions, good and bad.
async fn drive_keys_in_hand(node: &mut Talkative, planted: &mut Planted, token: &str) {
    let hand = Hand::new(Algorithm::EdDsa, 42);
    let client = json!({ "id": "keyed", "type": "confidential", "jwks": hand.jwks(), "grants": ["client_credentials"], "scopes": ["mintage:sessions.read"] });
    node.api(Method::POST, "/v1/clients", token, Some(client)).await;
    let now = SystemClock::new().wall().seconds();
    let issuer = node.url.clone();
    let mut signed = |what: &str, header: Value, claims: Value| {
        let jwt = hand.sign(&header, &claims);
        planted.add(what, &jwt);
        planted.add(&format!("{what}: its claims"), jwt.split('.').nth(1).expect("claims"));
        jwt
    };
    let mut assertion = |jti: &str, audience: &str| {
        let claims = json!({ "iss": "keyed", "sub": "keyed", "aud": audience, "iat": now, "exp": now + 60, "jti": jti });
        signed("a client assertion", json!({ "typ": "client-authentication+jwt", "alg": hand.alg() }), claims)
    };
    let [good, bad, third] =
        [("a", issuer.as_str()), ("b", "https://b.example"), ("c", &issuer)].map(|(jti, audience)| assertion(jti, audience));
    let mut proof = |jti: &str, method: &str, path: &str, nonce: &str, token: &str| {
        let ath = b64::encode(digest(&SHA256, token.as_bytes()));
        let claims = json!({ "jti": jti, "htm": method, "htu": format!("{issuer}{path}"), "iat": now, "nonce": nonce, "ath": ath });
        signed("a proof", json!({ "typ": "dpop+jwt", "alg": hand.alg(), "jwk": hand.jwk() }), claims)
    };
    let fields = |assertion: &str| {
        let type_ = ("client_assertion_type", JWT_BEARER.to_owned());
        [("grant_type", "client_credentials".to_owned()), type_, ("client_assertion", assertion.to_owned())]
    };
    let without = proof("a", "POST", "/oauth/token", "none", "");
    let (nonce, _) = node.send(|http, url| http.post(format!("{url}/oauth/token")).header("dpop", without).form(&fields(&good))).await;
    let nonce = nonce.expect("a nonce");
    let good_proof = proof("b", "POST", "/oauth/token", &nonce, "");
    let send = |proof: String, assertion: String| {
        move |http: &reqwest::Client, url: &str| http.post(format!("{url}/oauth/token")).header("dpop", proof).form(&fields(&assertion))
    };
    let bound = text(&node.send(send(good_proof.clone(), good.clone())).await.1["access_token"]);
    for (proof, assertion) in [(good_proof.clone(), third), (good_proof.clone(), good), (good_proof, bad)] {
        node.send(send(proof, assertion)).await;
    }
    for (jti, method, over) in [("c", "GET", bound.as_str()), ("c", "GET", &bound), ("d", "POST", &bound), ("e", "GET", "another")] {
        let proof = proof(jti, method, "/v1/sessions", &nonce, over);
        let authorization = format!("DPoP {bound}");
        node.send(|http, url| {
            http.get(format!("{url}/v1/sessions?subject=x")).header("authorization", authorization).header("dpop", proof)
        })
        .await;
    }
    node.api(Method::GET, "/v1/sessions?subject=x", &bound, None).await;
    planted.add("a bound token", &bound);
}

/// Every command, also with secrets where none belongs. Only what is told to standard input or the environment is kept from shells' histories:
/// what stands among the arguments is not looked for.
fn drive_commands(node: &mut Talkative, planted: &mut Planted, token: &str, sid: &str) {
    let kid = text(&serde_json::from_str::<Value>(&node.run(&["keys", "list", "--json"]).1).expect("JSON")["items"][0]["kid"]);
    let added = node.run(&["clients", "add", "made", "--type", "confidential", "--grant", "client_credentials", "--json"]).1;
    planted.take("a secret that a command showed", &serde_json::from_str(&added).expect("JSON"), "client_secret");
    let second = node.run(&["clients", "rotate-secret", "made", "--json"]).1;
    let second: Value = serde_json::from_str(&second).expect("JSON");
    planted.take("a second one", &second, "client_secret");
    let dropped = text(&second["id"]);
    let all: &[&[&str]] = &[
        &["sessions", "list", CONTROL],
        &["sessions", "show", sid],
        &["sessions", "revoke", sid],
        &["revoke", "token", "01a1f0c2-0000-7222-8222-222222222222"],
        &["revoke", "session", sid],
        &["revoke", "subject", "alice", "--client", "app", "--access-tokens"],
        &["revoke", "client", "app", "--access-tokens"],
        &["keys", "list"],
        &["keys", "announce", "--algorithm", "ES256"],
        &["keys", "rotate"],
        &["keys", "rotate", "--mac"],
        &["keys", "retire", &kid],
        &["keys", "revoke", &kid],
        &["clients", "list"],
        &["clients", "show", "made", "--json"],
        &["clients", "drop-secret", "made", &dropped],
        &["clients", "remove", "made"],
        &["backup", "--to", "backup.kept"],
        &["backup", "--check", "backup.kept"],
        &["config", "show"],
        &["config", "check"],
        &["revoke", "all", "--access-tokens", "--yes"],
    ];
    let done = all.iter().filter(|arguments| node.run(arguments).0 == 0).count();
    assert!(done >= all.len() - 4, "most of the commands do something: {done} of {}\n{}", all.len(), told(node, "commands"));
    let wrong = [("MINTAGE_CLIENT_SECRET", WRONG_SECRET)];
    for arguments in [&["keys", "list"][..], &["sessions", "show", sid]] {
        assert_eq!(node.run_with(arguments, &wrong, "").0, 1);
    }
    let with_password = node.url.replace("://", &format!("://admin:{WRONG_SECRET}@"));
    node.run_with(&["keys", "list"], &[("MINTAGE_URL", &with_password)], "");
    node.run_with(&["keys", "list"], &[("MINTAGE_CLIENT_SECRET", "")], "");
    let url = node.url.clone();
    node.run_with(&["verify", "--issuer", &url, "--audience", &url, "--url", &with_password], &[], token);
    for tokens in [token.to_owned(), format!("{STRAY_BEARER}\n{STRAY_REFRESH}\n{}\n", token.replace('.', " "))] {
        node.run_with(&["verify", "--issuer", &url, "--audience", &url, "--url", &url], &[], &tokens);
        node.run_with(&["inspect"], &[], &tokens);
    }
}

/// Configurations with secrets in the wrong places, and key files that are damaged: each is refused, and none is shown.
fn drive_refused_starts(node: &mut Talkative, plain_keys: &Path) {
    node.file("weak", WEAK_SECRET);
    let open = node.file("open", WRONG_SECRET);
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("for everybody");
    let client = "[[clients]]\nid = \"c\"\ntype = \"confidential\"\n";
    let files = [
        format!("{client}secret = \"{WRONG_SECRET}\"\n"),
        format!("{client}secret_file = \"weak\"\n"),
        format!("{client}secret_file = \"open\"\n"),
        format!("{client}secret_file = [\"{WRONG_SECRET}\"\n"),
        format!("admin_secret = \"{WRONG_SECRET}\"\n"),
        format!("store = \"redis://:{WRONG_SECRET}@redis.example\"\n"),
        format!("store = \"postgres://user:{WRONG_SECRET}@db.example\"\n"),
        format!("issuer = \"https://user:{WRONG_SECRET}@id.example\"\n"),
    ];
    for file in &files {
        node.file("bad.toml", file);
        for arguments in [["config", "check"], ["config", "show"], ["serve", "--listen=127.0.0.1:0"]] {
            assert_ne!(node.run(&[&arguments[..], &["--config", "bad.toml"]].concat()).0, 0, "{file}");
        }
    }
    for (name, secret) in [("MINTAGE_ADMIN_SECRET", WEAK_SECRET), ("MINTAGE_ADMIN_SECRET_FILE", "open"), ("MINTAGE_SECRET", WRONG_SECRET)] {
        assert_ne!(node.run_with(&["serve", "--listen", "127.0.0.1:0"], &[(name, secret)], "").0, 0, "{name}");
        node.run_with(&["config", "show"], &[(name, secret)], "");
    }
    for (at, (path, content)) in whole_files(plain_keys).into_iter().enumerate() {
        let folder = node.at(&format!("damaged-{at}"));
        std::fs::create_dir(&folder).expect("a folder");
        let damaged = if at % 2 == 0 { content.replacen('}', "", 1) } else { content.replacen("\"private\":", "\"privat\":", 1) };
        node.file(&format!("damaged-{at}/{path}"), &damaged);
        std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("for its owner alone");
        let keys = folder.display().to_string();
        assert_ne!(node.run(&["serve", "--listen", "127.0.0.1:0", "--data", "other", "--keys", &keys]).0, 0, "{damaged}");
    }
    node.file("bad.pem", &format!("-----BEGIN PRIVATE KEY-----\n{BAD_PEM}\n-----END PRIVATE KEY-----\n"));
    assert_ne!(node.run(&["keys", "import", "bad.pem"]).0, 0);
}

fn whole_files(folder: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).expect("keys").map(|entry| entry.expect("an entry").path());
    let keys = entries.filter(|path| path.extension().is_some_and(|end| end == "json"));
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    keys.map(|path| (name(&path), std::fs::read_to_string(&path).expect("a key file"))).collect()
}

/// Seals the keys, imports one, and starts with the wrong passphrases first.
async fn seal(node: &mut Talkative, planted: &mut Planted) {
    let [right, wrong] =
        [("passphrase", PASSPHRASE), ("wrong", WRONG_PASSPHRASE)].map(|(name, text)| node.file(name, text).display().to_string());
    assert_eq!(node.run(&["keys", "seal", "--passphrase-file", &right]).0, 0, "{}", told(node, "commands"));
    for variables in [&[][..], &[("MINTAGE_PASSPHRASE_FILE", wrong.as_str())]] {
        assert_ne!(node.run_with(&["serve", "--listen", "127.0.0.1:0"], variables, "").0, 0, "the keys are sealed");
        assert_ne!(node.run_with(&["keys", "unseal"], variables, "").0, 0);
    }
    node.seal_with(Path::new(&right));
    node.start().await;
    let seed = [0x5a; 32];
    let pkcs8 = STANDARD.encode([&b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"[..], &seed].concat());
    planted.add("an imported key, as PEM", &pkcs8[24..]);
    planted.0.push(("an imported key".to_owned(), seed.to_vec()));
    node.file("good.pem", &format!("-----BEGIN PRIVATE KEY-----\n{pkcs8}\n-----END PRIVATE KEY-----\n"));
    assert_eq!(node.run(&["keys", "import", "good.pem"]).0, 0, "{}", told(node, "commands"));
    assert_ne!(node.run(&["keys", "import", "good.pem"]).0, 0, "it is there already");
}

/// The end of what was written to a place.
fn told(node: &Talkative, place: &str) -> String {
    let written = node.written().get(place).map_or(&[][..], Vec::as_slice);
    String::from_utf8_lossy(&written[written.len().saturating_sub(2_000)..]).into_owned()
}

async fn nothing_secret_is_told(format: &'static str) {
    let (mut node, mut planted) = (Talkative::new(format), Planted::default());
    node.start().await;
    let (token, _) = drive_verbs(&mut node, &mut planted).await;
    drive_clients(&mut node, &mut planted, &token).await;
    drive_keys_in_hand(&mut node, &mut planted, &token).await;
    node.keep_metrics().await;
    node.stop();
    let keys = node.at("keys");
    let private = private_keys(&keys);
    assert!(private.len() >= 5, "two of each format and one for refresh tokens");
    private.iter().for_each(|key| planted.add_key("a private key", key));
    drive_refused_starts(&mut node, &keys);
    seal(&mut node, &mut planted).await;
    let (token, sid) = drive_verbs(&mut node, &mut planted).await;
    drive_commands(&mut node, &mut planted, &token, &sid);
    node.keep_metrics().await;
    node.stop();
    assert_eq!(node.run(&["restore", "backup.kept", "--data", "restored"]).0, 0, "{}", told(&node, "commands"));
    assert_ne!(node.run(&["restore", "passphrase", "--data", "restored-2"]).0, 0, "that is no backup");
    let backup = std::fs::read(node.at("backup.kept")).expect("the backup");
    node.keep("store", &backup);
    let (status, shown) = node.run_with(&["clients", "reset-admin", "--json"], &[("MINTAGE_ADMIN_SECRET", "")], "");
    assert_eq!(status, 0, "{}", told(&node, "commands"));
    planted.take("the administrator's new secret", &serde_json::from_str(&shown).expect("JSON"), "client_secret");

    for (name, secret) in [
        ("MINTAGE_ADMIN_SECRET", ADMIN_SECRET),
        ("a wrong secret", WRONG_SECRET),
        ("a weak secret", WEAK_SECRET),
        ("a stray bearer", STRAY_BEARER),
        ("a stray refresh token", STRAY_REFRESH),
        ("the passphrase", PASSPHRASE),
        ("a wrong passphrase", WRONG_PASSPHRASE),
        ("a bad PEM", BAD_PEM),
    ] {
        planted.add(name, secret);
    }
    planted.add("an Authorization header", &STANDARD.encode(format!("admin:{ADMIN_SECRET}")));
    let (data, audit) = (node.at("data"), node.at("data/audit"));
    node.keep_files("audit trail", &audit);
    node.keep_files("sealed keys", &keys);
    node.keep_files("store", &data);

    let mut in_store = Seeker::of(planted.0.clone());
    planted.add("a claim", CLAIM);
    let mut seeker = Seeker::of(planted.0);
    for (&place, written) in node.written() {
        // Claims are what the store is for.
        if place == "store" { &mut in_store } else { &mut seeker }.search(place, written);
    }
    for (place, least) in
        [("log", 20_000), ("commands", 5_000), ("refusals", 20_000), ("metrics", 5_000), ("audit trail", 5_000), ("sealed keys", 1_000)]
    {
        assert!(seeker.searched(place) >= least, "{place}: only {} bytes were written", seeker.searched(place));
    }
    seeker.verdict(&format!("the binary, log as {format}"));
    in_store.verdict(&format!("its store, log as {format}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_in_the_log_for_people() {
    nothing_secret_is_told("text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_in_the_log_for_machines() {
    nothing_secret_is_told("json").await;
}

/// A handler that panics with all that it has been given.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_while_a_request_is_handled_tells_nothing() {
    let (said, hears) = std::sync::mpsc::channel();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.to_string();
        if text.contains(CONTROL) {
            let _ = said.send(text);
        } else {
            usual(panic);
        }
    }));
    let clock = Arc::new(SystemClock::new());
    let observer = Observer::new(clock, Arc::new(SystemEntropy), Arc::new(Metrics::new("tests")));
    let part = Part::new(Surface::OAuth, observer, Arc::default());
    let routes =
        Routes::new().post("/panics", async |Form { head, params }: Form| panic!("{CONTROL}: {head:?} {params:?}") as &'static str);
    let mut site = Site::new(part.clone());
    site.show(part, routes, &());
    let body = format!("refresh_token={STRAY_REFRESH}&client_secret={WRONG_SECRET}&client_assertion={STRAY_BEARER}&note={WEAK_SECRET}");
    let request = Request::post("/panics").header("host", "tests").header("content-type", "application/x-www-form-urlencoded");
    let basic = format!("Basic {}", STANDARD.encode(format!("admin:{ADMIN_SECRET}")));
    let request = request.header("authorization", basic).header("dpop", STRAY_BEARER).header("cookie", WRONG_SECRET);
    let answer = site.answer(request.body(Body::from(body)).expect("a request")).await;
    assert_eq!(answer.status(), 500);
    let answer = answer.into_body().collect().await.expect("a body").to_bytes();
    let panicked: String = hears.try_iter().collect();
    let all = [
        ("admin's secret", ADMIN_SECRET),
        ("refresh token", STRAY_REFRESH),
        ("secret", WRONG_SECRET),
        ("bearer", STRAY_BEARER),
        ("any field", WEAK_SECRET),
    ];
    let mut seeker = Seeker::of(all.map(|(name, secret)| (name.to_owned(), secret.as_bytes().to_vec())));
    seeker.search("panic message", panicked.as_bytes());
    assert!(panicked.contains("Sensitive"), "the headers are there: {panicked}");
    seeker.search("answer", &answer);
    seeker.verdict("a panic");
    assert!(!String::from_utf8_lossy(&answer).contains(CONTROL), "the text of a panic stays inside");
}

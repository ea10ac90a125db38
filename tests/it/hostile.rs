//! Requirements §6 over HTTP: bent tokens, also ones signed with the node's real key, are refused wherever a token may be presented,
//! cost the node nothing, and leave their victim alone.

use mintage::ambient::Clock;
use mintage::id::Sid;
use mintage::keyring::{Algorithm, RingKey, SigningKey};
use mintage::secret::Secret;
use mintage::token::{RefreshToken, b64, jwt, paseto};
use reqwest::Method;
use ring::hmac;
use serde_json::{Value, json};

use crate::app::{ADMIN_SECRET, ISSUER, TestApp};
use crate::wire::{call, challenge, is_careful, node_with, part_of, ring_of, signer_of};

type Bent = (String, String);
type Rewrite<'a> = &'a dyn Fn(&str) -> String;

/// A forger who has a good token of the administrator and, where that makes the attack stronger, the key that signed it.
struct Forger {
    key: RingKey,
    header: Value,
    claims: Value,
    good: String,
}

impl Forger {
    async fn of(app: &TestApp) -> Self {
        let good = app.admin().await;
        Self { key: signer_of(app, false), header: part_of(&good, 0), claims: part_of(&good, 1), good }
    }

    /// Signed with the real key over exactly these bytes.
    fn sign(&self, header: &[u8], payload: &[u8]) -> String {
        let input = format!("{}.{}", b64::encode(header), b64::encode(payload));
        let signature = self.key.key.sign(input.as_bytes()).expect("it signs");
        jwt::finish(input, &signature)
    }

    fn with_header(&self, change: impl Fn(&mut Value)) -> String {
        let mut header = self.header.clone();
        change(&mut header);
        self.sign(header.to_string().as_bytes(), self.claims.to_string().as_bytes())
    }

    fn with_claims(&self, change: impl Fn(&mut Value)) -> String {
        let mut claims = self.claims.clone();
        change(&mut claims);
        self.sign(self.header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// A payload that `serde_json` would not write.
    fn with_text(&self, change: impl Fn(&str) -> String) -> String {
        self.sign(self.header.to_string().as_bytes(), change(&self.claims.to_string()).as_bytes())
    }

    fn header_text(&self, change: impl Fn(&str) -> String) -> String {
        self.sign(change(&self.header.to_string()).as_bytes(), self.claims.to_string().as_bytes())
    }

    /// With another signature under the header.
    fn unsigned(&self, header: &Value, signature: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let input = format!("{}.{}", b64::encode(header.to_string()), b64::encode(self.claims.to_string()));
        format!("{input}.{}", b64::encode(signature(input.as_bytes())))
    }

    fn segments(&self) -> [&str; 3] {
        let mut segments = self.good.split('.');
        std::array::from_fn(|_| segments.next().expect("three segments"))
    }
}

fn named(class: &str, what: impl std::fmt::Display, token: String) -> Bent {
    (format!("{class}: {what}"), token)
}

/// CVE-2015-9235, 2016-10555, 2023-48223, 2022-21449.
fn algorithms(forger: &Forger) -> Vec<Bent> {
    let mut bent = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", "", "HS256", "RS256", "ES256", "PS256", "Ed25519", "eddsa", "EdDSA ", "EdDSA\u{0}"] {
        let mut header = forger.header.clone();
        header["alg"] = json!(alg);
        bent.push(named("alg, no signature", alg, forger.unsigned(&header, |_| Vec::new())));
        bent.push(named("alg, signed all the same", alg, forger.with_header(|header| header["alg"] = json!(alg))));
        bent.push(named("alg, zero signature", alg, forger.unsigned(&header, |_| vec![0; 64])));
    }
    for alg in [json!(null), json!(1), json!(["EdDSA"]), json!({})] {
        bent.push(named("alg", &alg, forger.with_header(|header| header["alg"] = alg.clone())));
    }
    bent.push(named("alg", "absent", forger.with_header(|header| _ = header.as_object_mut().and_then(|header| header.remove("alg")))));
    let jwk = forger.key.key.verifying().to_jwk();
    let x = jwk["x"].as_str().expect("an Ed25519 key").to_owned();
    let raw = b64::decode(&x).expect("base64url");
    let pem = format!("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA{x}=\n-----END PUBLIC KEY-----\n");
    let keys =
        [("raw", raw), ("x", x.into_bytes()), ("jwk", jwk.to_string().into_bytes()), ("pem", pem.into_bytes()), ("empty", Vec::new())];
    for (name, key) in keys {
        let mut header = forger.header.clone();
        header["alg"] = json!("HS256");
        let mac = |input: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), input).as_ref().to_vec();
        bent.push(named("HS256 under the public key", name, forger.unsigned(&header, mac)));
    }
    bent
}

/// CVE-2018-0114, 2025-59420, and what a header may not hold at all.
fn headers(forger: &Forger, lure: &str) -> Vec<Bent> {
    let own = SigningKey::generate(Algorithm::EdDsa, &mut |bytes| bytes.fill(7)).expect("a key");
    let sign = |input: &[u8]| own.sign(input).expect("it signs").to_vec();
    let mut bent = Vec::new();
    let members = [
        ("jwk", own.verifying().to_jwk()),
        ("jku", json!(format!("{lure}/jwks.json"))),
        ("x5u", json!(format!("{lure}/cert.pem"))),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("p2c", json!(2_147_483_647)),
    ];
    for (name, value) in members {
        // Members that RFC 7515 §4 has us ignore are ignored, so only with the forger's signature are these two bent.
        if !matches!(name, "enc" | "p2c") {
            bent.push(named(
                "header, real signature",
                format!("{name} {value}"),
                forger.with_header(|header| header[name] = value.clone()),
            ));
        }
        let mut header = forger.header.clone();
        header[name] = value;
        bent.push(named("header, forger's signature", name, forger.unsigned(&header, sign)));
        header["kid"] = json!(own.verifying().kid());
        bent.push(named("header, forger's signature and kid", name, forger.unsigned(&header, sign)));
    }
    let kids = ["", "../../../../dev/null", "' UNION SELECT 'x", "a\r\nX-Injected: y", "\u{0}", &"k".repeat(8_192), "EdDSA", "*"];
    for kid in kids.map(|kid| json!(kid)).into_iter().chain([json!(7), json!(null), json!([]), json!({})]) {
        bent.push(named(
            "kid",
            kid.to_string().chars().take(40).collect::<String>(),
            forger.with_header(|header| header["kid"] = kid.clone()),
        ));
    }
    bent.push(named("kid", "absent", forger.with_header(|header| _ = header.as_object_mut().and_then(|header| header.remove("kid")))));
    for typ in ["JWT", "jwt", "", "at+jwt ", "token-introspection+jwt", "client-authentication+jwt", "dpop+jwt", "application/jwt"] {
        bent.push(named("typ", typ, forger.with_header(|header| header["typ"] = json!(typ))));
    }
    bent.push(named("typ", "absent", forger.with_header(|header| _ = header.as_object_mut().and_then(|header| header.remove("typ")))));
    let twice = |name: &str| forger.header_text(|text| text.replacen('{', &format!("{{\"{name}\":\"none\","), 1));
    for name in ["alg", "typ", "kid", "\\u0061lg"] {
        bent.push(named("a name twice in the header", name, twice(name)));
    }
    bent.push(named("header", "trailing bytes", forger.header_text(|text| format!("{text}{{}}"))));
    bent.push(named("header", "BOM", forger.header_text(|text| format!("\u{feff}{text}"))));
    bent.push(named("header", "an array", forger.header_text(|text| format!("[{text}]"))));
    bent
}

/// CVE-2025-53864, 2026-25537, 2024-53861, 2025-30144.
fn claims(forger: &Forger) -> Vec<Bent> {
    let mut bent = Vec::new();
    let now = forger.claims["iat"].as_u64().expect("a date");
    for date in ["exp", "iat"] {
        let dates = [
            json!(now.to_string()),
            json!(now as f64 + 60.5),
            json!(-1),
            json!(0),
            json!(null),
            json!([now]),
            json!("2027-01-15T08:00:00Z"),
        ];
        for value in dates {
            bent.push(named(date, &value, forger.with_claims(|claims| claims[date] = value.clone())));
        }
        for text in ["1e309", "18446744073709551616", "9007199254740992", "1.8e9", "NaN", "Infinity", "+1", "01"] {
            let change = |claims: &str| claims.replacen(&format!("\"{date}\":{}", forger.claims[date]), &format!("\"{date}\":{text}"), 1);
            assert_ne!(change(&forger.claims.to_string()), forger.claims.to_string(), "the date is there");
            bent.push(named(date, text, forger.with_text(change)));
        }
    }
    bent.push(named("exp", "in ten years", forger.with_claims(|claims| claims["exp"] = json!(now + 315_360_000))));
    bent.push(named("exp", "now", forger.with_claims(|claims| claims["exp"] = json!(now))));
    bent.push(named("iat", "in an hour", forger.with_claims(|claims| claims["iat"] = json!(now + 3_600))));
    bent.push(named("nbf", "in a minute", forger.with_claims(|claims| claims["nbf"] = json!(now + 60))));
    bent.push(named("nbf", "text", forger.with_claims(|claims| claims["nbf"] = json!("now"))));
    for issuer in [json!(format!("{ISSUER}/")), json!(ISSUER.to_uppercase()), json!([ISSUER]), json!("http://127.0.0.1"), json!("")] {
        bent.push(named("iss", &issuer, forger.with_claims(|claims| claims["iss"] = issuer.clone())));
    }
    for audience in [json!(1), json!({}), json!(null), json!([[ISSUER]]), json!([])] {
        bent.push(named("aud", &audience, forger.with_claims(|claims| claims["aud"] = audience.clone())));
    }
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"] {
        bent.push(named("absent", name, forger.with_claims(|claims| _ = claims.as_object_mut().and_then(|claims| claims.remove(name)))));
    }
    for (name, value) in
        [("sub", json!(1)), ("jti", json!("x")), ("client_id", json!([])), ("scope", json!(["mintage:clients"])), ("sid", json!(1))]
    {
        bent.push(named("type of", name, forger.with_claims(|claims| claims[name] = value.clone())));
    }
    let json_texts: [(&str, Rewrite<'_>); 7] = [
        ("a name twice", &|text| text.replacen('{', "{\"sub\":\"root\",", 1)),
        ("a name twice, escaped", &|text| text.replacen('{', "{\"s\\u0075b\":\"root\",", 1)),
        ("a nested name twice", &|text| text.replacen('{', "{\"x\":{\"a\":1,\"a\":2},", 1)),
        ("too deep", &|text| text.replacen('{', &format!("{{\"x\":{}1{},", "[".repeat(500), "]".repeat(500)), 1)),
        ("NaN", &|text| text.replacen('{', "{\"x\":NaN,", 1)),
        ("trailing bytes", &|text| format!("{text} x")),
        ("BOM", &|text| format!("\u{feff}{text}")),
    ];
    for (what, change) in json_texts {
        bent.push(named("JSON", what, forger.with_text(change)));
    }
    let header = forger.header.to_string();
    let bad_utf8 = [&b"{\"x\":\"\xff\","[..], &forger.claims.to_string().as_bytes()[1..]].concat();
    bent.push(named("JSON", "bad UTF-8", forger.sign(header.as_bytes(), &bad_utf8)));
    bent
}

/// CVE-2026-29000, 2022-39227: shapes and spellings of the text itself.
fn spellings(forger: &Forger) -> Vec<Bent> {
    let [header, payload, signature] = forger.segments();
    let good = &forger.good;
    let last = signature.as_bytes()[signature.len() - 1];
    // 64 bytes leave four bits over in the last character: another last character may spell the same bytes.
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = alphabet.iter().position(|&byte| byte == last).expect("base64url");
    let sibling = char::from(alphabet[at ^ 1]);
    let rows = [
        ("two segments", format!("{header}.{payload}")),
        ("two segments and a dot", format!("{header}.{payload}.")),
        ("four segments", format!("{good}.{signature}")),
        ("five segments: JWE", format!("{header}..{payload}.{signature}.AAAA")),
        ("a dot before", format!(".{good}")),
        ("a dot behind", format!("{good}.")),
        ("two dots", good.replacen('.', "..", 1)),
        ("padding", format!("{good}==")),
        ("padding in front", format!("{header}=.{payload}.{signature}")),
        ("trailing bits", format!("{}{sibling}", &good[..good.len() - 1])),
        ("a tab", good.replacen('.', "\t.", 1)),
        ("a space inside", good.replacen('.', " .", 1)),
        ("percent signs", good.replace('.', "%2E")),
        ("quoted", format!("\"{good}\"")),
        ("JSON serialisation", json!({ "protected": header, "payload": payload, "signature": signature }).to_string()),
        ("polyglot", format!("{{\"protected\":\"{header}\",\"payload\":\"{payload}\",\"x\":\".{good}\"}}")),
        ("one bit of the signature", bend_a_bit(good)),
        ("upper case", good.to_uppercase()),
        ("9 KiB", format!("{header}.{}.{signature}", "A".repeat(9 * 1024))),
        ("20,000 dots", ".".repeat(20_000)),
    ];
    rows.into_iter().map(|(what, token)| named("text", what, token)).collect()
}

fn bend_a_bit(token: &str) -> String {
    let (input, signature) = token.rsplit_once('.').expect("a signature");
    let mut bytes = b64::decode(signature).expect("base64url");
    bytes[10] ^= 1;
    format!("{input}.{}", b64::encode(bytes))
}

/// PASETO tokens of version, purpose, footer and dates that are not ours (the v4 4-F-* vectors).
fn pasetos(app: &TestApp, forger: &Forger) -> Vec<Bent> {
    let key = signer_of(app, true);
    let kid = key.key.verifying().kid().to_owned();
    let mut claims = forger.claims.clone();
    claims["iat"] = json!(app.clock.now().to_rfc3339());
    claims["exp"] = json!(mintage::time::Moment::from_seconds(app.now() + 60).to_rfc3339());
    let sign = |claims: &Value, footer: &str| {
        let unsigned = paseto::Unsigned::new(claims.to_string().into_bytes(), footer.as_bytes().to_vec(), b"");
        paseto::finish(&unsigned, &key.key.sign(unsigned.signed()).expect("it signs"))
    };
    let footer = paseto::footer(&kid);
    let good = sign(&claims, &footer);
    let mut bent = vec![named("PASETO", "good", good.clone())];
    for header in
        ["v1.public.", "v2.public.", "v3.public.", "v4.local.", "v4.Public.", "V4.public.", "v5.public.", "v4.public", "v4.public.."]
    {
        bent.push(named("PASETO header", header, good.replacen("v4.public.", header, 1)));
    }
    let body = good.rsplit_once('.').expect("a footer").0;
    let other =
        ring_of(app).signing.iter().map(|held| held.key.verifying().kid().to_owned()).find(|other| *other != kid).expect("two keys");
    let footers = [
        format!("{{\"kid\":\"{other}\"}}"),
        "{\"kid\":\"k4.pid.AAAA\"}".to_owned(),
        format!("{{\"kid\":\"{kid}\",\"kid\":\"{kid}\"}}"),
        format!("{{\"kid\":\"{kid}\",\"x\":{}1{}}}", "[".repeat(100), "]".repeat(100)),
        format!("{{\"kid\":\"{kid}\",\"x\":\"{}\"}}", "a".repeat(600)),
        format!("{{\"kid\":\"{kid}\",\"wpk\":\"k4.public.AAAA\"}}"),
        kid.clone(),
        "{}".to_owned(),
    ];
    for (at, text) in footers.iter().enumerate() {
        bent.push(named("PASETO footer swapped in", at, format!("{body}.{}", b64::encode(text))));
        if at != 5 {
            bent.push(named("PASETO footer signed", at, sign(&claims, text)));
        }
    }
    bent.push(named("PASETO", "no footer", body.to_owned()));
    bent.push(named("PASETO", "trailing dot", format!("{body}.")));
    bent.push(named("PASETO", "two dots", format!("{good}.")));
    for (name, value) in
        [("exp", json!(app.now() + 60)), ("iat", json!(app.now())), ("exp", json!("2027-01-15 08:00:00Z")), ("exp", json!("soon"))]
    {
        let mut claims = claims.clone();
        claims[name] = value.clone();
        bent.push(named("PASETO date", value, sign(&claims, &footer)));
    }
    bent
}

/// Refresh tokens that are not the victim's current one.
fn refresh_tokens(app: &TestApp, token: &str, other: &str) -> Vec<Bent> {
    let ring = ring_of(app);
    let victim = RefreshToken::read(token, &ring).expect("a good one");
    let stolen_mac = |sid: Sid, generation: u32| {
        let forged = RefreshToken::new(victim.mac_key, sid, generation, Secret::new([7; 16]));
        forged.write(&ring).expect("the MAC key is there").expose(String::clone)
    };
    let mut bytes = b64::decode(&token[4..]).expect("base64url");
    let mut with = |at: usize, value: u8| {
        let was = std::mem::replace(&mut bytes[at], value);
        let text = format!("mrt_{}", b64::encode(&bytes));
        bytes[at] = was;
        text
    };
    let sid_of_other = RefreshToken::read(other, &ring).expect("a good one").sid;
    [
        ("version 2", with(0, 2)),
        ("another sid", with(5, 0xff)),
        ("another generation", with(21, 1)),
        ("another secret", with(25, 0)),
        ("another MAC", with(53, 0)),
        ("a good MAC over another secret", stolen_mac(victim.sid, victim.generation)),
        ("a good MAC over another secret, a generation ahead", stolen_mac(victim.sid, victim.generation + 1)),
        ("a good MAC over another secret, far ahead", stolen_mac(victim.sid, u32::MAX)),
        ("a good MAC over another secret and session", stolen_mac(sid_of_other, 0)),
        ("cut", token[..token.len() - 1].to_owned()),
        ("longer", format!("{token}A")),
        ("padded", format!("{token}=")),
        ("a space", format!(" {token}")),
        ("a line end", format!("{token}\n")),
        ("upper-case prefix", token.replacen("mrt_", "MRT_", 1)),
        ("no prefix", token[4..].to_owned()),
        ("two", format!("{token}{token}")),
        ("NUL", format!("{token}\u{0}")),
        ("60 KiB", format!("mrt_{}", "A".repeat(60_000))),
    ]
    .map(|(what, token)| named("refresh token", what, token))
    .into()
}

/// Presents a bent token wherever a token may be presented; returns what was wrong with the answers.
async fn present(app: &TestApp, token: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Ok(value) = reqwest::header::HeaderValue::from_str(&format!("Bearer {token}")) {
        let answer = app.send(app.request(Method::GET, "/v1/clients").header("authorization", value)).await;
        let is_cut = answer.status == 431;
        let is_refused = answer.status == 401 && challenge(&answer).contains("error=\"invalid_token\"");
        if !is_cut && !is_refused {
            wrong.push(format!("as Bearer: {} {}", answer.status, answer.text));
        }
    }
    let introspected = app.form_as("/oauth/introspect", "admin", ADMIN_SECRET, &[("token", token)]).await;
    if introspected.status != 413 && introspected.text != r#"{"active":false}"# {
        wrong.push(format!("introspected: {} {}", introspected.status, introspected.text));
    }
    let refreshed = app.refresh(token).await;
    if refreshed.status != 413 && (refreshed.status != 400 || refreshed.body["error"] != "invalid_grant") {
        wrong.push(format!("as refresh token: {} {}", refreshed.status, refreshed.text));
    }
    let revoked = app.form("/oauth/revoke", &[("token", token), ("client_id", "app")]).await;
    if !matches!(revoked.status.as_u16(), 200 | 400 | 413) {
        wrong.push(format!("given back: {} {}", revoked.status, revoked.text));
    }
    for answer in [&introspected, &refreshed, &revoked] {
        is_careful(answer);
    }
    wrong
}

async fn all_are_refused(app: &TestApp, bent: Vec<Bent>) {
    assert!(bent.len() > 10);
    let mut wrong = Vec::new();
    for (what, token) in &bent {
        wrong.extend(present(app, token).await.into_iter().map(|why| format!("{what}: {why}")));
    }
    assert!(wrong.is_empty(), "{} of {} were not refused:\n{}", wrong.len(), bent.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bent_jwts_are_refused_even_with_the_real_signature() {
    let app = TestApp::start().await;
    let victim = app.open("alice").await;
    let before = app.session(&victim.sid).await;
    let forger = Forger::of(&app).await;
    let control = forger.with_claims(|_| ());
    app.get("/v1/clients", &control).await.must_be(200);
    assert!(app.is_active(&control).await, "the forger's hand is good: what is refused is refused for its bend");

    let lure = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    lure.set_nonblocking(true).expect("it does not wait");
    let address = format!("http://{}", lure.local_addr().expect("an address"));
    let bent = [algorithms(&forger), headers(&forger, &address), claims(&forger), spellings(&forger)].concat();
    all_are_refused(&app, bent).await;
    assert!(lure.accept().is_err(), "nobody was asked for a key");

    app.get("/v1/clients", &control).await.must_be(200);
    assert_eq!(app.session(&victim.sid).await, before);
    app.refresh(&victim.refresh).await.must_be(200);
    assert!(app.is_active(&victim.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn bent_pasetos_are_refused_even_with_the_real_signature() {
    let app = TestApp::start().await;
    let mut bent = pasetos(&app, &Forger::of(&app).await);
    let (_, control) = bent.remove(0);
    app.get("/v1/clients", &control).await.must_be(200);
    all_are_refused(&app, bent).await;
}

const OTHER: &str = r#"
[[clients]]
id = "other"
type = "public"
scopes = ["read"]
audiences = ["https://api.example"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn bent_refresh_tokens_are_refused_and_their_victim_refreshes_on() {
    let app = node_with(OTHER).await;
    let victim = app.open("alice").await;
    let other = app.open_with(json!({ "subject": "alice", "client_id": "other" })).await;
    let before = [app.session(&victim.sid).await, app.session(&other.sid).await];
    all_are_refused(&app, refresh_tokens(&app, &victim.refresh, &other.refresh)).await;
    for (client, token) in [("other", &victim.refresh), ("app", &other.refresh)] {
        app.refresh_at(client, token).await.must_be(400).must_be_error("invalid_grant");
        let revoked = app.form("/oauth/revoke", &[("token", token), ("client_id", client)]).await;
        assert!(matches!(revoked.status.as_u16(), 200 | 400), "{}", revoked.text);
    }
    let wider =
        [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", victim.refresh.as_str()), ("scope", "read admin")];
    app.form("/oauth/token", &wider).await.must_be(400).must_be_error("invalid_scope");
    assert_eq!([app.session(&victim.sid).await, app.session(&other.sid).await], before, "nothing was written");
    app.refresh(&victim.refresh).await.must_be(200);
    app.refresh_at("other", &other.refresh).await.must_be(200);
    assert!(app.is_active(&victim.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_client_gives_nobody_elses_access_token_back() {
    let app = node_with(OTHER).await;
    let victim = app.open("alice").await;
    app.form("/oauth/revoke", &[("token", &victim.access), ("client_id", "other")]).await;
    assert!(app.is_active(&victim.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_beyond_all_measure_is_refused_unread() {
    let app = TestApp::start().await;
    let good = app.admin().await;
    for (token, most) in [(".".repeat(100_000), 431), ("A".repeat(1 << 20), 431), (format!("{good}{}", "A".repeat(40_000)), 431)] {
        let head = format!("GET /v1/clients HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
        let status = crate::wire::raw(&app, head.as_bytes()).await.map(|answer| answer.status);
        assert!(status.is_none_or(|status| status == most), "{status:?}");
        for path in ["/oauth/introspect", "/oauth/revoke", "/oauth/token"] {
            let body = format!("client_id=app&grant_type=refresh_token&token={token}&refresh_token={token}");
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let answer = crate::wire::raw(&app, format!("{head}{body}").as_bytes()).await;
            assert!(answer.is_none_or(|answer| matches!(answer.status, 400 | 401 | 413)), "{path}");
        }
    }
    call(&app, Method::GET, "/healthz/ready").await.must_be(200);
    app.get("/v1/clients", &good).await.must_be(200);
}

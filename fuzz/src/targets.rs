//! What is done with bytes from a stranger, one function a parser. Each panics when the parser does, or when what it accepts is not what
//! an independent reading allows.

use std::sync::OnceLock;

use axum::body::Body;
use axum::extract::FromRequest;
use axum::http::{HeaderMap, HeaderValue, Request, Uri};
use mintage::api::{NewClient, NewRevocation, NewSession, PatchSession, PatchSubject, ReplaceClient};
use mintage::config::{self, Flags};
use mintage::id::Sid;
use mintage::keyring::{Algorithm, KeyRing, MacKey, SigningKey};
use mintage::policy::{Audience, Expectation};
use mintage::secret::Secret;
use mintage::time::Moment;
use mintage::token::{MAX_TOKEN_BYTES, RefreshToken, assertion, b64, dpop, jwt, paseto};
use mintage::verify::{KeySet, Verifier};
use mintage::web::{self, Json, Params};
use serde_json::Value;

/// The issuer, audience and time of `tests/vectors/mintage`.
pub const ISSUER: &str = "https://id.example";
/// See [`ISSUER`].
pub const API: &str = "https://api.example";
/// See [`ISSUER`].
pub const NOW: u64 = 1_795_257_600;
/// Where proofs are sent to.
pub const TOKEN_ENDPOINT: &str = "https://id.example/oauth/token";
/// The longest lifetime that the verifier below takes, in seconds.
const MAX_TTL: u64 = 86_400;

/// A parser of foreign bytes: its name, and what it is held to.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const ALL: &[Target] = &[
    ("jwt", jwt),
    ("paseto", paseto),
    ("refresh_token", refresh_token),
    ("client_assertion", client_assertion),
    ("dpop_proof", dpop_proof),
    ("form", form),
    ("json_body", json_body),
    ("header", header),
    ("key_set", key_set),
    ("config", config),
];

/// A text as a whole token: nobody without the key writes one that is accepted, so only seeds are. A text as header, or as payload,
/// under a good signature: what is accepted says what an independent reader finds in it.
pub fn jwt(data: &[u8]) {
    let verifier = verifier();
    if let Ok(text) = std::str::from_utf8(data)
        && verifier.verify(text, Moment::from_seconds(NOW)).is_ok()
    {
        assert!(text.len() <= MAX_TOKEN_BYTES);
        let payload = text.split('.').nth(1).and_then(b64::decode).expect("an accepted token has a payload");
        assert_allowed(&payload);
    }
    let key = key(Algorithm::EdDsa);
    let header = b64::decode(&jwt::header_segment("at+jwt", key.verifying())).expect("our own header");
    if verifier.verify(&signed(&header, data), Moment::from_seconds(NOW)).is_ok() {
        assert_allowed(data);
    }
    if verifier.verify(&signed(data, GOOD.as_bytes()), Moment::from_seconds(NOW)).is_ok() {
        let header: Value = serde_json::from_slice(data).expect("an accepted header is JSON");
        assert_eq!((header["alg"].as_str(), header["kid"].as_str()), (Some("EdDSA"), Some(key.verifying().kid())));
        for refused in ["crit", "b64", "zip", "jku", "jwk", "x5u", "x5c"] {
            assert!(header.get(refused).is_none(), "{refused}");
        }
    }
}

/// As [`jwt`]: the whole token, then message and footer under a good signature.
pub fn paseto(data: &[u8]) {
    let verifier = verifier();
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = verifier.verify(text, Moment::from_seconds(NOW));
    }
    let key = key(Algorithm::V4Public);
    let sign = |message: &[u8], footer: &[u8]| {
        let unsigned = paseto::Unsigned::new(message.to_vec(), footer.to_vec(), b"");
        paseto::finish(&unsigned, &key.sign(unsigned.signed()).expect("it signs"))
    };
    let footer = paseto::footer(key.verifying().kid());
    if verifier.verify(&sign(data, footer.as_bytes()), Moment::from_seconds(NOW)).is_ok() {
        let claims: Value = serde_json::from_slice(data).expect("an accepted message is JSON");
        assert_eq!(claims["iss"], ISSUER);
        assert!(claims["exp"].as_str().is_some_and(|exp| exp.ends_with('Z')), "{claims}");
    }
    if verifier.verify(&sign(GOOD_PASETO.as_bytes(), data), Moment::from_seconds(NOW)).is_ok() {
        let footer: Value = serde_json::from_slice(data).expect("an accepted footer is JSON");
        assert_eq!(footer["kid"].as_str(), Some(key.verifying().kid()));
    }
}

/// What is read is written the same; also when a stranger's bytes stand under a good MAC.
pub fn refresh_token(data: &[u8]) {
    let ring = ring();
    let same = |text: &str| {
        if let Ok(token) = RefreshToken::read(text, &ring) {
            assert!(token.write(&ring).expect("its MAC key is there").expose(|written| written == text));
        }
    };
    if let Ok(text) = std::str::from_utf8(data) {
        same(text);
    }
    let mac = ring.macs[0].mac(data);
    same(&format!("mrt_{}", b64::encode([data, &mac].concat())));
}

/// As [`jwt`]: the whole assertion, then claims and header under the signature of a key that the client has registered.
pub fn client_assertion(data: &[u8]) {
    let registered = [key(Algorithm::EdDsa).verifying().to_jwk().to_string()];
    let is_good = |text: &str| {
        let read = assertion::read(text, ISSUER, Moment::from_seconds(NOW));
        read.is_ok_and(|assertion| assertion.client_id().len() <= 256 && assertion.prove(&registered).is_ok())
    };
    if let Ok(text) = std::str::from_utf8(data)
        && is_good(text)
    {
        assert_of_a_client(&payload_of(text));
    }
    if is_good(&signed(ASSERTION_HEADER.as_bytes(), data)) {
        assert_of_a_client(data);
    }
    if is_good(&signed(data, GOOD_ASSERTION.as_bytes())) {
        assert_header(data, "client-authentication+jwt");
    }
}

/// The same for proofs, which bring their key: whatever else its header says, an accepted proof is one of the key that signed it.
pub fn dpop_proof(data: &[u8]) {
    let own = key(Algorithm::EdDsa).verifying().thumbprint();
    let check = |text: &str| dpop::check(text, "POST", TOKEN_ENDPOINT, Moment::from_seconds(NOW)).ok();
    if let Ok(text) = std::str::from_utf8(data)
        && check(text).is_some()
    {
        assert_proves(&payload_of(text));
    }
    if let Some(proof) = check(&signed(proof_header().as_bytes(), data)) {
        assert_proves(data);
        assert_eq!(proof.thumbprint(), own);
    }
    if let Some(proof) = check(&signed(data, GOOD_PROOF.as_bytes())) {
        let header = assert_header(data, "dpop+jwt");
        assert!(header["jwk"].get("d").is_none(), "a private key was taken");
        assert_eq!(proof.thumbprint(), own, "the proof of another key than the one that signed");
    }
}

/// A form and a query: no name comes twice but for those that may, and no value shows when it is printed.
pub fn form(data: &[u8]) {
    for params in [Params::parse(data), Params::parse_filled(data)] {
        match params {
            Ok(mut params) => {
                let shown = format!("{params:?}");
                for (_, value) in pairs(data).filter(|(_, value)| value.len() > 12) {
                    assert!(!shown.contains(&value) || pairs(data).any(|(name, _)| name.contains(&value)), "a value prints");
                }
                for name in ["token", "client_id", "grant_type", "scope"] {
                    if params.text(name).is_some() {
                        assert!(params.text(name).is_none(), "`{name}` came twice");
                    }
                }
            }
            Err(bad) => assert!(bad.name.is_none_or(|name| name.len() <= data.len())),
        }
    }
}

/// A body for every type of request: read or refused, and nothing is read that is no JSON to others.
pub fn json_body(data: &[u8]) {
    let is_json = serde_json::from_slice::<Value>(data).is_ok();
    let read = [
        takes::<NewSession>(data),
        takes::<PatchSession>(data),
        takes::<PatchSubject>(data),
        takes::<NewRevocation>(data),
        takes::<NewClient>(data),
        takes::<ReplaceClient>(data),
    ];
    assert!(is_json || read == [false; 6]);
}

/// An `Authorization` header and the other texts that come in headers and addresses.
pub fn header(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let headers = HeaderMap::from_iter([(axum::http::header::AUTHORIZATION, value)]);
    if let Ok(Some((scheme, credentials))) = web::authorization(&headers) {
        assert!(!scheme.contains(' ') && !credentials.starts_with(' '), "one scheme, one text");
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = web::has_token(Some(text));
        if let Ok(sid) = text.parse::<Sid>() {
            assert_eq!(sid.to_string(), text, "an id has one spelling");
        }
    }
}

/// A published set of keys: read or refused, and never with a private key in it.
pub fn key_set(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = KeySet::from_paserk_set(text);
    if KeySet::from_jwks(text).is_ok() {
        let set: Value = serde_json::from_str(text).expect("a key set that is read is JSON");
        let keys = set["keys"].as_array().expect("it has keys");
        assert!(keys.iter().all(|key| key.get("d").is_none()), "a private key was believed");
    }
}

/// A configuration file: taken whole, or refused with at least one fault, each with a fix.
pub fn config(data: &[u8]) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), data).expect("it is written");
    let flags = Flags { config: Some(file.path().to_owned()), ..Flags::default() };
    if let Err(faults) = config::load(&flags, []) {
        assert!(!faults.is_empty(), "refused, and nobody knows why");
        assert!(faults.iter().all(|fault| !fault.to_string().is_empty()));
    }
}

fn takes<T: serde::de::DeserializeOwned>(data: &[u8]) -> bool {
    let request = Request::builder().header("content-type", "application/json").body(Body::from(data.to_vec())).expect("a request");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(Json::<T>::from_request(request, &())).is_ok()
}

fn payload_of(text: &str) -> Vec<u8> {
    text.split('.').nth(1).and_then(b64::decode).expect("what is accepted has a payload")
}

/// What RFC 7523 and the requirements let pass, read by another parser.
fn assert_of_a_client(payload: &[u8]) {
    let claims: Value = serde_json::from_slice(payload).expect("accepted claims are JSON");
    let expires = claims["exp"].as_u64().expect("a whole number");
    assert!(expires > NOW && expires <= NOW + 310, "{claims}");
    assert!(
        ["iat", "nbf"].iter().all(|name| claims.get(name).is_none_or(|date| date.as_u64().is_some_and(|date| date <= NOW + 10))),
        "{claims}"
    );
    assert!(
        claims["iss"].is_string() && claims["iss"] == claims["sub"] && claims["jti"].as_str().is_some_and(|jti| !jti.is_empty()),
        "{claims}"
    );
    assert_eq!(claims["aud"], ISSUER, "one audience, as one text");
}

/// What RFC 9449 §4.3 lets pass, read by another parser.
fn assert_proves(payload: &[u8]) {
    let claims: Value = serde_json::from_slice(payload).expect("accepted claims are JSON");
    assert_eq!(claims["htm"], "POST");
    assert!(claims["iat"].as_u64().is_some_and(|at| at.abs_diff(NOW) <= 300), "{claims}");
    assert!(claims["jti"].as_str().is_some_and(|jti| !jti.is_empty()), "{claims}");
    if let Ok(address) = claims["htu"].as_str().expect("a text").parse::<Uri>() {
        assert!(address.host().is_some_and(|host| host.eq_ignore_ascii_case("id.example")), "{claims}");
        assert!(address.scheme_str() == Some("https") && matches!(address.port_u16(), None | Some(443)), "{claims}");
    }
}

/// The header that was accepted: of this type, of the algorithm of the key, and with nothing that must refuse.
fn assert_header(header: &[u8], typ: &str) -> Value {
    let header: Value = serde_json::from_slice(header).expect("an accepted header is JSON");
    let said = header["typ"].as_str().expect("a text").to_ascii_lowercase();
    assert_eq!(said.strip_prefix("application/").unwrap_or(&said), typ);
    assert!(header["alg"] == "EdDSA" || header["alg"] == "Ed25519", "{header}");
    assert!(["crit", "b64", "zip", "jku", "x5u", "x5c"].iter().all(|name| header.get(name).is_none()), "{header}");
    header
}

/// What RFC 9068 and the requirements let pass, read by another parser.
fn assert_allowed(payload: &[u8]) {
    let claims: Value = serde_json::from_slice(payload).expect("an accepted payload is JSON");
    let is_text = |name: &str| claims[name].is_string();
    let date = |name: &str| claims[name].as_u64().unwrap_or_else(|| panic!("`{name}` is no whole number: {claims}"));
    let audiences = claims["aud"].as_array().map_or_else(|| vec![&claims["aud"]], |all| all.iter().collect());
    assert_eq!(claims["iss"], ISSUER);
    assert!(audiences.iter().any(|audience| *audience == API), "{claims}");
    assert!(["sub", "jti", "client_id"].iter().all(|name| is_text(name)), "{claims}");
    let (issued, expires) = (date("iat"), date("exp"));
    assert!(expires > NOW && issued <= NOW + 10 && expires > issued && expires - issued <= MAX_TTL, "{claims}");
    assert!(claims.get("nbf").is_none() || date("nbf") <= NOW + 10, "{claims}");
    assert!(claims.get("cnf").is_none(), "a bound token passes as Bearer: {claims}");
}

const GOOD: &str = r#"{"iss":"https://id.example","sub":"alice","aud":"https://api.example","exp":1795257900,"iat":1795257600,"jti":"01a1f0c3-7a00-7111-8111-111111111111","client_id":"app"}"#;
const GOOD_PASETO: &str = r#"{"iss":"https://id.example","sub":"alice","aud":"https://api.example","exp":"2026-11-21T10:45:00Z","iat":"2026-11-21T10:40:00Z","jti":"01a1f0c3-7a00-7111-8111-111111111111","client_id":"app"}"#;

/// The header of client assertions.
pub(crate) const ASSERTION_HEADER: &str = r#"{"typ":"client-authentication+jwt","alg":"EdDSA"}"#;
/// Good claims of an assertion.
pub(crate) const GOOD_ASSERTION: &str =
    r#"{"iss":"svc","sub":"svc","aud":"https://id.example","exp":1795257660,"iat":1795257600,"nbf":1795257600,"jti":"one"}"#;
/// Good claims of a proof.
pub(crate) const GOOD_PROOF: &str =
    r#"{"jti":"one","htm":"POST","htu":"https://id.example/oauth/token","iat":1795257600,"nonce":"AQ","ath":"AQ"}"#;

/// The header of proofs, with the key in it.
pub(crate) fn proof_header() -> String {
    serde_json::json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": key(Algorithm::EdDsa).verifying().to_jwk() }).to_string()
}

/// A JWT of any header and payload, correctly signed.
pub(crate) fn signed(header: &[u8], payload: &[u8]) -> String {
    let input = format!("{}.{}", b64::encode(header), b64::encode(payload));
    let signature = key(Algorithm::EdDsa).sign(input.as_bytes()).expect("it signs");
    jwt::finish(input, &signature)
}

/// Names and values of a form as they are written, not decoded.
fn pairs(data: &[u8]) -> impl Iterator<Item = (String, String)> {
    let pairs = data.split(|&byte| byte == b'&');
    pairs.filter_map(|pair| {
        let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    })
}

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::from_private(algorithm, &[1; 32]).expect("a key")
}

/// Made once: its tables take longer than many inputs.
fn verifier() -> &'static Verifier {
    static VERIFIER: OnceLock<Verifier> = OnceLock::new();
    VERIFIER.get_or_init(new_verifier)
}

fn new_verifier() -> Verifier {
    let keys = [key(Algorithm::EdDsa), key(Algorithm::V4Public)].map(|key| (key.verifying().clone(), None));
    let expectation = Expectation { max_ttl: std::time::Duration::from_secs(MAX_TTL), ..Expectation::new(ISSUER, Audience::one(API)) };
    Verifier::new(expectation, KeySet::from_keys(keys).expect("two keys"))
}

/// One MAC key.
pub(crate) fn ring() -> KeyRing {
    let start = Moment::from_seconds(1);
    KeyRing { signing: Vec::new(), macs: vec![MacKey::new(1, Secret::new([7; 32]), start, start, None)] }
}

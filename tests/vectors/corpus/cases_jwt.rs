//! JSON Web Tokens: `requirements.md` §1 and the rows of §6 that speak of tokens.

use std::collections::HashMap;

use mintage::keyring::{Algorithm, SigningKey};
use mintage::token::{b64, jwt};
use ring::hmac;
use serde_json::{Value, json};

use super::Case;
use super::mint::*;

struct List(Vec<Case>);

impl List {
    fn add(&mut self, name: impl Into<String>, token: impl Into<String>, denial: impl Into<Option<&'static str>>, why: &'static str) {
        self.0.push(Case { name: format!("jwt: {}", name.into()), token: token.into(), denial: denial.into(), why });
    }
}

fn good() -> Payload {
    Payload::new(numeric)
}

fn with_header(header: impl AsRef<str>) -> String {
    sign_jwt(header.as_ref(), good().text(), &jwt_key())
}

fn with_payload(payload: impl AsRef<[u8]>) -> String {
    sign_jwt(&header(&jwt_key()), payload, &jwt_key())
}

/// The header of the usual key with more members, given as JSON text after a comma.
fn header_and(more: &str) -> String {
    format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{}"{more}}}"#, jwt_key().verifying().kid())
}

/// All cases. Signatures of ES256 are random: those of `kept`, the committed file, stay where the rest of the token is the same.
pub(super) fn cases(kept: &str) -> Vec<Case> {
    let mut list = List(vec![]);
    list.add("good", with_payload(good().text()), None, "§1");
    algorithms(&mut list);
    es256(&mut list, kept);
    headers(&mut list);
    types(&mut list);
    kids(&mut list);
    keys(&mut list);
    spellings(&mut list);
    sizes(&mut list);
    signatures(&mut list);
    dates(&mut list);
    for (name, payload, denial, why) in payloads(numeric) {
        list.add(name, with_payload(payload), denial, why);
    }
    list.0
}

fn algorithms(list: &mut List) {
    let why = "§6 alg none and case variants; §1 the header never chooses";
    let kid = jwt_key().verifying().kid().to_owned();
    let named = |alg: &str| format!(r#"{{"typ":"at+jwt","alg":{alg},"kid":"{kid}"}}"#);
    for alg in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        "",
        "eddsa",
        "EDDSA",
        "EdDSA ",
        "Ed25519",
        "Ed448",
        "ES256",
        "RS256",
        "PS256",
        "HS256",
        "v4.public",
    ] {
        list.add(format!("alg {alg:?}, signed all the same"), with_header(named(&json!(alg).to_string())), "algorithm_mismatch", why);
    }
    for alg in ["null", "1", "[\"EdDSA\"]", "true"] {
        list.add(format!("alg as {alg}"), with_header(named(alg)), "header_malformed", why);
    }
    list.add("no alg", with_header(format!(r#"{{"typ":"at+jwt","kid":"{kid}"}}"#)), "header_malformed", why);
    let unsigned = format!("{}.{}", b64::encode(named("\"none\"")), b64::encode(good().text()));
    list.add("alg none, no signature", format!("{unsigned}."), "malformed", why);
    list.add("alg none, two parts", unsigned, "malformed", why);
    let ours = format!("{}.{}", b64::encode(header(&jwt_key())), b64::encode(good().text()));
    list.add("alg EdDSA, no signature", format!("{ours}."), "malformed", why);

    let why = "§6 HS/RS confusion with PEM, JWK, empty key";
    let jwk = jwt_key().verifying().to_jwk();
    let x = b64::decode(jwk["x"].as_str().unwrap()).unwrap();
    let der = [&[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0][..], &x].concat();
    use base64::Engine;
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64::engine::general_purpose::STANDARD.encode(&der));
    for (name, secret) in
        [("raw key", &x[..]), ("DER", &der), ("PEM", pem.as_bytes()), ("JWK", jwk.to_string().as_bytes()), ("empty key", b"")]
    {
        let input = format!("{}.{}", b64::encode(named("\"HS256\"")), b64::encode(good().text()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
        list.add(format!("HS256 under our public key as {name}"), format!("{input}.{}", b64::encode(tag)), "algorithm_mismatch", why);
        let input = format!("{}.{}", b64::encode(header(&jwt_key())), b64::encode(good().text()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
        list.add(format!("HMAC under our public key as {name}, alg EdDSA"), format!("{input}.{}", b64::encode(tag)), "bad_signature", why);
    }
    let second = ed25519(Algorithm::Ed25519, 2);
    list.add("alg Ed25519 (RFC 9864)", sign_jwt(&header(&second), good().text(), &second), None, "§1 RFC 9864");
    let as_eddsa = header(&second).replace("\"alg\":\"Ed25519\"", "\"alg\":\"EdDSA\"");
    list.add(
        "EdDSA for a key that is Ed25519",
        sign_jwt(&as_eddsa, good().text(), &second),
        "algorithm_mismatch",
        "§1 one algorithm per key",
    );
}

fn es256(list: &mut List, kept: &str) {
    let key = es256_key();
    let fresh = sign_jwt(&header(&key), good().text(), &key);
    let input = fresh.rsplit_once('.').unwrap().0;
    let kept: HashMap<String, String> = kept
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| Some((line["name"].as_str()?.to_owned(), line["token"].as_str()?.to_owned())))
        .collect();
    let committed = kept.get("jwt: ES256").filter(|token| token.rsplit_once('.').is_some_and(|(held, _)| held == input));
    list.add("ES256", committed.unwrap_or(&fresh), None, "§1 ES256");

    let why = "§6 ES256 r=s=0; §1 r and s in range, fixed 64-byte form only";
    let order: [u8; 32] = b64::decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE").unwrap().try_into().unwrap();
    let (zero, mut one) = ([0; 32], [0; 32]);
    one[31] = 1;
    let pairs = [
        ("r=s=0", zero, zero),
        ("r=0", zero, one),
        ("s=0", one, zero),
        ("r=s=n", order, order),
        ("r=s=1", one, one),
        ("r=n, s=1", order, one),
    ];
    for (name, r, s) in pairs.into_iter().chain([("r=s=2^256-1", [0xff; 32], [0xff; 32])]) {
        list.add(format!("ES256, {name}"), format!("{input}.{}", b64::encode([r, s].concat())), "bad_signature", why);
    }
    let der = [&[0x30, 6, 2, 1, 1, 2, 1, 1][..]].concat();
    list.add("ES256, DER", format!("{input}.{}", b64::encode(der)), "bad_signature", why);
    list.add("ES256, 63 bytes", format!("{input}.{}", b64::encode([1; 63])), "bad_signature", why);
    list.add("ES256, 65 bytes", format!("{input}.{}", b64::encode([1; 65])), "bad_signature", why);
}

fn headers(list: &mut List) {
    let why = "§6 crit, b64:false; §1 any crit, b64, zip refuses";
    for more in [
        r#","crit":["exp"]"#,
        r#","crit":[]"#,
        r#","crit":["b64"],"b64":false"#,
        r#","b64":false"#,
        r#","b64":true"#,
        r#","zip":"DEF""#,
        r#","crit":null"#,
    ] {
        list.add(format!("header with {}", &more[1..]), with_header(header_and(more)), "header_forbidden", why);
    }
    let why = "§6 embedded jwk, jku, x5u: nothing is fetched";
    let theirs = ed25519(Algorithm::EdDsa, 66);
    let embedded = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","jwk":{}}}"#, theirs.verifying().to_jwk());
    list.add("their own jwk in the header", sign_jwt(&embedded, good().text(), &theirs), "header_forbidden", why);
    for more in [
        r#","jku":"https://evil.example/jwks""#,
        r#","x5u":"https://evil.example/x""#,
        r#","x5c":["MAA="]"#,
        r#","jwk":{}"#,
        r#","jku":null"#,
    ] {
        list.add(format!("header with {}", &more[1..]), with_header(header_and(more)), "header_forbidden", why);
    }
    let why = "§1 duplicate header names; strict JSON";
    for more in [r#","alg":"EdDSA""#, r#","alg":"none""#, r#","al\u0067":"EdDSA""#, r#","x":1,"x":1"#, r#","x":{"a":1,"a":1}"#] {
        list.add(format!("header with {} too", &more[1..]), with_header(header_and(more)), "header_malformed", why);
    }
    list.add(
        "other order, a member more",
        with_header(format!(r#"{{"x":{{}},"kid":"{}","alg":"EdDSA","typ":"at+jwt"}}"#, jwt_key().verifying().kid())),
        None,
        "§1",
    );
    list.add("header with white space", with_header(header_and("").replace(',', " ,\n")), None, "§1");
    for (name, text) in [
        ("trailing bytes", format!("{}x", header_and(""))),
        ("a byte order mark", format!("\u{feff}{}", header_and(""))),
        ("a list", format!("[{}]", header_and(""))),
        ("a text", "\"at+jwt\"".to_owned()),
        ("NaN", header_and(r#","x":NaN"#)),
        ("a trailing comma", header_and(",")),
        ("depth 9", header_and(&format!(r#","x":{}{}"#, "[".repeat(8), "]".repeat(8)))),
        ("65 members", header_and(&(0..62).map(|at| format!(",\"m{at}\":0")).collect::<String>())),
        ("900 bytes", header_and(&format!(r#","x":"{}""#, "x".repeat(900)))),
    ] {
        list.add(format!("header with {name}"), with_header(text), "header_malformed", why);
    }
    let key = jwt_key();
    let bad_utf8 = b64::encode([header_and(r#","x":""#).trim_end_matches('}').as_bytes(), b"\xff\"}"].concat());
    list.add("header with bad UTF-8", sign_segments(&bad_utf8, &b64::encode(good().text()), &key), "header_malformed", why);
}

fn types(list: &mut List) {
    let why = "§1 typ is at+jwt or application/at+jwt; §6 other kinds of JWT as access token";
    let typed = |typ: &str| with_header(header_and("").replace("\"at+jwt\"", typ));
    list.add("typ application/at+jwt", typed("\"application/at+jwt\""), None, why);
    for typ in ["JWT", "jwt", "", "at", "at+jwt ", "at+jwtx", "application/jwt", "text/at+jwt", "application/application/at+jwt"] {
        list.add(format!("typ {typ:?}"), typed(&json!(typ).to_string()), "wrong_type", why);
    }
    for typ in
        ["token-introspection+jwt", "client-authentication+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "statuslist+jwt", "id_token+jwt"]
    {
        list.add(format!("typ {typ}"), typed(&json!(typ).to_string()), "wrong_type", why);
    }
    list.add("no typ", with_header(format!(r#"{{"alg":"EdDSA","kid":"{}"}}"#, jwt_key().verifying().kid())), "wrong_type", why);
    for typ in ["null", "1", "[\"at+jwt\"]"] {
        list.add(format!("typ as {typ}"), typed(typ), "header_malformed", why);
    }
    let why = "§6 access token as refresh token, and the other way round";
    list.add("a refresh token", format!("mrt_{}", b64::encode([1; 54])), "malformed", why);
}

fn kids(list: &mut List) {
    let why = "§6 kid: traversal, SQL, CRLF, NUL, 8 KB, number";
    let with = |kid: &str| with_header(format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":{kid}}}"#));
    for (name, kid) in [
        ("traversal", json!("../../../../dev/null")),
        ("SQL", json!("x' UNION SELECT 'key")),
        ("CRLF", json!("x\r\nSet-Cookie: a=b")),
        ("NUL", json!("x\u{0}y")),
        ("257 bytes", json!("x".repeat(257))),
        ("nothing", json!("")),
        ("white space", json!("x y")),
        ("URL", json!("https://evil.example/key")),
        ("number", json!(1)),
        ("list", json!([jwt_key().verifying().kid()])),
        ("null", json!(null)),
    ] {
        list.add(format!("kid as {name}"), with(&kid.to_string()), "header_malformed", why);
    }
    list.add("kid of 8 KB", with(&json!("x".repeat(8 * 1024)).to_string()), "too_long", why);
    list.add("kid of 4 KB", with(&json!("x".repeat(4 * 1024)).to_string()), "header_malformed", why);
    list.add("kid unknown", with("\"nobody\""), "unknown_key", why);
    list.add("no kid", with_header(r#"{"typ":"at+jwt","alg":"EdDSA"}"#), "unknown_key", why);
    list.add("kid in capitals", with(&json!(jwt_key().verifying().kid().to_uppercase()).to_string()), "unknown_key", why);
}

fn keys(list: &mut List) {
    let [ended, foreign, encryption] = odd_keys(Algorithm::EdDsa);
    let under = |key: &SigningKey| sign_jwt(&header(key), good().text(), key);
    list.add("a key past its end", under(&ended), "key_ended", "§1 a key's own end date");
    list.add("another issuer's key", under(&foreign), "key_mismatch", "§1 a key's own issuer");
    list.add("an encryption key", under(&encryption), "unknown_key", "§1 a key's own purpose");
    list.add("a key that nobody published", under(&ed25519(Algorithm::EdDsa, 99)), "unknown_key", "§1 kid: in-memory lookup only");
    let borrowed = sign_jwt(&header(&jwt_key()), good().text(), &foreign);
    list.add("another key under our kid", borrowed, "bad_signature", "§1 the key found by kid");
    let paseto = paseto_key();
    let swapped = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{}"}}"#, paseto.verifying().kid());
    list.add("a PASETO key in a JWT", sign_jwt(&swapped, good().text(), &paseto), "key_mismatch", "§2 keys typed by version and purpose");
    let rsa = r#"{"typ":"at+jwt","alg":"RS384","kid":"rsa"}"#;
    list.add("an RS384 key of the set", with_header(rsa), "unknown_key", "§1 allow-list of algorithms");
    let key = rs256_key();
    list.add("good, RS256", sign_jwt(&header(&key), good().text(), &key), None, "§1 RS256 by imported key");
    let confused = |alg: &str| with_header(format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"{}"}}"#, rs256_key().verifying().kid()));
    list.add("HS256 under an RSA key", confused("HS256"), "algorithm_mismatch", "§6 HS/RS confusion");
    list.add("PS256 under an RSA key", confused("PS256"), "algorithm_mismatch", "§1 one algorithm per key");
    list.add("64 bytes of signature under an RSA key", confused("RS256"), "bad_signature", "§1 the key found by kid");
}

fn spellings(list: &mut List) {
    let why = "§6 base64 spellings, stray dots, white space; §1 one token has one spelling";
    let token = with_payload(good().text());
    let [head, body, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let key = jwt_key();
    for (name, text, denial) in [
        ("a leading dot", format!(".{token}"), "malformed"),
        ("a trailing dot", format!("{token}."), "malformed"),
        ("two dots", format!("{head}..{signature}"), "malformed"),
        ("one part", head.to_owned(), "malformed"),
        ("nothing", String::new(), "malformed"),
        ("a leading space", format!(" {token}"), "header_malformed"),
        ("a trailing space", format!("{token} "), "bad_signature"),
        ("a padded signature", format!("{token}=="), "bad_signature"),
        ("a signature cut short", token[..token.len() - 1].to_owned(), "bad_signature"),
        ("a signature and more", format!("{token}AA"), "bad_signature"),
        ("Bearer before it", format!("Bearer {token}"), "header_malformed"),
        ("quotes round it", format!("\"{token}\""), "header_malformed"),
        ("a percent escape", token.replacen('.', "%2E", 1), "malformed"),
        ("a full-width dot", token.replacen('.', "\u{ff0e}", 1), "malformed"),
        ("a zero-width space", format!("{token}\u{200b}"), "bad_signature"),
        ("a tilde (SD-JWT)", format!("{token}~"), "bad_signature"),
    ] {
        list.add(name, text, denial, why);
    }
    for (name, text) in [("=", format!("{body}=")), ("a space", format!("{body} ")), ("+", format!("{}+", &body[..body.len() - 1]))] {
        list.add(format!("a payload with {name}, signed so"), sign_segments(head, &text, &key), "malformed", why);
    }
    list.add("a header with =, signed so", sign_segments(&format!("{head}="), body, &key), "header_malformed", why);
    // A payload of 3n+1 bytes ends in a character of which only two bits count.
    let odd = [good(), good().with("scope", "\"rea\""), good().with("scope", "\"re\"")].map(|payload| payload.text());
    let odd = b64::encode(odd.iter().find(|text| text.len() % 3 == 1).unwrap());
    let last = odd.chars().last().map(|last| char::from(last as u8 + 1)).unwrap();
    list.add(
        "a payload with bits left over, signed so",
        sign_segments(head, &format!("{}{last}", &odd[..odd.len() - 1]), &key),
        "malformed",
        why,
    );
    let why = "§6 JSON/compact polyglot; §1 compact form only";
    let flattened = json!({"protected": head, "payload": body, "signature": signature});
    list.add("flattened JSON", flattened.to_string(), "malformed", why);
    list.add(
        "general JSON",
        json!({"payload": body, "signatures": [{"protected": head, "signature": signature}]}).to_string(),
        "malformed",
        why,
    );
    let polyglot =
        format!(r#"{{"{head}.{}.{signature}":"","protected":"{head}","payload":"{body}","signature":"{signature}"}}"#, b64::encode("{}"));
    list.add("JSON that is compact too", polyglot, "header_malformed", why);
}

fn sizes(list: &mut List) {
    let why = "§6 JWE wrapping, zip and p2c bombs";
    let head = |text: &str| b64::encode(text);
    let jwe = |header: &str| format!("{}.AAAA.AAAA.AAAA.AAAA", head(header));
    list.add("JWE", jwe(r#"{"alg":"dir","enc":"A256GCM","cty":"JWT"}"#), "unsupported_format", why);
    list.add(
        "JWE with a p2c bomb",
        jwe(r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2s":"AAAA","p2c":2147483647}"#),
        "unsupported_format",
        why,
    );
    list.add("JWE with a zip bomb", jwe(r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#), "unsupported_format", why);
    list.add(
        "JWE round a token of ours",
        format!("{}..AAAA.{}.AAAA", head("{\"alg\":\"dir\"}"), b64::encode(with_payload(good().text()))),
        "unsupported_format",
        why,
    );
    let why = "§6 100 k dots, 1 MiB token";
    list.add("100,000 dots", ".".repeat(100_000), "too_long", why);
    list.add("8,192 dots", ".".repeat(8_192), "malformed", why);
    list.add("four dots", "....", "unsupported_format", why);
    list.add("64 KiB in three parts", format!("{0}.{0}.{0}", "A".repeat(21_845)), "too_long", why);
    let why = "§1 > 8 KiB";
    let sized = |filler: usize| with_payload(good().with("x", json!("x".repeat(filler)).to_string()).text());
    let base = sized(0).len();
    let most = (0..8_192).rev().find(|filler| base + filler * 4 / 3 + 2 <= 8_192).unwrap();
    let exact = (most..most + 8).rev().map(sized).find(|token| token.len() <= 8_192).unwrap();
    list.add(format!("{} bytes", exact.len()), exact, None, why);
    let over = (most..most + 8).map(sized).find(|token| token.len() > 8_192).unwrap();
    list.add(format!("{} bytes", over.len()), over, "too_long", why);
}

fn signatures(list: &mut List) {
    let why = "§1 Ed25519: S < L, no small-order R";
    let token = with_payload(good().text());
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = b64::decode(signature).unwrap();
    let finish = |signature: &[u8]| jwt::finish(input.to_owned(), signature);
    let order = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0x10,
    ];
    let mut above = signature.clone();
    let mut carry = 0;
    for (byte, add) in above[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + add + carry;
        (*byte, carry) = ((sum & 0xff) as u8, sum >> 8);
    }
    list.add("S + L", finish(&above), "bad_signature", why);
    list.add("a signature of zeros", finish(&[0; 64]), "bad_signature", why);
    let mut identity = [0; 64];
    identity[0] = 1;
    list.add("R the identity, S = 0", finish(&identity), "bad_signature", why);
    let mut small = signature.clone();
    small[..32].copy_from_slice(&b64::decode("JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU").unwrap());
    list.add("R of order 8", finish(&small), "bad_signature", why);
    let mut flipped = signature;
    flipped[0] ^= 1;
    list.add("one bit of R", finish(&flipped), "bad_signature", why);
    let other = with_payload(good().with("sub", "\"mallory\"").text());
    let spliced = format!("{}.{}", other.rsplit_once('.').unwrap().0, token.rsplit_once('.').unwrap().1);
    list.add("another payload under this signature", spliced, "bad_signature", why);
}

fn dates(list: &mut List) {
    let why = "§6 dates as string, float, 1e309, negative, 2^64, ISO text; §1 integers, 0 < n < 2^53";
    for value in [
        "\"1795257900\"",
        "1795257900.0",
        "1795257900.5",
        "1.7952579e9",
        "1e309",
        "-1",
        "-0",
        "0",
        "9007199254740992",
        "18446744073709551616",
        "\"2026-11-21T10:45:00Z\"",
        "[1795257900]",
        "{}",
        "\"\"",
    ] {
        for claim in ["exp", "iat", "nbf"] {
            list.add(format!("{claim} as {value}"), with_payload(good().with(claim, value).text()), "claim_invalid", why);
        }
    }
    // One pass, one claim at a time: the 0 is out of range before what follows it is seen to be no JSON.
    for value in ["01795257900", "0x6b01c9ac"] {
        list.add(format!("exp as {value}"), with_payload(good().with("exp", value).text()), "claim_invalid", why);
    }
    for value in ["+1795257900", "NaN", "Infinity", "1_795_257_900"] {
        list.add(format!("exp as {value}"), with_payload(good().with("exp", value).text()), "claims_malformed", why);
    }
    list.add("exp as 2^53 - 1", with_payload(good().with("exp", "9007199254740991").text()), "lifetime_too_long", why);
}

/// Payloads and what becomes of them, the same in both formats; `date` spells a date.
pub(super) fn payloads(date: fn(u64) -> String) -> Vec<(String, Vec<u8>, Option<&'static str>, &'static str)> {
    let mut list = vec![];
    let good = || Payload::new(date);
    let mut add =
        |name: String, payload: Payload, denial: Option<&'static str>, why| list.push((name, payload.text().into_bytes(), denial, why));

    let why = "§1 required: iss, aud, exp, iat, sub, client_id, jti";
    for claim in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"] {
        add(format!("no {claim}"), good().without(claim), Some("claim_missing"), why);
        add(format!("{claim} as null"), good().with(claim, "null"), Some("claim_invalid"), "§1 a claim of the wrong type is never absent");
    }
    add("no sid, no scope".into(), good().without("sid").without("scope"), None, why);
    let why = "§1 a claim of the wrong type refuses";
    for (claim, value) in [
        ("iss", "1"),
        ("iss", "[\"https://id.example\"]"),
        ("sub", "7"),
        ("sub", "\"\""),
        ("aud", "1"),
        ("aud", "{}"),
        ("aud", "[1]"),
        ("aud", "[[\"https://api.example\"]]"),
        ("client_id", "true"),
        ("client_id", "\"\""),
        ("jti", "1"),
        ("jti", "\"x\""),
        ("jti", "\"01A1F0C3-7A00-7111-8111-111111111111\""),
        ("jti", "\"01a1f0c3-7a00-4111-8111-111111111111\""),
        ("sid", "1"),
        ("sid", "\"x\""),
        ("sid", "null"),
        ("scope", "[\"read\"]"),
        ("scope", "1"),
        ("acr", "1"),
        ("amr", "\"pwd\""),
        ("amr", "[1]"),
        ("cnf", "\"x\""),
        ("cnf", "{\"jkt\":1}"),
        ("cnf", "{\"x5t#S256\":\"x\"}"),
        ("act", "\"x\""),
    ] {
        add(format!("{claim} as {value}"), good().with(claim, value), Some("claim_invalid"), why);
    }
    issuers_and_audiences(&mut add, good);
    times(&mut add, good, date);
    add(
        "bound to a key, as Bearer".into(),
        good().with("cnf", "{\"jkt\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}"),
        Some("sender_key"),
        "§3 a bound token sent as Bearer is refused",
    );
    add("custom claims".into(), good().with("roles", "[\"admin\",{\"x\":1.5}]"), None, "§1");
    list.extend(json_texts(&good));
    list
}

fn issuers_and_audiences(add: &mut impl FnMut(String, Payload, Option<&'static str>, &'static str), good: impl Fn() -> Payload) {
    let why = "§6 iss prefix, case, array; aud absent, partial, wrong";
    for iss in [
        "https://id.exampl",
        "https://id.example/",
        "https://id.example.evil",
        "https://ID.example",
        "HTTPS://id.example",
        "http://id.example",
        "https://id.example ",
        "https://id.example\u{0}",
    ] {
        add(format!("iss {iss:?}"), good().with("iss", json!(iss).to_string()), Some("wrong_issuer"), why);
    }
    add("iss written with escapes".into(), good().with("iss", r#""https:\/\/id.\u0065xample""#), None, "§1 iss exact, as JSON means it");
    for aud in [
        json!("https://api.exampl"),
        json!("https://api.example/"),
        json!("https://API.example"),
        json!("https://other.example"),
        json!("*"),
        json!(["https://other.example"]),
        json!(["https://other.example", "https://api.example.evil"]),
        json!("https://api.example https://other.example"),
    ] {
        add(format!("aud {aud}"), good().with("aud", aud.to_string()), Some("wrong_audience"), why);
    }
    for aud in [json!(["https://api.example"]), json!(["https://other.example", "https://api.example"])] {
        add(format!("aud {aud}"), good().with("aud", aud.to_string()), None, "§1 aud contains us");
    }
    for aud in ["[]", "\"\""] {
        add(format!("aud {aud}"), good().with("aud", aud), Some("claim_invalid"), why);
    }
}

fn times(add: &mut impl FnMut(String, Payload, Option<&'static str>, &'static str), good: impl Fn() -> Payload, date: fn(u64) -> String) {
    let why = "§1 exp ≤ now is dead; both formats expire by the same rule";
    let living = |iat: u64, exp: u64| good().with("iat", date(iat)).with("exp", date(exp));
    add("exp is now".into(), living(NOW - 300, NOW), Some("expired"), why);
    add("exp a second ago".into(), living(NOW - 300, NOW - 1), Some("expired"), why);
    add("exp in a second".into(), living(NOW - 300, NOW + 1), None, why);
    add("exp is iat".into(), living(NOW + 5, NOW + 5), Some("expired"), why);
    add("exp before iat".into(), living(NOW + 9, NOW + 8), Some("expired"), why);
    let why = "§1 iat and nbf up to 10 s ahead are accepted";
    add("iat 10 s ahead".into(), living(NOW + 10, NOW + 300), None, why);
    add("iat 11 s ahead".into(), living(NOW + 11, NOW + 300), Some("not_yet_valid"), why);
    add("nbf 10 s ahead".into(), good().with("nbf", date(NOW + 10)), None, why);
    add("nbf 11 s ahead".into(), good().with("nbf", date(NOW + 11)), Some("not_yet_valid"), why);
    let why = "§6 exp in ten years; §1 exp − iat above the maximum refuses";
    add("a day".into(), living(NOW, NOW + 86_400), None, why);
    add("a day and a second".into(), living(NOW, NOW + 86_401), Some("lifetime_too_long"), why);
    add("ten years".into(), living(NOW, NOW + 315_360_000), Some("lifetime_too_long"), why);
    add("minted a year ago, for a year".into(), living(NOW - 31_536_000, NOW + 60), Some("lifetime_too_long"), why);
}

/// Payloads that are not even the JSON of claims.
fn json_texts(good: &impl Fn() -> Payload) -> Vec<(String, Vec<u8>, Option<&'static str>, &'static str)> {
    let why = "§6 duplicate, deep, bad-UTF-8, NaN JSON; §1 BOM, trailing bytes, > 64 members";
    let text = good().text();
    let nest = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let members = |count: usize| (0..count).fold(good(), |payload, at| payload.and(&format!("m{at}"), "0")).text();
    let bad: Vec<(&str, Vec<u8>)> = vec![
        ("a claim twice", good().and("sub", "\"mallory\"").text().into()),
        ("a claim twice, once with escapes", good().and(r"s\u0075b", "\"mallory\"").text().into()),
        ("a nested name twice", good().and("x", r#"{"a":{"b":1,"\u0062":2}}"#).text().into()),
        ("depth 9", good().and("x", &nest(8)).text().into()),
        ("depth 500", good().and("x", &nest(500)).text().into()),
        ("65 members", members(56).into()),
        ("NaN", good().and("x", "NaN").text().into()),
        ("-Infinity", good().and("x", "-Infinity").text().into()),
        ("a trailing comma", text.replace('}', ",}").into()),
        ("a comment", text.replace('{', "{/**/").into()),
        ("single quotes", text.replace('"', "'").into()),
        ("bytes after the end", format!("{text}x").into()),
        ("a NUL after the end", format!("{text}\0").into()),
        ("a second object", format!("{text}{text}").into()),
        ("a byte order mark", format!("\u{feff}{text}").into()),
        ("a lone surrogate", good().and("x", r#""\ud800""#).text().into()),
        ("a raw control character", good().and("x", "\"\u{1}\"").text().into()),
        ("bad UTF-8", [text.trim_end_matches('}').as_bytes(), b",\"x\":\"\xff\"}"].concat()),
        ("overlong UTF-8", [text.trim_end_matches('}').as_bytes(), b",\"x\":\"\xc0\xaf\"}"].concat()),
        ("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a list", format!("[{text}]").into()),
        ("a text", "\"x\"".into()),
        ("null", "null".into()),
        ("an open object", text.trim_end_matches('}').into()),
    ];
    let good_ones = [
        ("64 members", members(55)),
        ("depth 8", good().and("x", &nest(7)).text()),
        ("white space", format!(" \n\t{}\r\n", text.replace(',', " , "))),
    ];
    let refused = bad.into_iter().map(|(name, text)| (name.to_owned(), text, Some("claims_malformed"), why));
    refused
        .chain(good_ones.map(|(name, text)| (name.to_owned(), text.into_bytes(), None, "§1 the limits themselves are allowed")))
        .collect()
}

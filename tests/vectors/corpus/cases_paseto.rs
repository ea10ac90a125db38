//! PASETO tokens: `requirements.md` §2, the rows of §6 that speak of tokens, and the claims of §1, which are the same in both formats.

use mintage::keyring::Algorithm;
use mintage::token::{b64, paseto};

use super::mint::*;
use super::{Case, cases_jwt};

struct List(Vec<Case>);

impl List {
    fn add(&mut self, name: impl Into<String>, token: impl Into<String>, denial: impl Into<Option<&'static str>>, why: &'static str) {
        self.0.push(Case { name: format!("paseto: {}", name.into()), token: token.into(), denial: denial.into(), why });
    }
}

fn good() -> Payload {
    Payload::new(rfc3339)
}

fn footer() -> String {
    paseto::footer(paseto_key().verifying().kid())
}

fn with_payload(payload: impl AsRef<[u8]>) -> String {
    sign_paseto(payload, &footer(), "", &paseto_key())
}

pub(super) fn cases() -> Vec<Case> {
    let mut list = List(vec![]);
    list.add("good", with_payload(good().text()), None, "§2");
    shapes(&mut list);
    footers(&mut list);
    keys(&mut list);
    dates(&mut list);
    for (name, payload, denial, why) in cases_jwt::payloads(rfc3339) {
        list.add(name, with_payload(payload), denial, why);
    }
    list.0
}

/// An audience whose configuration names an implicit assertion.
pub(super) fn cases_with_implicit() -> Vec<Case> {
    let mut list = List(vec![]);
    for (name, implicit, denial) in [
        ("its assertion", TENANT, None),
        ("no assertion", "", Some("bad_signature")),
        ("another assertion", "tenant-8", Some("bad_signature")),
    ] {
        list.add(name, sign_paseto(good().text(), &footer(), implicit, &paseto_key()), denial, "§2 PAE over the implicit assertion");
    }
    list.0
}

fn shapes(list: &mut List) {
    let why = "§2 exact header; §6 PASETO version/purpose swap";
    let token = with_payload(good().text());
    let rest = token.strip_prefix("v4.public.").unwrap();
    for header in ["v1.public.", "v2.public.", "v3.public.", "v4.local.", "v5.public.", "v0.public.", "v4.Public.", "v4.publicx."] {
        list.add(format!("header {header}"), format!("{header}{rest}"), "unsupported_format", why);
    }
    for header in ["V4.public.", " v4.public.", "k4.public."] {
        list.add(format!("header {header:?}"), format!("{header}{rest}"), "malformed", why);
    }
    list.add("header v4-public.", format!("v4-public.{rest}"), "header_malformed", why);
    let why = "§2 no trailing dot; §6 base64 spellings, stray dots, white space";
    let (body, foot) = rest.split_once('.').unwrap();
    list.add("trailing dot", format!("{token}."), "malformed", why);
    list.add("trailing dot and no footer", format!("v4.public.{body}."), "malformed", why);
    list.add("a dot too many", format!("v4.public..{body}.{foot}"), "malformed", why);
    list.add("padding", format!("v4.public.{body}=.{foot}"), "malformed", why);
    list.add("padded footer", format!("{token}="), "malformed", why);
    list.add("white space before the end", format!("{token} "), "malformed", why);
    list.add("a tab inside", format!("v4.public.\t{body}.{foot}"), "malformed", why);
    list.add("shorter than a signature", format!("v4.public.{}.{foot}", b64::encode([0; 63])), "malformed", why);
    list.add("no body", "v4.public.", "malformed", why);
    let why = "§6 100 k dots, 1 MiB token";
    list.add("ten thousand dots", format!("v4.public.{}", ".".repeat(10_000)), "too_long", why);
    list.add("8193 bytes", format!("v4.public.{}", "A".repeat(8_183)), "too_long", why);
    let why = "§6 PASETO footer swap, bit flips";
    let flipped = format!("v4.public.{}{}.{foot}", if body.starts_with('f') { "g" } else { "f" }, &body[1..]);
    list.add("first character changed", flipped, "bad_signature", why);
}

fn footers(list: &mut List) {
    let why = "§2 footer: at most 512 bytes, depth 1, at most 8 members; unknown kid fails closed; a key in it is never used";
    let key = paseto_key();
    let kid = key.verifying().kid().to_owned();
    let paserk = key.verifying().to_paserk().unwrap();
    let mut with = |name: &str, footer: String, denial: Option<&'static str>| {
        list.add(name, sign_paseto(good().text(), &footer, "", &key), denial, why);
    };
    let members = |count: usize| (0..count).map(|at| format!(",\"m{at}\":1")).collect::<String>();
    let padding = |bytes: usize| format!(r#"{{"kid":"{kid}","x":"{}"}}"#, "x".repeat(bytes - kid.len() - 17));
    with("footer with a member more", format!(r#"{{"kid":"{kid}","x":1}}"#), None);
    with("footer of 8 members", format!(r#"{{"kid":"{kid}"{}}}"#, members(7)), None);
    with("footer of 9 members", format!(r#"{{"kid":"{kid}"{}}}"#, members(8)), Some("header_malformed"));
    with("footer of 512 bytes", padding(512), None);
    with("footer of 513 bytes", padding(513), Some("header_malformed"));
    with("footer with an object", format!(r#"{{"kid":"{kid}","x":{{}}}}"#), Some("header_malformed"));
    with("footer with a list", format!(r#"{{"kid":"{kid}","x":[]}}"#), Some("header_malformed"));
    with("footer of depth 200", format!("{}{}", "[".repeat(200), "]".repeat(200)), Some("header_malformed"));
    with("footer with a name twice", format!(r#"{{"kid":"{kid}","kid":"{kid}"}}"#), Some("header_malformed"));
    with("footer that is the bare kid", kid.clone(), Some("header_malformed"));
    with("footer without kid", r#"{"x":1}"#.to_owned(), Some("header_malformed"));
    with("footer with kid as number", r#"{"kid":1}"#.to_owned(), Some("header_malformed"));
    with(
        "footer with another key's id",
        r#"{"kid":"k4.pid.yh4-bJYjOYAG6CWy0zsfPmpKylxS7uAWrxqVmBN2KAiJ"}"#.to_owned(),
        Some("unknown_key"),
    );
    with("footer with a k4.sid", r#"{"kid":"k4.sid.YujQ-NvcGquQ0Q-arRf8iYEcXiSOKg2Vk5az-n1lxiUd"}"#.to_owned(), Some("header_malformed"));
    with("footer with a JWT key's id", format!(r#"{{"kid":"{}"}}"#, jwt_key().verifying().kid()), Some("header_malformed"));
    with("footer with a wrapped key", format!(r#"{{"kid":"{kid}","wpk":"k4.seal.AAAA"}}"#), Some("header_forbidden"));
    with("footer with a public key", format!(r#"{{"kid":"{kid}","key":"{paserk}"}}"#), Some("header_forbidden"));
    with("footer that is the public key", format!(r#"{{"kid":"{paserk}"}}"#), Some("header_malformed"));
    let token = with_payload(good().text());
    let (body, _) = token.rsplit_once('.').unwrap();
    list.add("footer cut off", body, "unknown_key", "§6 PASETO footer swap");
    let swapped = format!("{body}.{}", b64::encode(paseto::footer(odd_keys(Algorithm::V4Public)[1].verifying().kid())));
    list.add("footer of another key", swapped, "bad_signature", "§6 PASETO footer swap");
}

fn keys(list: &mut List) {
    let [ended, foreign, _] = odd_keys(Algorithm::V4Public);
    let under = |key| sign_paseto(good().text(), &paseto::footer(mintage::keyring::SigningKey::verifying(key).kid()), "", key);
    list.add("a key past its end", under(&ended), "key_ended", "§1 a key's own end date");
    list.add("another issuer's key", under(&foreign), "key_mismatch", "§1 a key's own issuer");
    list.add("a key that nobody published", under(&ed25519(Algorithm::V4Public, 99)), "unknown_key", "§2 unknown kid fails closed");
    let implicit = sign_paseto(good().text(), &footer(), TENANT, &paseto_key());
    list.add("an assertion that the audience does not name", implicit, "bad_signature", "§2 PAE over the implicit assertion");
}

fn dates(list: &mut List) {
    let why = "§2 dates are RFC 3339 strings, capital T and Z; §6 numeric dates";
    for (name, value) in [
        ("number", (NOW + 300).to_string()),
        ("lower-case t", "\"2026-11-21t10:45:00Z\"".into()),
        ("lower-case z", "\"2026-11-21T10:45:00z\"".into()),
        ("offset", "\"2026-11-21T10:45:00+00:00\"".into()),
        ("fraction", "\"2026-11-21T10:45:00.5Z\"".into()),
        ("space instead of T", "\"2026-11-21 10:45:00Z\"".into()),
        ("no such month", "\"2026-13-21T10:45:00Z\"".into()),
        ("before 1970", "\"1969-12-31T23:59:59Z\"".into()),
        ("five-digit year", "\"12026-11-21T10:45:00Z\"".into()),
        ("a number in a text", format!("\"{}\"", NOW + 300)),
    ] {
        for claim in ["exp", "iat", "nbf"] {
            list.add(format!("{claim} as {name}"), with_payload(good().with(claim, value.clone()).text()), "claim_invalid", why);
        }
    }
}

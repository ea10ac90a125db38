//! How PASETO tokens are bent before they are signed again, and who accepts them then.

use std::time::Duration;

use serde_json::json;

use crate::common::{API, Bend, Verdict, began};
use crate::paseto::date;
use Verdict::{Both, Neither, OnlyThem, OnlyUs};

const KEY: &str = "the key is found by the footer's `kid` here; it was handed the key";
const LIMITS: &str = "what is parsed is bounded here";
const NAMES: &str = "of two equal names it takes the last";
const REQUIRED: &str = "RFC 9068 §2.2 requires the claim, it does not";
const ONE_SPELLING: &str = "dates have one spelling here: capital T and Z, whole seconds";
const KEY_MATERIAL: &str = "a footer names a key and brings none";

pub(crate) const TABLE: &[Bend] = &[
    ("nothing bent", Both, |_| ()),
    ("footer: white space", Both, |draft| draft.head = draft.head.replace(':', " :\n\t")),
    ("footer: another member", Both, |draft| draft.head("\"x\":\"y\"")),
    ("footer: an escaped name", Both, |draft| draft.head = draft.head.replace("\"kid\"", "\"\\u006bid\"")),
    ("footer: none", OnlyThem("unknown_key", KEY), |draft| draft.head.clear()),
    ("footer: none, and a dot", OnlyThem("malformed", "one token has one spelling"), |draft| {
        draft.head.clear();
        draft.behind.push('.');
    }),
    ("footer: not JSON", OnlyThem("header_malformed", KEY), |draft| draft.head = "kid".to_owned()),
    ("footer: no kid", OnlyThem("header_malformed", KEY), |draft| draft.head = "{}".to_owned()),
    ("footer: another kid", OnlyThem("unknown_key", KEY), |draft| draft.head = draft.head.replace("k4.pid.", "k4.pid.x")),
    ("footer: kid of a private key", OnlyThem("header_malformed", KEY), |draft| draft.head = draft.head.replace("k4.pid.", "k4.sid.")),
    ("footer: kid twice", OnlyThem("header_malformed", NAMES), |draft| draft.head("\"kid\":\"k4.pid.x\"")),
    ("footer: a key", OnlyThem("header_forbidden", KEY_MATERIAL), |draft| draft.head("\"x\":\"k4.public.AAAA\"")),
    ("footer: a wrapped key", OnlyThem("header_forbidden", KEY_MATERIAL), |draft| draft.head("\"wpk\":\"x\"")),
    ("footer: two deep", OnlyThem("header_malformed", LIMITS), |draft| draft.head("\"x\":[1]")),
    ("footer: over 8 members", OnlyThem("header_malformed", LIMITS), |draft| {
        let members: Vec<String> = (0..8).map(|at| format!("\"x{at}\":0")).collect();
        draft.head(&members.join(","));
    }),
    ("footer: over 512 bytes", OnlyThem("header_malformed", LIMITS), |draft| draft.head(&format!("\"x\":\"{}\"", "y".repeat(512)))),
    ("payload: white space", Both, |draft| draft.raw(b"\n\t \"x_y\" : [ 1 , 2 ]  ")),
    ("payload: escaped names", Both, |draft| draft.raw(b"\"x\\u005f\":\"\\ud83d\\ude00\\u0000\"")),
    ("payload: a claim of null", Both, |draft| draft.claim("x_null", Some(json!(null)))),
    ("payload: our audience among others", OnlyUs("RFC 7519 §4.1.3 for both formats; its `aud` is one string"), |draft| {
        draft.claim("aud", Some(json!(["a", API])));
    }),
    ("payload: another audience", Neither, |draft| draft.claim("aud", Some(json!("https://api.example/")))),
    ("payload: another issuer", Neither, |draft| draft.claim("iss", Some(json!("https://id.example.evil")))),
    ("payload: iss an array", Neither, |draft| draft.claim("iss", Some(json!(["https://id.example"])))),
    ("payload: no iss", Neither, |draft| draft.claim("iss", None)),
    ("payload: no aud", Neither, |draft| draft.claim("aud", None)),
    ("payload: no exp", Neither, |draft| draft.claim("exp", None)),
    ("payload: no sub", OnlyThem("claim_missing", REQUIRED), |draft| draft.claim("sub", None)),
    ("payload: no iat", OnlyThem("claim_missing", REQUIRED), |draft| draft.claim("iat", None)),
    ("payload: no jti", OnlyThem("claim_missing", REQUIRED), |draft| draft.claim("jti", None)),
    ("payload: no client_id", OnlyThem("claim_missing", REQUIRED), |draft| draft.claim("client_id", None)),
    ("payload: sub a number", Neither, |draft| draft.claim("sub", Some(json!(5)))),
    ("payload: client_id a number", OnlyThem("claim_invalid", REQUIRED), |draft| draft.claim("client_id", Some(json!(5)))),
    (
        "payload: jti of another make",
        OnlyThem("claim_invalid", "ids carry their origin: only ours can be judged by a revocation"),
        |draft| {
            draft.claim("jti", Some(json!("token-1")));
        },
    ),
    ("payload: dates as numbers", Neither, |draft| draft.claim("exp", Some(json!(began().seconds() + 600)))),
    ("payload: exp with a small t", OnlyThem("claim_invalid", ONE_SPELLING), |draft| respell(draft, |date| date.replace('T', "t"))),
    ("payload: exp with a small z", OnlyThem("claim_invalid", ONE_SPELLING), |draft| respell(draft, |date| date.replace('Z', "z"))),
    ("payload: exp with an offset", OnlyThem("claim_invalid", ONE_SPELLING), |draft| respell(draft, |date| date.replace('Z', "+00:00"))),
    ("payload: exp with a fraction", OnlyThem("claim_invalid", ONE_SPELLING), |draft| respell(draft, |date| date.replace('Z', ".5Z"))),
    ("payload: exp with a blank", Neither, |draft| respell(draft, |date| format!("{date} "))),
    ("payload: exp in month 13", Neither, |draft| respell(draft, |date| format!("{}-13{}", &date[..4], &date[7..]))),
    ("payload: iat ahead", OnlyThem("not_yet_valid", "its rule for `iat` cannot be had without `nbf`"), |draft| {
        draft.claim("iat", Some(date(began().seconds() + 60)));
    }),
    ("payload: a life of two days", OnlyThem("lifetime_too_long", "the longest life is capped here"), |draft| {
        draft.claim("exp", Some(date(began().plus(Duration::from_secs(172_800)).seconds())));
    }),
    ("payload: bound to a sender's key", OnlyThem("sender_key", "it does not know `cnf` (RFC 9449 §7.1)"), |draft| {
        draft.claim("cnf", Some(json!({"jkt": "thumb"})));
    }),
    ("payload: exp twice", OnlyThem("claims_malformed", NAMES), |draft| {
        draft.raw(format!("\"exp\":{}", date(began().seconds() + 700)).as_bytes());
    }),
    ("payload: a nested name twice", OnlyThem("claims_malformed", NAMES), |draft| draft.raw(b"\"x_y\":{\"a\":1,\"\\u0061\":2}")),
    ("payload: nine deep", OnlyThem("claims_malformed", LIMITS), |draft| draft.raw(b"\"x_y\":[[[[[[[[[1]]]]]]]]]")),
    ("payload: over 64 members", OnlyThem("claims_malformed", LIMITS), |draft| {
        let members: Vec<String> = (0..65).map(|at| format!("\"x_y{at}\":0")).collect();
        draft.raw(members.join(",").as_bytes());
    }),
    ("payload: over 8 KiB", OnlyThem("too_long", LIMITS), |draft| draft.raw(format!("\"x_y\":\"{}\"", "z".repeat(8_192)).as_bytes())),
    ("payload: a custom number that no double holds", OnlyUs("custom numbers stay as spelled; minting refuses such a one"), |draft| {
        draft.raw(b"\"x_y\":1e999");
    }),
    ("payload: bad UTF-8", Neither, |draft| draft.raw(b"\"x_y\":\"\xff\"")),
    ("payload: BOM", Neither, |draft| draft.payload.splice(..0, "\u{feff}".bytes()).for_each(drop)),
    ("payload: trailing bytes", Neither, |draft| draft.payload.push(b'x')),
    ("behind: a part too many", Neither, |draft| draft.behind.push_str(".AAAA")),
    ("behind: padding", Neither, |draft| draft.behind.push('=')),
];

/// Another spelling of an `exp` that is good.
fn respell(draft: &mut crate::common::Draft, how: fn(&str) -> String) {
    let good = date(began().seconds() + 600);
    draft.claim("exp", Some(json!(how(good.as_str().unwrap()))));
}

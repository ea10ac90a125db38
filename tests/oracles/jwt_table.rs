//! How JWTs are bent before they are signed again, and who accepts them then.

use serde_json::json;

use crate::common::{API, Bend, ISSUER, Verdict, began};
use Verdict::{Both, Neither, OnlyThem, OnlyUs};

const KIND: &str = "it never asks which kind of JWT it is (RFC 8725 §3.11)";
const EXTENSION: &str = "it ignores what the header asks for (RFC 7515 §4.1.11)";
const REQUIRED: &str = "RFC 9068 §2.2 requires the claim, it does not";
const ONE_SPELLING: &str = "dates have one spelling here; it rounds, or ignores the claim";
const LIMITS: &str = "what is parsed is bounded here";
const NAMES: &str = "of two equal names it takes the last (RFC 8725 §2.6)";
const KEY: &str = "the key is found by `kid` here; it was handed the key";

pub(crate) const TABLE: &[Bend] = &[
    ("nothing bent", Both, |_| ()),
    ("header: another order", Both, |draft| {
        let header: serde_json::Value = serde_json::from_str(&draft.head).unwrap();
        draft.head = header.to_string();
    }),
    ("header: white space", Both, |draft| draft.head = draft.head.replace(':', " :\n\t")),
    ("header: an unknown member", Both, |draft| draft.head("\"x\":\"y\"")),
    ("header: application/at+jwt", Both, |draft| draft.head = draft.head.replace("at+jwt", "application/at+jwt")),
    ("header: an escaped name", Both, |draft| draft.head = draft.head.replace("\"alg\"", "\"\\u0061lg\"")),
    ("header: typ JWT", OnlyThem("wrong_type", KIND), |draft| draft.head = draft.head.replace("at+jwt", "JWT")),
    ("header: typ dpop+jwt", OnlyThem("wrong_type", KIND), |draft| draft.head = draft.head.replace("at+jwt", "dpop+jwt")),
    ("header: no typ", OnlyThem("wrong_type", KIND), |draft| draft.head = draft.head.replace("\"typ\":\"at+jwt\",", "")),
    ("header: crit", OnlyThem("header_forbidden", EXTENSION), |draft| draft.head("\"crit\":[\"exp\"]")),
    ("header: zip", OnlyThem("header_forbidden", EXTENSION), |draft| draft.head("\"zip\":\"DEF\"")),
    ("header: jku", OnlyThem("header_forbidden", EXTENSION), |draft| draft.head("\"jku\":\"https://evil.example\"")),
    ("header: x5u", OnlyThem("header_forbidden", EXTENSION), |draft| draft.head("\"x5u\":\"https://evil.example\"")),
    ("header: no kid", OnlyThem("unknown_key", KEY), |draft| draft.head = draft.head.replace("\"kid\"", "\"x-kid\"")),
    ("header: another kid", OnlyThem("unknown_key", KEY), |draft| draft.head = draft.head.replace("\"kid\":\"", "\"kid\":\"x")),
    ("header: kid with a path", OnlyThem("header_malformed", KEY), |draft| draft.head = draft.head.replace("\"kid\":\"", "\"kid\":\"../")),
    ("header: kid twice", Neither, |draft| draft.head("\"kid\":\"x\"")),
    ("header: alg twice", Neither, |draft| draft.head("\"alg\":\"EdDSA\"")),
    ("header: an unknown name twice", OnlyThem("header_malformed", NAMES), |draft| draft.head("\"x\":\"1\",\"x\":\"2\"")),
    ("header: over 1,024 characters", OnlyThem("header_malformed", LIMITS), |draft| draft.head(&format!("\"x\":\"{}\"", "y".repeat(1024)))),
    ("header: alg none", Neither, |draft| {
        draft.head = draft.head.replace("EdDSA", "none").replace("ES256", "none").replace("RS256", "none")
    }),
    ("header: alg HS256", Neither, |draft| {
        draft.head = draft.head.replace("EdDSA", "HS256").replace("ES256", "HS256").replace("RS256", "HS256")
    }),
    ("header: alg in lower case", Neither, |draft| {
        draft.head = draft.head.replace("EdDSA", "eddsa").replace("ES256", "es256").replace("RS256", "rs256")
    }),
    ("header: BOM", Neither, |draft| draft.head.insert(0, '\u{feff}')),
    ("header: an array", Neither, |draft| draft.head = format!("[{}]", draft.head)),
    ("payload: white space", Both, |draft| draft.raw(b"\n\t \"x_y\" : [ 1 , 2 ]  ")),
    ("payload: escaped names", Both, |draft| draft.raw(b"\"x\\u005f\":\"\\ud83d\\ude00\\u0000\"")),
    ("payload: our audience among others", Both, |draft| draft.claim("aud", Some(json!(["a", API, "b"])))),
    ("payload: a claim of null", Both, |draft| draft.claim("x_null", Some(json!(null)))),
    ("payload: other audiences", Neither, |draft| draft.claim("aud", Some(json!(["a", "b"])))),
    ("payload: our audience and a slash", Neither, |draft| draft.claim("aud", Some(json!(format!("{API}/"))))),
    ("payload: another issuer", Neither, |draft| draft.claim("iss", Some(json!("https://id.example.evil")))),
    ("payload: our issuer in an array", OnlyThem("claim_invalid", "`iss` is one string"), |draft| {
        draft.claim("iss", Some(json!([ISSUER, "https://evil.example"])));
    }),
    ("payload: no iss", Neither, |draft| draft.claim("iss", None)),
    ("payload: no sub", Neither, |draft| draft.claim("sub", None)),
    ("payload: no aud", Neither, |draft| draft.claim("aud", None)),
    ("payload: no exp", Neither, |draft| draft.claim("exp", None)),
    ("payload: no iat", OnlyThem("claim_missing", REQUIRED), |draft| draft.claim("iat", None)),
    ("payload: no jti", OnlyThem("claim_missing", REQUIRED), |draft| draft.claim("jti", None)),
    ("payload: no client_id", OnlyThem("claim_missing", REQUIRED), |draft| draft.claim("client_id", None)),
    ("payload: sub a number", Neither, |draft| draft.claim("sub", Some(json!(5)))),
    ("payload: sub empty", OnlyThem("claim_invalid", REQUIRED), |draft| draft.claim("sub", Some(json!("")))),
    ("payload: client_id a number", OnlyThem("claim_invalid", REQUIRED), |draft| draft.claim("client_id", Some(json!(5)))),
    (
        "payload: jti of another make",
        OnlyThem("claim_invalid", "ids carry their origin: only ours can be judged by a revocation"),
        |draft| {
            draft.claim("jti", Some(json!("token-1")));
        },
    ),
    ("payload: exp with a fraction", OnlyThem("claim_invalid", ONE_SPELLING), |draft| {
        draft.spell("exp", &format!("{}.5", began().seconds() + 600));
    }),
    ("payload: exp with an exponent", OnlyThem("claim_invalid", ONE_SPELLING), |draft| {
        draft.spell("exp", &format!("{}e1", began().seconds() / 10 + 600));
    }),
    ("payload: iat as text", OnlyThem("claim_invalid", ONE_SPELLING), |draft| {
        draft.claim("iat", Some(json!(began().seconds().to_string())));
    }),
    ("payload: exp as text", Neither, |draft| draft.claim("exp", Some(json!((began().seconds() + 600).to_string())))),
    ("payload: exp negative", Neither, |draft| draft.claim("exp", Some(json!(-1)))),
    ("payload: exp of 1e309", Neither, |draft| draft.spell("exp", "1e309")),
    ("payload: exp of 2^64", Neither, |draft| draft.spell("exp", "18446744073709551616")),
    ("payload: exp twice", Neither, |draft| draft.raw(b"\"exp\":4000000000")),
    ("payload: iat ahead", OnlyThem("not_yet_valid", "it ignores `iat`"), |draft| {
        draft.claim("iat", Some(json!(began().seconds() + 60)));
    }),
    ("payload: nbf far ahead", Neither, |draft| draft.claim("nbf", Some(json!(began().seconds() + 3_600)))),
    ("payload: a life of two days", OnlyThem("lifetime_too_long", "the longest life is capped here"), |draft| {
        draft.claim("exp", Some(json!(began().seconds() + 172_800)));
    }),
    ("payload: bound to a sender's key", OnlyThem("sender_key", "it does not know `cnf` (RFC 9449 §7.1)"), |draft| {
        draft.claim("cnf", Some(json!({"jkt": "thumb"})));
    }),
    ("payload: bound to a certificate", OnlyThem("claim_invalid", "it does not know `cnf` (RFC 8705 §3.1)"), |draft| {
        draft.claim("cnf", Some(json!({"x5t#S256": "thumb"})));
    }),
    ("payload: a custom name twice", OnlyThem("claims_malformed", NAMES), |draft| draft.raw(b"\"x_y\":1,\"x_y\":2")),
    ("payload: a nested name twice", OnlyThem("claims_malformed", NAMES), |draft| draft.raw(b"\"x_y\":{\"a\":1,\"\\u0061\":2}")),
    ("payload: nine deep", OnlyThem("claims_malformed", LIMITS), |draft| draft.raw(b"\"x_y\":[[[[[[[[[1]]]]]]]]]")),
    ("payload: over 64 members", OnlyThem("claims_malformed", LIMITS), |draft| {
        let members: Vec<String> = (0..65).map(|at| format!("\"x_y{at}\":0")).collect();
        draft.raw(members.join(",").as_bytes());
    }),
    ("payload: over 8 KiB", OnlyThem("too_long", LIMITS), |draft| draft.raw(format!("\"x_y\":\"{}\"", "z".repeat(8_192)).as_bytes())),
    ("payload: a lone surrogate", Neither, |draft| draft.raw(b"\"x_y\":\"\\ud800\"")),
    ("payload: bad UTF-8", Neither, |draft| draft.raw(b"\"x_y\":\"\xff\"")),
    ("payload: NaN", Neither, |draft| draft.raw(b"\"x_y\":NaN")),
    ("payload: BOM", Neither, |draft| draft.payload.splice(..0, "\u{feff}".bytes()).for_each(drop)),
    ("payload: trailing bytes", Neither, |draft| draft.payload.push(b'x')),
    ("payload: an array", Neither, |draft| draft.payload = [b"[", &draft.payload[..], b"]"].concat()),
    ("behind: a fourth part", Neither, |draft| draft.behind.push_str(".AAAA")),
    ("behind: a dot", Neither, |draft| draft.behind.push('.')),
    ("behind: padding", Neither, |draft| draft.behind.push_str("==")),
    ("payload: a custom number that no double holds", OnlyUs("custom numbers stay as spelled; minting refuses such a one"), |draft| {
        draft.raw(b"\"x_y\":1e999");
    }),
];

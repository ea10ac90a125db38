//! Claims, drafts of tokens and ways to bend them, for both formats.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use mintage::claims::{Claims, Custom};
use mintage::id::{Jti, Sid, Stamp};
use mintage::keyring::{Algorithm, SigningKey};
use mintage::policy::{Audience, Expectation, Sender};
use mintage::time::Moment;
use mintage::verify::{KeySet, Verifier};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const API: &str = "https://api.example";

/// When these tests began. The oracles read the system's clock, so dates must be near it; a life left of ten minutes outlasts every run.
pub(crate) fn began() -> Moment {
    static BEGAN: OnceLock<Moment> = OnceLock::new();
    *BEGAN.get_or_init(|| Moment::from_seconds(jsonwebtoken::get_current_timestamp()))
}

pub(crate) fn key(algorithm: Algorithm, seed: u8) -> SigningKey {
    if algorithm == Algorithm::Rs256 {
        return rsa();
    }
    SigningKey::generate(algorithm, &mut |bytes| bytes.fill(seed)).unwrap()
}

/// Of RS256 there is one: none can be made here.
pub(crate) fn rsa() -> SigningKey {
    let pem = include_str!("../keys/rsa-2048-a.pem").lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1);
    let text: String = pem.take_while(|line| !line.starts_with("-----END")).collect();
    SigningKey::from_private(Algorithm::Rs256, &STANDARD.decode(text).unwrap()).unwrap()
}

pub(crate) fn verifier(key: &SigningKey, sender: Sender) -> Verifier {
    let expectation = Expectation::new(ISSUER, Audience::one(API)).presented(sender);
    Verifier::new(expectation, KeySet::from_keys([(key.verifying().clone(), None)]).unwrap())
}

/// Claims that are good now, of any content that could be minted; `audiences` at most.
pub(crate) fn any_claims(audiences: usize) -> impl Strategy<Value = Claims> {
    let text = || "[^\\x00]{1,12}|[\"\\\\\\x01-\\x1f]{1,4}";
    let ids = (0_u64..1 << 48, any::<[u8; 10]>(), option::of((0_u64..1 << 48, any::<[u8; 10]>())));
    let names = (text(), vec(text(), 0..audiences), any::<Index>(), text(), option::of(text()), option::of(text()), vec(text(), 0..3));
    let dates = (0_u64..40_000, 600_u64..40_000, option::of(0_u64..40_000), option::of(1_u64..4_000_000_000));
    let rest = (option::of(text()), any::<bool>(), option::of("[a-z]{1,8}"), "[^\\x00]{0,12}", any::<i64>());
    (names, dates, ids, rest).prop_map(|(names, dates, ids, rest)| {
        let (subject, mut audience, place, client_id, scope, acr, amr) = names;
        audience.insert(place.index(audience.len() + 1), API.to_owned());
        let (sender_key, acted, name, text, number) = rest;
        let custom = name.map(|name| json!({format!("c_{name}"): [text, {"n": number, "t": true, "z": null}]}).to_string());
        let before = |seconds| began().minus(Duration::from_secs(seconds));
        Claims {
            issuer: ISSUER.to_owned(),
            subject,
            audience,
            expires_at: began().plus(Duration::from_secs(dates.1)),
            issued_at: before(dates.0),
            not_before: dates.2.map(before),
            jti: Jti::new(Stamp::from_millis(ids.0), &ids.1),
            client_id,
            sid: ids.2.map(|(stamp, random)| Sid::new(Stamp::from_millis(stamp), &random)),
            scope,
            auth_time: dates.3,
            acr,
            amr,
            sender_key,
            actor: acted.then(|| r#"{"sub":"a"}"#.to_owned()),
            custom: custom.map(|text| Custom::parse(&text).unwrap()).unwrap_or_default(),
        }
    })
}

/// The same without a sender key: good as Bearer.
pub(crate) fn bearer_claims(audiences: usize) -> impl Strategy<Value = Claims> {
    any_claims(audiences).prop_map(|claims| Claims { sender_key: None, ..claims })
}

/// What the claims must look like in JSON, built without the code that is tested.
pub(crate) fn json_of(claims: &Claims, date: fn(u64) -> Value) -> Value {
    let mut all = match serde_json::from_str(claims.custom.text()) {
        Ok(Value::Object(all)) => all,
        _ => Map::new(), // a number that no double holds: the tables name that difference
    };
    let mut put = |name: &str, value: Option<Value>| value.map(|value| all.insert(name.to_owned(), value));
    put("iss", Some(json!(claims.issuer)));
    put("sub", Some(json!(claims.subject)));
    put("aud", Some(if let [one] = &claims.audience[..] { json!(one) } else { json!(claims.audience) }));
    put("exp", Some(date(claims.expires_at.seconds())));
    put("iat", Some(date(claims.issued_at.seconds())));
    put("nbf", claims.not_before.map(|at| date(at.seconds())));
    put("jti", Some(json!(claims.jti.to_string())));
    put("client_id", Some(json!(claims.client_id)));
    put("sid", claims.sid.map(|sid| json!(sid.to_string())));
    put("scope", claims.scope.as_ref().map(|scope| json!(scope)));
    put("auth_time", claims.auth_time.map(date));
    put("acr", claims.acr.as_ref().map(|acr| json!(acr)));
    put("amr", (!claims.amr.is_empty()).then(|| json!(claims.amr)));
    put("cnf", claims.sender_key.as_ref().map(|key| json!({"jkt": key})));
    put("act", claims.actor.as_ref().map(|actor| serde_json::from_str(actor).unwrap()));
    Value::Object(all)
}

/// A token before it is signed: the JSON of its header or footer, its payload, and what is hung on behind the signature.
pub(crate) struct Draft {
    pub(crate) head: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) behind: String,
}

impl Draft {
    /// Sets a claim, or with `None` takes it out.
    pub(crate) fn claim(&mut self, name: &str, value: Option<Value>) {
        let mut all: Map<String, Value> = serde_json::from_slice(&self.payload).unwrap();
        match value {
            Some(value) => all.insert(name.to_owned(), value),
            None => all.remove(name),
        };
        self.payload = Value::Object(all).to_string().into_bytes();
    }

    /// Adds members as they are spelled, behind the last one.
    pub(crate) fn raw(&mut self, members: &[u8]) {
        assert_eq!(self.payload.pop(), Some(b'}'));
        self.payload.extend_from_slice(&[b",", members, b"}"].concat());
    }

    /// Spells a claim in another way, which need not be JSON.
    pub(crate) fn spell(&mut self, name: &str, spelling: &str) {
        self.claim(name, None);
        self.raw(format!("\"{name}\":{spelling}").as_bytes());
    }

    /// Adds members to the header or footer as they are spelled.
    pub(crate) fn head(&mut self, members: &str) {
        assert_eq!(self.head.pop(), Some('}'));
        self.head.push_str(&format!(",{members}}}"));
    }
}

/// Who accepts a token, and where the two differ, why.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict {
    /// Both, with the same claims.
    Both,
    Neither,
    /// Only the oracle; we refuse with this denial.
    OnlyThem(&'static str, &'static str),
    /// Only we.
    OnlyUs(&'static str),
}

/// A way to bend a genuine token before it is signed again by the right key.
pub(crate) type Bend = (&'static str, Verdict, fn(&mut Draft));

/// What both sides said of a token: our claims as JSON or our denial, and theirs.
pub(crate) struct Said {
    pub(crate) ours: Result<Value, &'static str>,
    pub(crate) theirs: Option<Value>,
}

/// Holds the table to what both sides say, for random claims.
pub(crate) fn hold(
    what: &str,
    table: &[Bend],
    cases: u32,
    claims: impl Strategy<Value = Claims>,
    ask: impl Fn(&Claims, fn(&mut Draft)) -> Said,
) {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let run = runner.run(&claims, |claims| {
        for (name, expected, bend) in table {
            let Said { ours, theirs } = ask(&claims, *bend);
            let fits = match expected {
                Verdict::Both => ours.as_ref().ok().is_some_and(|ours| theirs.as_ref() == Some(ours)),
                Verdict::Neither => ours.is_err() && theirs.is_none(),
                Verdict::OnlyThem(denial, _) => ours == Err(*denial) && theirs.is_some(),
                Verdict::OnlyUs(_) => ours.is_ok() && theirs.is_none(),
            };
            prop_assert!(fits, "{name}: {expected:?}, but we say {ours:?} and they say {theirs:?}");
        }
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{what}: {error}"));
    println!("{what}: {} classes x {cases} claims = {} tokens", table.len(), table.len() * cases as usize);
}

/// Prints where the two sides differ, and how many classes there are of each kind.
pub(crate) fn list(what: &str, table: &[Bend]) {
    let mut sizes = BTreeMap::<&str, usize>::new();
    for (name, verdict, _) in table {
        let (kind, why) = match verdict {
            Verdict::Both => ("accepted by both", None),
            Verdict::Neither => ("accepted by neither", None),
            Verdict::OnlyThem(denial, why) => ("accepted by them alone", Some(format!("{denial}; {why}"))),
            Verdict::OnlyUs(why) => ("accepted by us alone", Some((*why).to_owned())),
        };
        *sizes.entry(kind).or_default() += 1;
        if let Some(why) = why {
            println!("  {what}, {kind}: {name}: {why}");
        }
    }
    println!("{what}: classes {sizes:?}");
}

/// A way to bend the text of a finished token.
#[derive(Clone, Debug)]
pub(crate) enum Twist {
    FlipBit(Index, u8),
    Replace(Index, String),
    Insert(Index, String),
    Remove(Index),
    Cut(Index),
    /// Two segments change places.
    Swap(Index, Index),
    /// A segment again, behind a dot.
    Repeat(Index),
    /// Another last character in a segment: its spare bits are not zero, or its bytes are others.
    LastOf(Index, String),
    Before(String),
    Behind(String),
}

pub(crate) fn any_twist() -> impl Strategy<Value = Twist> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), 0_u8..7).prop_map(|(at, bit)| Twist::FlipBit(at, bit)),
        2 => (at(), "[ -~]").prop_map(|(at, with)| Twist::Replace(at, with)),
        1 => (at(), "[A-Za-z0-9_.=+/ \\n-]{1,3}").prop_map(|(at, with)| Twist::Insert(at, with)),
        1 => at().prop_map(Twist::Remove),
        1 => at().prop_map(Twist::Cut),
        1 => (at(), at()).prop_map(|(one, other)| Twist::Swap(one, other)),
        1 => at().prop_map(Twist::Repeat),
        2 => (at(), "[A-Za-z0-9_-]").prop_map(|(at, with)| Twist::LastOf(at, with)),
        1 => "[ .=\\n\u{feff}]{1,2}".prop_map(Twist::Before),
        1 => "[ .=\\n\u{0}]{1,3}".prop_map(Twist::Behind),
    ]
}

impl Twist {
    pub(crate) fn apply(&self, token: &str) -> String {
        let mut text = token.to_owned();
        let mut parts: Vec<&str> = token.split('.').collect();
        match self {
            Self::FlipBit(at, bit) => {
                let mut bytes = text.into_bytes();
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
                return String::from_utf8(bytes).unwrap();
            }
            Self::Replace(at, with) => text.replace_range(at.index(token.len())..=at.index(token.len()), with),
            Self::Insert(at, with) => text.insert_str(at.index(token.len()), with),
            Self::Remove(at) => drop(text.remove(at.index(token.len()))),
            Self::Cut(at) => text.truncate(at.index(token.len())),
            Self::Swap(one, other) => {
                let (one, other) = (one.index(parts.len()), other.index(parts.len()));
                parts.swap(one, other);
                return parts.join(".");
            }
            Self::Repeat(at) => {
                parts.push(parts[at.index(parts.len())]);
                return parts.join(".");
            }
            Self::LastOf(at, with) => {
                let end = parts[..=at.index(parts.len())].join(".").len();
                text.replace_range(end - 1..end, with);
            }
            Self::Before(what) => text.insert_str(0, what),
            Self::Behind(what) => text.push_str(what),
        }
        text
    }
}

/// Bends the text of many tokens: none that differs from the genuine one is accepted by us, and none by us alone.
pub(crate) fn twist_all(
    what: &str,
    cases: u32,
    claims: impl Strategy<Value = Claims>,
    mint: impl Fn(&Claims) -> String,
    ask: impl Fn(&str) -> Said,
) {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let same = std::cell::Cell::new(0_u32);
    let run = runner.run(&(claims, any_twist()), |(claims, twist)| {
        let genuine = mint(&claims);
        let bent = twist.apply(&genuine);
        let Said { ours, theirs } = ask(&bent);
        if bent == genuine {
            same.set(same.get() + 1);
            prop_assert!(ours.is_ok() && theirs == ours.ok());
        } else {
            prop_assert!(ours.is_err(), "accepted by us: {bent}");
            prop_assert!(theirs.is_none(), "accepted by them alone: {bent}");
        }
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{what}: {error}"));
    println!("{what}: {cases} bent texts; {} of them came out unbent and were accepted by both, no other by either", same.get());
}

//! Claims that the application adds to a session, and through it to every access token of it.

use std::collections::BTreeMap;
use std::fmt;

use crate::json::{self, Limits, Value};

/// The most members that custom claims may have, at all levels, so that a token with them stays within what verifiers read.
const MAX_MEMBERS: usize = 32;
const LIMITS: Limits = Limits { depth: 8, members: MAX_MEMBERS };
/// The most bytes of their compact text.
const MAX_BYTES: usize = 2048;
/// Bytes of a text that is looked at all: white space may inflate it so far.
const MAX_RAW_BYTES: usize = 8 * 1024;

/// Names with a meaning of their own in a token or an introspection answer (RFC 7519, 7662, 7800, 8417, 8693, 9068, 9449, 9701, OpenID
/// Connect), sorted.
const RESERVED: [&str; 37] = [
    "acr",
    "act",
    "active",
    "amr",
    "at_hash",
    "ath",
    "aud",
    "auth_time",
    "azp",
    "c_hash",
    "client_id",
    "cnf",
    "events",
    "exp",
    "htm",
    "htu",
    "iat",
    "iss",
    "jti",
    "may_act",
    "nbf",
    "nonce",
    "orig",
    "origid",
    "s_hash",
    "scope",
    "sid",
    "status",
    "sub",
    "sub_id",
    "sub_jwk",
    "toe",
    "token_introspection",
    "token_type",
    "txn",
    "typ",
    "vot",
];

/// Whether a name is refused as a custom claim: it has a meaning of its own, or begins with `mintage`.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.binary_search(&name).is_ok() || name.starts_with("mintage")
}

/// Custom claims: the text of a JSON object, without white space, members sorted by name. Numbers stay as they were spelled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Custom(String);

/// Why custom claims are refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CustomFault {
    /// Not JSON, or a number that no double can hold.
    Malformed,
    /// JSON, but no object.
    NotAnObject,
    /// An object has two members of one name.
    DuplicateName,
    /// This name is not for applications.
    Reserved(String),
    /// More than 2,048 bytes.
    TooLarge,
    /// More than 32 members, at all levels together.
    TooMany,
    /// More than 8 objects and arrays inside one another.
    TooDeep,
}

impl Default for Custom {
    /// No claims.
    fn default() -> Self {
        Self("{}".to_owned())
    }
}

impl Custom {
    /// Takes an application's claims.
    ///
    /// # Errors
    /// The first [`CustomFault`] of the text.
    pub fn parse(json_text: &str) -> Result<Self, CustomFault> {
        Self::of(&members(json_text)?)
    }

    /// Adds a member of a token that is not one of its own claims: its name was judged when it was minted, and its reader sees to unique
    /// names.
    pub(crate) fn add_of_token(&mut self, name: &str, value: &Value<'_>) {
        self.0.pop();
        self.0.reserve(64);
        push_name(&mut self.0, name);
        push_value(&mut self.0, value);
        self.0.push('}');
    }

    /// These claims with a patch merged in (RFC 7396) at the top level: `null` removes a member, any other value replaces it whole.
    ///
    /// # Errors
    /// A [`CustomFault`] of the patch or of the result.
    pub fn merge(&self, patch: &str) -> Result<Self, CustomFault> {
        let mut merged = members(self.text())?;
        for (name, value) in members(patch)? {
            if value == "null" {
                merged.remove(&name);
            } else {
                merged.insert(name, value);
            }
        }
        Self::of(&merged)
    }

    /// The compact text of the JSON object; `{}` when there are none.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0 == "{}"
    }

    /// One claim.
    pub fn get(&self, name: &str) -> Option<serde_json::Value> {
        let mut all: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&self.0).ok()?;
        all.remove(name)
    }

    fn of(members: &BTreeMap<String, String>) -> Result<Self, CustomFault> {
        let text = write(members.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        if text.len() > MAX_BYTES {
            return Err(CustomFault::TooLarge);
        }
        json::check(text.as_bytes(), LIMITS)?;
        Ok(Self(text))
    }
}

impl From<json::Fault> for CustomFault {
    fn from(fault: json::Fault) -> Self {
        match fault {
            json::Fault::Malformed => Self::Malformed,
            json::Fault::WrongKind => Self::NotAnObject,
            json::Fault::DuplicateName => Self::DuplicateName,
            json::Fault::TooDeep => Self::TooDeep,
            json::Fault::TooMany => Self::TooMany,
        }
    }
}

impl fmt::Display for CustomFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not well-formed JSON"),
            Self::NotAnObject => f.write_str("not a JSON object"),
            Self::DuplicateName => f.write_str("a name appears twice in one object"),
            Self::Reserved(name) => write!(f, "`{}` is reserved", name.escape_debug()),
            Self::TooLarge => write!(f, "more than {MAX_BYTES} bytes"),
            Self::TooMany => write!(f, "more than {} members", LIMITS.members),
            Self::TooDeep => write!(f, "more than {} levels deep", LIMITS.depth),
        }
    }
}

impl std::error::Error for CustomFault {}

/// The members of an object, names resolved, values compact.
fn members(text: &str) -> Result<BTreeMap<String, String>, CustomFault> {
    if text.len() > MAX_RAW_BYTES {
        return Err(CustomFault::TooLarge);
    }
    let mut members = BTreeMap::new();
    json::object(text.as_bytes(), LIMITS, |name, value| {
        if is_reserved(name) {
            return Err(CustomFault::Reserved(name.to_owned()));
        }
        members.insert(name.to_owned(), spell(&value));
        Ok(())
    })?;
    // Others read our claims with ordinary readers, which hold numbers as doubles.
    serde_json::from_str::<serde_json::Value>(text).map_err(|_| CustomFault::Malformed)?;
    Ok(members)
}

fn spell(value: &Value<'_>) -> String {
    let mut out = String::new();
    push_value(&mut out, value);
    out
}

fn push_value(out: &mut String, value: &Value<'_>) {
    match value {
        Value::Str(text) => json::push_string(out, text),
        Value::Number(text) => out.push_str(text),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Null => out.push_str("null"),
        Value::Array(text) | Value::Object(text) => json::push_compact(out, text),
    }
}

fn write<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::from("{");
    for (name, value) in members {
        push_name(&mut out, name);
        out.push_str(value);
    }
    out.push('}');
    out
}

/// Appends the name of a member to an object that is open.
fn push_name(out: &mut String, name: &str) {
    if out.len() > 1 {
        out.push(',');
    }
    json::push_string(out, name);
    out.push(':');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_have_one_canonical_text() {
        let custom = Custom::parse(" { \"roles\" : [ \"b\" , \"a\" ], \"a\\u0062\": {\"x\" : 1.50} } ").unwrap();
        assert_eq!(custom.text(), r#"{"ab":{"x":1.50},"roles":["b","a"]}"#);
        assert_eq!(Custom::parse(custom.text()), Ok(custom.clone()));
        assert_eq!(custom.get("roles"), Some(serde_json::json!(["b", "a"])));
        assert!(Custom::parse("{}").unwrap().is_empty() && Custom::default().is_empty());
    }

    #[test]
    fn a_patch_replaces_adds_and_removes() {
        let custom = Custom::parse(r#"{"roles":["admin"],"plan":"free","old":1}"#).unwrap();
        let merged = custom.merge(r#"{"roles":[],"old":null,"absent":null,"new":{"a":null}}"#).unwrap();
        assert_eq!(merged.text(), r#"{"new":{"a":null},"plan":"free","roles":[]}"#);
    }

    #[test]
    fn each_limit_has_its_fault() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(2040));
        assert!(Custom::parse(&long).is_ok());
        let many = |count: usize| format!("{{{}}}", (0..count).map(|at| format!("\"m{at}\":0")).collect::<Vec<_>>().join(","));
        assert!(Custom::parse(&many(32)).is_ok());
        let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(Custom::parse(&deep(8)).is_ok());
        let reserved = |name: &str| CustomFault::Reserved(name.to_owned());
        let cases = [
            ("[]", CustomFault::NotAnObject),
            ("{", CustomFault::Malformed),
            (r#"{"a":1e999}"#, CustomFault::Malformed),
            (r#"{"a":1,"\u0061":2}"#, CustomFault::DuplicateName),
            (r#"{"a":{"b":1,"b":2}}"#, CustomFault::DuplicateName),
            (r#"{"iss":"x"}"#, reserved("iss")),
            (r#"{"\u0061ct":"x"}"#, reserved("act")),
            (r#"{"mintage_x":1}"#, reserved("mintage_x")),
            (&long.replace("xx\"", "xxx\""), CustomFault::TooLarge),
            (&format!("{}{{}}", " ".repeat(9000)), CustomFault::TooLarge),
            (&many(33), CustomFault::TooMany),
            (&deep(9), CustomFault::TooDeep),
        ];
        for (text, fault) in cases {
            assert_eq!(Custom::parse(text), Err(fault.clone()), "{text}");
            assert_eq!(Custom::default().merge(text), Err(fault), "{text}");
        }
        let half = Custom::parse(&many(20)).unwrap();
        assert_eq!(half.merge(&many(20).replace('m', "n")), Err(CustomFault::TooMany));
    }

    #[test]
    fn every_reserved_name_is_found() {
        assert!(RESERVED.is_sorted());
        assert!(RESERVED.iter().all(|name| is_reserved(name)));
        assert!(!is_reserved("roles") && !is_reserved("email"));
    }
}

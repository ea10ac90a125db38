//! The claims of an access token as JSON, the same for both formats but for the spelling of dates.

use std::fmt;
use std::fmt::Write;
use std::str::FromStr;

use crate::claims::{Claims, Custom};
use crate::id::{Jti, Sid, push_uuid};
use crate::json::{self, Limits, Value};
use crate::time::Moment;

/// How a format spells dates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dates {
    /// JWT: a NumericDate (RFC 7519 §2), here always a whole number n of seconds, 0 < n < 2^53.
    Numeric,
    /// PASETO: exactly `YYYY-MM-DDTHH:MM:SSZ`.
    Rfc3339,
}

/// Why a payload is not the claims of an access token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClaimsFault {
    /// Not a JSON object within the limits of [`Limits::TOKEN`], with each name once.
    Malformed,
    /// A claim that every access token has (RFC 9068 §2.2) is not there.
    Missing(&'static str),
    /// A claim is there but not of its type, or empty where it must say something.
    WrongType(&'static str),
    /// A date is not in the format's one spelling, or not in its range.
    BadDate(&'static str),
    /// An id is not a lower-case UUID of version 7.
    BadId(&'static str),
}

impl fmt::Display for ClaimsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the payload is not the JSON of claims"),
            Self::Missing(name) => write!(f, "`{name}` is missing"),
            Self::WrongType(name) => write!(f, "`{name}` has the wrong type"),
            Self::BadDate(name) => write!(f, "`{name}` is no date of this format"),
            Self::BadId(name) => write!(f, "`{name}` is no id"),
        }
    }
}

impl std::error::Error for ClaimsFault {}

impl From<json::Fault> for ClaimsFault {
    fn from(_: json::Fault) -> Self {
        Self::Malformed
    }
}

/// Writes claims as a JSON object: standard claims in a fixed order, then the custom ones. The same claims give the same bytes.
pub fn write(claims: &Claims, dates: Dates) -> String {
    write_after("", claims, dates)
}

/// The same with other members before them: `opening` is the text of an object up to its last member, or empty.
pub fn write_after(opening: &str, claims: &Claims, dates: Dates) -> String {
    let mut out = Writer { text: String::with_capacity(512), dates };
    out.text.push_str(opening);
    out.string("iss", &claims.issuer);
    out.string("sub", &claims.subject);
    match claims.audience.as_slice() {
        [one] => out.string("aud", one),
        several => out.strings("aud", several),
    }
    out.date("exp", claims.expires_at.seconds());
    out.date("iat", claims.issued_at.seconds());
    if let Some(not_before) = claims.not_before {
        out.date("nbf", not_before.seconds());
    }
    out.id("jti", claims.jti.as_bytes());
    out.string("client_id", &claims.client_id);
    if let Some(sid) = &claims.sid {
        out.id("sid", sid.as_bytes());
    }
    out.optional("scope", claims.scope.as_deref());
    if let Some(auth_time) = claims.auth_time {
        out.date("auth_time", auth_time);
    }
    out.optional("acr", claims.acr.as_deref());
    if !claims.amr.is_empty() {
        out.strings("amr", &claims.amr);
    }
    if let Some(thumbprint) = &claims.sender_key {
        out.name("cnf");
        out.text.push_str("{\"jkt\":");
        json::push_string(&mut out.text, thumbprint);
        out.text.push('}');
    }
    if let Some(actor) = &claims.actor {
        out.name("act");
        out.text.push_str(actor);
    }
    out.finish(&claims.custom)
}

/// Reads claims. What is not standard becomes custom claims, whatever its name.
///
/// # Errors
/// The first [`ClaimsFault`], in the order of the text, then of what is missing. A claim of the wrong type is never taken for absent, and
/// a `cnf` other than exactly one `jkt` is refused: it would bind the token in a way that nobody here checks.
pub fn read(payload: &[u8], dates: Dates) -> Result<Claims, ClaimsFault> {
    let mut found = Found::default();
    json::object(payload, Limits::TOKEN, |name, value| found.take(name, value, dates))?;
    found.complete()
}

struct Writer {
    text: String,
    dates: Dates,
}

impl Writer {
    fn name(&mut self, name: &str) {
        self.text.push(if self.text.is_empty() { '{' } else { ',' });
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    fn string(&mut self, name: &str, value: &str) {
        self.name(name);
        json::push_string(&mut self.text, value);
    }

    fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.string(name, value);
        }
    }

    fn strings(&mut self, name: &str, values: &[String]) {
        self.name(name);
        self.text.push('[');
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            json::push_string(&mut self.text, value);
        }
        self.text.push(']');
    }

    fn id(&mut self, name: &str, id: &[u8; 16]) {
        self.name(name);
        self.text.push('"');
        push_uuid(&mut self.text, id);
        self.text.push('"');
    }

    fn date(&mut self, name: &str, seconds: u64) {
        self.name(name);
        // Writing to a String cannot fail.
        let _ = match self.dates {
            Dates::Numeric => write!(self.text, "{seconds}"),
            Dates::Rfc3339 => write!(self.text, "\"{}\"", Moment::from_seconds(seconds).to_rfc3339_seconds()),
        };
    }

    fn finish(mut self, custom: &Custom) -> String {
        if !custom.is_empty() {
            self.text.push(',');
            self.text.push_str(&custom.text()[1..]);
        } else {
            self.text.push('}');
        }
        self.text
    }
}

#[derive(Default)]
struct Found {
    issuer: Option<String>,
    subject: Option<String>,
    audience: Option<Vec<String>>,
    expires_at: Option<u64>,
    issued_at: Option<u64>,
    not_before: Option<u64>,
    jti: Option<Jti>,
    client_id: Option<String>,
    sid: Option<Sid>,
    scope: Option<String>,
    auth_time: Option<u64>,
    acr: Option<String>,
    amr: Vec<String>,
    sender_key: Option<String>,
    actor: Option<String>,
    custom: Custom,
}

impl Found {
    fn take(&mut self, name: &str, value: Value<'_>, dates: Dates) -> Result<(), ClaimsFault> {
        match name {
            "iss" => self.issuer = Some(filled("iss", value)?),
            "sub" => self.subject = Some(filled("sub", value)?),
            "aud" => self.audience = Some(audience(value)?),
            "exp" => self.expires_at = Some(date("exp", &value, dates)?),
            "iat" => self.issued_at = Some(date("iat", &value, dates)?),
            "nbf" => self.not_before = Some(date("nbf", &value, dates)?),
            "jti" => self.jti = Some(id("jti", &value)?),
            "client_id" => self.client_id = Some(filled("client_id", value)?),
            "sid" => self.sid = Some(id("sid", &value)?),
            "scope" => self.scope = Some(string("scope", value)?),
            "auth_time" => self.auth_time = Some(date("auth_time", &value, dates)?),
            "acr" => self.acr = Some(string("acr", value)?),
            "amr" => self.amr = strings("amr", &value)?,
            "cnf" => self.sender_key = Some(thumbprint(&value)?),
            "act" => match value {
                Value::Object(text) => self.actor = Some(json::compact(text)),
                _ => return Err(ClaimsFault::WrongType("act")),
            },
            _ => self.custom.add_of_token(name, &value),
        }
        Ok(())
    }

    fn complete(self) -> Result<Claims, ClaimsFault> {
        let missing = ClaimsFault::Missing;
        Ok(Claims {
            issuer: self.issuer.ok_or(missing("iss"))?,
            subject: self.subject.ok_or(missing("sub"))?,
            audience: self.audience.ok_or(missing("aud"))?,
            expires_at: Moment::from_seconds(self.expires_at.ok_or(missing("exp"))?),
            issued_at: Moment::from_seconds(self.issued_at.ok_or(missing("iat"))?),
            not_before: self.not_before.map(Moment::from_seconds),
            jti: self.jti.ok_or(missing("jti"))?,
            client_id: self.client_id.ok_or(missing("client_id"))?,
            sid: self.sid,
            scope: self.scope,
            auth_time: self.auth_time,
            acr: self.acr,
            amr: self.amr,
            sender_key: self.sender_key,
            actor: self.actor,
            custom: self.custom,
        })
    }
}

fn string(name: &'static str, value: Value<'_>) -> Result<String, ClaimsFault> {
    match value {
        Value::Str(text) => Ok(text.into_owned()),
        _ => Err(ClaimsFault::WrongType(name)),
    }
}

fn filled(name: &'static str, value: Value<'_>) -> Result<String, ClaimsFault> {
    string(name, value).and_then(|text| if text.is_empty() { Err(ClaimsFault::WrongType(name)) } else { Ok(text) })
}

fn audience(value: Value<'_>) -> Result<Vec<String>, ClaimsFault> {
    let list = match value {
        Value::Str(one) => vec![one.into_owned()],
        several => strings("aud", &several)?,
    };
    if list.is_empty() || list.iter().any(String::is_empty) { Err(ClaimsFault::WrongType("aud")) } else { Ok(list) }
}

fn strings(name: &'static str, value: &Value<'_>) -> Result<Vec<String>, ClaimsFault> {
    let Value::Array(text) = value else { return Err(ClaimsFault::WrongType(name)) };
    let mut list = Vec::new();
    json::array(text.as_bytes(), Limits::TOKEN, |element| {
        list.push(string(name, element)?);
        Ok::<_, ClaimsFault>(())
    })?;
    Ok(list)
}

fn date(name: &'static str, value: &Value<'_>, dates: Dates) -> Result<u64, ClaimsFault> {
    let seconds = match (dates, value) {
        (Dates::Numeric, value) => value.whole(),
        (Dates::Rfc3339, Value::Str(text)) => Moment::parse_rfc3339_seconds(text).map(Moment::seconds),
        (Dates::Rfc3339, _) => None,
    };
    seconds.filter(|seconds| (1..1 << 53).contains(seconds)).ok_or(ClaimsFault::BadDate(name))
}

fn id<T: FromStr>(name: &'static str, value: &Value<'_>) -> Result<T, ClaimsFault> {
    match value {
        Value::Str(text) => text.parse().map_err(|_| ClaimsFault::BadId(name)),
        _ => Err(ClaimsFault::WrongType(name)),
    }
}

fn thumbprint(value: &Value<'_>) -> Result<String, ClaimsFault> {
    let wrong = ClaimsFault::WrongType("cnf");
    let Value::Object(text) = value else { return Err(wrong) };
    let mut found = None;
    json::object(text.as_bytes(), Limits::TOKEN, |name, value| match (name, value) {
        ("jkt", Value::Str(text)) => {
            found = Some(text.into_owned());
            Ok(())
        }
        _ => Err(wrong),
    })?;
    found.ok_or(wrong)
}

#[cfg(test)]
#[path = "claims_json_tests.rs"]
mod tests;

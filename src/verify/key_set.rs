//! The public keys that a verifier holds, passively: it fetches nothing, and what it was not given does not exist.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::json::{self, Limits, Value};
use crate::keyring::{BadKey, VerifyingKey};
use crate::time::Moment;

/// Bytes of a published set that is looked at all.
pub const MAX_SET_BYTES: usize = 256 * 1024;
/// Structure of a published set: some hundred keys, certificate chains and all.
const LIMITS: Limits = Limits { depth: 8, members: 8192 };
/// Dates are integers below this (design of our tokens, and what every JSON reader holds exactly).
const MAX_DATE: u64 = 1 << 53;

/// A key as the verifier holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldKey {
    /// What checks.
    pub key: VerifyingKey,
    /// From here on nothing that it signed is accepted.
    pub ends_at: Option<Moment>,
    /// Whose key it is; tokens of any other issuer are refused under it.
    pub issuer: Option<String>,
}

/// Keys by their ids. JWT and PASETO keys may stand in one set: a key's algorithm says which tokens it is for.
#[derive(Clone, Default, Debug)]
pub struct KeySet {
    keys: HashMap<String, Arc<HeldKey>>,
    skipped: Vec<(usize, BadKey)>,
}

/// Why a key set is refused whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeySetFault {
    /// More than [`MAX_SET_BYTES`].
    TooLong,
    /// Not an object with a list `keys` of objects, or a member of a wrong type.
    Malformed,
    /// Two keys of one id: which of them checks would be chance.
    DuplicateKid(String),
    /// An entry (counted from 0) that no honest set has: a private key, or a key that is not what it says.
    BadKey(usize, BadKey),
    /// The id of an entry (counted from 0) is not that of its PASERK.
    OtherKid(usize),
}

impl fmt::Display for KeySetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "more than {MAX_SET_BYTES} bytes"),
            Self::Malformed => f.write_str("not a key set"),
            Self::DuplicateKid(kid) => write!(f, "two keys have the id `{}`", kid.escape_debug()),
            Self::BadKey(at, bad) => write!(f, "key {at}: {bad}"),
            Self::OtherKid(at) => write!(f, "key {at}: its kid is not the id of its PASERK"),
        }
    }
}

impl std::error::Error for KeySetFault {}

impl From<json::Fault> for KeySetFault {
    fn from(_: json::Fault) -> Self {
        Self::Malformed
    }
}

impl KeySet {
    /// Reads a JWK Set (RFC 7517 §5). Keys of kinds, algorithms or purposes that we do not use are skipped (see [`KeySet::skipped`]).
    ///
    /// # Errors
    /// [`KeySetFault`]: a set with a private key, two equal ids, or a key that is not what it says is not believed at all.
    pub fn from_jwks(text: &str) -> Result<Self, KeySetFault> {
        Self::read(text, |entry| VerifyingKey::from_jwk(entry.text).map(Some))
    }

    /// Reads a set `{"keys":[{"kid":"k4.pid.…","paserk":"k4.public.…"}]}`. Keys of other versions are skipped.
    ///
    /// # Errors
    /// Like [`KeySet::from_jwks`]; and [`KeySetFault::OtherKid`].
    pub fn from_paserk_set(text: &str) -> Result<Self, KeySetFault> {
        Self::read(text, |entry| {
            let paserk = entry.paserk.as_deref().ok_or(BadKey::Malformed)?;
            let key = VerifyingKey::from_paserk(paserk)?;
            Ok(entry.kid.as_ref().is_none_or(|kid| kid == key.kid()).then_some(key))
        })
    }

    /// Keys that are known otherwise, each with its end; for the issuer itself.
    ///
    /// # Errors
    /// [`KeySetFault::DuplicateKid`].
    pub fn from_keys(keys: impl IntoIterator<Item = (VerifyingKey, Option<Moment>)>) -> Result<Self, KeySetFault> {
        let mut set = Self::default();
        for (key, ends_at) in keys {
            set.hold(HeldKey { key, ends_at, issuer: None })?;
        }
        Ok(set)
    }

    /// Both sets in one.
    ///
    /// # Errors
    /// [`KeySetFault::DuplicateKid`].
    pub fn and(mut self, other: Self) -> Result<Self, KeySetFault> {
        for held in other.keys.into_values() {
            self.hold_shared(held)?;
        }
        self.skipped.extend(other.skipped);
        Ok(self)
    }

    /// The key of this id.
    pub fn get(&self, kid: &str) -> Option<&Arc<HeldKey>> {
        self.keys.get(kid)
    }

    /// Every key, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<HeldKey>> {
        self.keys.values()
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The entries (counted from 0) of the texts it was read from that are of no use here, and why.
    pub fn skipped(&self) -> &[(usize, BadKey)] {
        &self.skipped
    }

    fn read(text: &str, key_of: fn(&Entry<'_>) -> Result<Option<VerifyingKey>, BadKey>) -> Result<Self, KeySetFault> {
        let mut set = Self::default();
        for (at, entry) in entries(text)?.into_iter().enumerate() {
            let entry = Entry::read(entry)?;
            match key_of(&entry) {
                Ok(Some(key)) => set.hold(HeldKey { key, ends_at: entry.ends_at, issuer: entry.issuer })?,
                Ok(None) => return Err(KeySetFault::OtherKid(at)),
                Err(useless @ (BadKey::Unsupported | BadKey::WrongAlgorithm | BadKey::WrongPurpose)) => set.skipped.push((at, useless)),
                Err(bad) => return Err(KeySetFault::BadKey(at, bad)),
            }
        }
        Ok(set)
    }

    fn hold(&mut self, held: HeldKey) -> Result<(), KeySetFault> {
        self.hold_shared(Arc::new(held))
    }

    fn hold_shared(&mut self, held: Arc<HeldKey>) -> Result<(), KeySetFault> {
        let kid = held.key.kid().to_owned();
        match self.keys.insert(kid, held) {
            None => Ok(()),
            Some(other) => Err(KeySetFault::DuplicateKid(other.key.kid().to_owned())),
        }
    }
}

/// The texts of the entries of `keys`.
fn entries(text: &str) -> Result<Vec<&str>, KeySetFault> {
    if text.len() > MAX_SET_BYTES {
        return Err(KeySetFault::TooLong);
    }
    let mut list = None;
    json::object(text.as_bytes(), LIMITS, |name, value| {
        match (name, value) {
            ("keys", Value::Array(array)) => list = Some(array),
            ("keys", _) => return Err(KeySetFault::Malformed),
            _ => {}
        }
        Ok(())
    })?;
    let mut entries = Vec::new();
    json::array(list.ok_or(KeySetFault::Malformed)?.as_bytes(), LIMITS, |value| match value {
        Value::Object(entry) => {
            entries.push(entry);
            Ok(())
        }
        _ => Err(KeySetFault::Malformed),
    })?;
    Ok(entries)
}

/// What an entry says beside its key.
struct Entry<'a> {
    text: &'a str,
    kid: Option<String>,
    paserk: Option<String>,
    ends_at: Option<Moment>,
    issuer: Option<String>,
}

impl<'a> Entry<'a> {
    fn read(text: &'a str) -> Result<Self, KeySetFault> {
        let mut entry = Self { text, kid: None, paserk: None, ends_at: None, issuer: None };
        json::object(text.as_bytes(), LIMITS, |name, value| {
            let slot = match name {
                "kid" => &mut entry.kid,
                "paserk" => &mut entry.paserk,
                "iss" => &mut entry.issuer,
                "exp" => {
                    let seconds = value.whole().filter(|seconds| (1..MAX_DATE).contains(seconds));
                    entry.ends_at = Some(Moment::from_seconds(seconds.ok_or(KeySetFault::Malformed)?));
                    return Ok(());
                }
                _ => return Ok(()),
            };
            let Value::Str(text) = value else { return Err(KeySetFault::Malformed) };
            *slot = Some(text.into_owned());
            Ok(())
        })?;
        Ok(entry)
    }
}

#[cfg(test)]
#[path = "key_set_tests.rs"]
mod tests;

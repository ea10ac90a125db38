//! The text of one key file.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::KeyFileProblem;
use super::seal::Sealed;
use crate::keyring::{Algorithm, KeyLife, MacKey, RingKey, SigningKey};
use crate::secret::Secret;
use crate::time::Moment;

/// The version that this code writes and reads.
const VERSION: u64 = 1;

/// A key file of any kind.
pub(super) enum KeyFile {
    Signing(Box<RingKey>),
    Mac(MacKey),
}

/// Moments are milliseconds since the Unix epoch.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SigningText {
    version: u64,
    kid: String,
    algorithm: Algorithm,
    announced_at: Moment,
    activates_at: Moment,
    retires_at: Option<Moment>,
    ends_at: Option<Moment>,
    revoked_at: Option<Moment>,
    private: Private,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MacText {
    version: u64,
    mac_id: u8,
    announced_at: Moment,
    activates_at: Moment,
    ends_at: Option<Moment>,
    /// Seconds.
    #[serde(default)]
    longest_session: u64,
    private: Private,
}

/// Only to learn which of them it is, whoever wrote it.
#[derive(Deserialize)]
struct Outline {
    version: u64,
    mac_id: Option<u8>,
    sealed: Option<serde::de::IgnoredAny>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedText {
    version: u64,
    sealed: Sealed,
}

/// Base64url without padding; wiped when dropped. This type alone writes private keys, and only into key files.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
struct Private(String);

impl Private {
    fn of(bytes: &[u8]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn bytes(&self) -> Result<Zeroizing<Vec<u8>>, KeyFileProblem> {
        let corrupt = |_| KeyFileProblem::Corrupt("the private key is not base64url".to_owned());
        URL_SAFE_NO_PAD.decode(&self.0).map(Zeroizing::new).map_err(corrupt)
    }
}

/// The file's name without its ending.
pub(super) fn signing_name(key: &RingKey) -> String {
    key.key.verifying().kid().to_owned()
}

/// The file's name without its ending.
pub(super) fn mac_name(key: &MacKey) -> String {
    format!("mac-{}", key.id)
}

pub(super) fn write_signing(key: &RingKey) -> Result<Zeroizing<Vec<u8>>, KeyFileProblem> {
    let KeyLife { announced_at, activates_at, retires_at, ends_at, revoked_at } = key.life;
    write(&SigningText {
        version: VERSION,
        kid: signing_name(key),
        algorithm: key.key.verifying().algorithm(),
        announced_at,
        activates_at,
        retires_at,
        ends_at,
        revoked_at,
        private: key.key.private().expose(|bytes| Private::of(bytes)),
    })
}

pub(super) fn write_mac(key: &MacKey) -> Result<Zeroizing<Vec<u8>>, KeyFileProblem> {
    let MacKey { id, announced_at, activates_at, ends_at, longest_session, .. } = key;
    let (mac_id, announced_at, activates_at, ends_at) = (*id, *announced_at, *activates_at, *ends_at);
    write(&MacText {
        version: VERSION,
        mac_id,
        announced_at,
        activates_at,
        ends_at,
        longest_session: longest_session.as_secs(),
        private: key.secret().expose(|bytes| Private::of(bytes)),
    })
}

pub(super) fn write_sealed(sealed: Sealed) -> Result<Zeroizing<Vec<u8>>, KeyFileProblem> {
    write(&SealedText { version: VERSION, sealed })
}

/// What the text holds, if it is a sealed one.
pub(super) fn read_sealed(text: &[u8]) -> Result<Option<Sealed>, KeyFileProblem> {
    let outline: Outline = parse(text)?;
    if outline.version != VERSION {
        return Err(KeyFileProblem::UnknownVersion(outline.version));
    }
    if outline.sealed.is_none() {
        return Ok(None);
    }
    parse(text).map(|SealedText { version: _, sealed }| Some(sealed))
}

/// Reads a file whose name, without its ending, is `name`.
pub(super) fn read(name: &str, text: &[u8]) -> Result<KeyFile, KeyFileProblem> {
    let outline: Outline = parse(text)?;
    if outline.version != VERSION {
        return Err(KeyFileProblem::UnknownVersion(outline.version));
    }
    if outline.mac_id.is_some() { read_mac(name, text) } else { read_signing(name, text) }
}

fn read_signing(name: &str, text: &[u8]) -> Result<KeyFile, KeyFileProblem> {
    let SigningText { version: _, kid, algorithm, announced_at, activates_at, retires_at, ends_at, revoked_at, private } = parse(text)?;
    let key = SigningKey::from_private(algorithm, &private.bytes()?).map_err(KeyFileProblem::BadKey)?;
    let inside = key.verifying().kid();
    if inside != kid || inside != name {
        return Err(KeyFileProblem::WrongName { inside: inside.to_owned() });
    }
    let life = KeyLife { announced_at, activates_at, retires_at, ends_at, revoked_at };
    check_order(&[Some(announced_at), Some(activates_at), retires_at, ends_at])?;
    Ok(KeyFile::Signing(Box::new(RingKey { key, life })))
}

fn read_mac(name: &str, text: &[u8]) -> Result<KeyFile, KeyFileProblem> {
    let MacText { version: _, mac_id, announced_at, activates_at, ends_at, longest_session, private } = parse(text)?;
    let wrong_length = |_| KeyFileProblem::BadKey(crate::keyring::BadKey::Malformed);
    let bytes = Zeroizing::new(<[u8; 32]>::try_from(private.bytes()?.as_slice()).map_err(wrong_length)?);
    let mut key = MacKey::new(mac_id, Secret::new(*bytes), announced_at, activates_at, ends_at);
    key.longest_session = Duration::from_secs(longest_session);
    if mac_name(&key) != name {
        return Err(KeyFileProblem::WrongName { inside: mac_name(&key) });
    }
    check_order(&[Some(announced_at), Some(activates_at), ends_at])?;
    Ok(KeyFile::Mac(key))
}

/// A key that is retired before its time has come may skip a step, but none goes backwards from its announcement.
fn check_order(moments: &[Option<Moment>]) -> Result<(), KeyFileProblem> {
    let first = moments.first().copied().flatten().unwrap_or_default();
    let last_two: Vec<Moment> = moments.iter().skip(2).copied().flatten().collect();
    let is_good = moments.iter().flatten().all(|at| *at >= first) && last_two.is_sorted();
    if is_good { Ok(()) } else { Err(KeyFileProblem::BadLife) }
}

fn write(text: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, KeyFileProblem> {
    // Large enough for any file: growing would leave a copy behind that is not wiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(16 * 1024));
    serde_json::to_writer_pretty(&mut *bytes, text).map_err(|error| KeyFileProblem::Io(error.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Strict JSON that ends with a newline, so that every cut shows. The reason names a place, never content.
fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, KeyFileProblem> {
    if text.last() != Some(&b'\n') {
        return Err(KeyFileProblem::Corrupt("it is cut off".to_owned()));
    }
    serde_json::from_slice(text).map_err(|error| {
        let kind = match error.classify() {
            serde_json::error::Category::Data => "a member is missing, unknown or of the wrong kind",
            serde_json::error::Category::Eof => "it is cut off",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "not JSON",
        };
        KeyFileProblem::Corrupt(format!("{kind} (line {}, column {})", error.line(), error.column()))
    })
}

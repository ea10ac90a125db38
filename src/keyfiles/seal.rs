//! Sealing: argon2id (RFC 9106) makes a key of the passphrase, ChaCha20-Poly1305 (RFC 8439) closes the file under it.
//!
//! The parameters stand in every sealed file, so that they can be raised later. A file is bound to its name and its parameters.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use argon2::{Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{KeyFileProblem, Passphrase};

/// What new seals cost: 64 MiB and three passes (RFC 9106 §4, the second recommended option, in one lane).
const COST: Cost = Cost { memory_kib: 64 * 1024, passes: 3, lanes: 1 };
/// What a seal must cost to be believed: a file whose seal was bent to be cheap is not opened.
const LEAST: Cost = Cost { memory_kib: 19 * 1024, passes: 2, lanes: 1 };
/// What opening a seal may cost: a file must not keep the start busy for ever.
const MOST: Cost = Cost { memory_kib: 1024 * 1024, passes: 16, lanes: 16 };

/// What a sealed file says beside its version.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sealed {
    kdf: Kdf,
    cost: Cost,
    salt: String,
    cipher: Cipher,
    nonce: String,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Kdf {
    #[serde(rename = "argon2id")]
    Argon2id,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Cipher {
    #[serde(rename = "chacha20-poly1305")]
    ChaCha20Poly1305,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// A passphrase and the keys that were made of it: one for each salt, so that a start derives once and not for each file.
pub(super) struct Seal {
    passphrase: Passphrase,
    keys: Mutex<Vec<Derived>>,
}

#[derive(Clone)]
struct Derived {
    cost: Cost,
    salt: [u8; 16],
    key: LessSafeKey,
}

impl Seal {
    pub(super) fn new(passphrase: Passphrase) -> Self {
        Self { passphrase, keys: Mutex::new(Vec::new()) }
    }

    /// Closes the text of the file of this name.
    pub(super) fn close(&self, name: &str, text: &[u8]) -> Result<Sealed, KeyFileProblem> {
        let known = self.keys().iter().find(|derived| derived.cost == COST).cloned();
        let derived = match known {
            Some(derived) => derived,
            None => self.derive(COST, random()?)?,
        };
        let nonce: [u8; 12] = random()?;
        let mut bytes = Zeroizing::new(text.to_vec());
        let unusable = |_| KeyFileProblem::Io("it cannot be sealed".to_owned());
        let bound = bound(name, derived.cost, &derived.salt);
        let tag =
            derived.key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound), &mut bytes).map_err(unusable)?;
        bytes.extend_from_slice(tag.as_ref());
        let [salt, nonce, text] = [&derived.salt[..], &nonce, &bytes].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        Ok(Sealed { kdf: Kdf::Argon2id, cost: derived.cost, salt, cipher: Cipher::ChaCha20Poly1305, nonce, text })
    }

    /// Opens what a file of this name holds.
    pub(super) fn open(&self, name: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, KeyFileProblem> {
        let Sealed { kdf: Kdf::Argon2id, cost, salt, cipher: Cipher::ChaCha20Poly1305, nonce, text } = sealed;
        let corrupt = || KeyFileProblem::Corrupt("its seal is not base64url of the right length".to_owned());
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| corrupt());
        let salt = <[u8; 16]>::try_from(decode(salt)?).map_err(|_| corrupt())?;
        let nonce = <[u8; 12]>::try_from(decode(nonce)?).map_err(|_| corrupt())?;
        let mut text = Zeroizing::new(decode(text)?);
        let known = self.keys().iter().find(|derived| (derived.cost, derived.salt) == (*cost, salt)).cloned();
        let derived = match known {
            Some(derived) => derived,
            None => self.derive(*cost, salt)?,
        };
        let opened = derived.key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(bound(name, *cost, &salt)), &mut text);
        opened.map(|plain| Zeroizing::new(plain.to_vec())).map_err(|_| KeyFileProblem::WrongPassphrase)
    }

    fn derive(&self, cost: Cost, salt: [u8; 16]) -> Result<Derived, KeyFileProblem> {
        if !cost.is_within_bounds() {
            return Err(KeyFileProblem::BadSeal);
        }
        let Cost { memory_kib, passes, lanes } = cost;
        let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| KeyFileProblem::BadSeal)?;
        let argon2 = Argon2::new(argon2::Algorithm::Argon2id, Version::V0x13, params);
        let mut bytes = Zeroizing::new([0; 32]);
        self.passphrase.expose(|text| argon2.hash_password_into(text, &salt, &mut *bytes)).map_err(|_| KeyFileProblem::BadSeal)?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, &*bytes).map_err(|_| KeyFileProblem::BadSeal)?;
        let derived = Derived { cost, salt, key: LessSafeKey::new(key) };
        self.keys().push(derived.clone());
        Ok(derived)
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, Vec<Derived>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

impl Cost {
    fn is_within_bounds(self) -> bool {
        let within = |of: fn(&Self) -> u32| (of(&LEAST)..=of(&MOST)).contains(&of(&self));
        within(|cost| cost.memory_kib) && within(|cost| cost.passes) && within(|cost| cost.lanes)
    }
}

fn bound(name: &str, cost: Cost, salt: &[u8; 16]) -> Vec<u8> {
    let Cost { memory_kib, passes, lanes } = cost;
    let mut bound = format!("mintage key file 1\0{name}\0argon2id\0{memory_kib}\0{passes}\0{lanes}\0").into_bytes();
    bound.extend_from_slice(salt);
    bound
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], KeyFileProblem> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| KeyFileProblem::Io("the system gives no randomness".to_owned()))?;
    Ok(bytes)
}

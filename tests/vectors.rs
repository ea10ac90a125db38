//! Published test vectors against the layers that they are about.

#![expect(clippy::unwrap_used, reason = "a test ends where a vector is not what it should be")]

use mintage::keyring::{Tables, VerifyingKey};

#[path = "vectors/core.rs"]
mod core;
#[cfg(feature = "service")]
#[path = "vectors/corpus/mod.rs"]
mod corpus;
#[path = "vectors/verify.rs"]
mod verify;

/// The key as it is, and as a verifier holds it: with a table, where it is of a kind that has one. Both must answer alike.
fn both(key: &VerifyingKey) -> [VerifyingKey; 2] {
    let mut equipped = key.clone();
    Tables::default().equip([&mut equipped]);
    [key.clone(), equipped]
}

/// Whether the signature is the key's.
fn verifies(keys: &[VerifyingKey; 2], message: &[u8], signature: &[u8]) -> bool {
    let [plain, equipped] = keys.each_ref().map(|key| key.verify(message, signature));
    assert_eq!(plain, equipped, "a table changes no answer");
    plain
}

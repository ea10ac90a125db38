//! Ed25519 keys that check signatures, with a table where they have one.

use std::sync::Arc;

use ed25519_dalek::{Signature, VerifyingKey};

use super::BadKey;
use super::key_table::KeyTable;

/// A point of the curve, canonically encoded and not of small order. Whether it has a table changes no answer, and not what it is equal to.
#[derive(Clone)]
pub(super) struct Ed25519Key {
    point: Box<VerifyingKey>,
    /// What checks instead, where there is one.
    pub(super) table: Option<Arc<KeyTable>>,
}

impl Ed25519Key {
    pub(super) fn new(bytes: &[u8; 32]) -> Result<Self, BadKey> {
        let point = VerifyingKey::from_bytes(bytes).map_err(|_| BadKey::BadPoint)?;
        if point.is_weak() || point.to_edwards().compress().as_bytes() != bytes {
            return Err(BadKey::BadPoint);
        }
        Ok(Self { point: Box::new(point), table: None })
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        self.point.as_bytes()
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        match &self.table {
            Some(table) => table.verify(message, signature),
            None => self.point.verify_strict(message, &Signature::from_bytes(signature)).is_ok(),
        }
    }

    /// Its table, made anew; `None` for a point outside the group of prime order.
    pub(super) fn make_table(&self) -> Option<Arc<KeyTable>> {
        KeyTable::new(&self.point).map(Arc::new)
    }
}

impl PartialEq for Ed25519Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Ed25519Key {}

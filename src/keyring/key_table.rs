//! Ed25519 checks by tables: R' = [S]B − [k]A by additions alone, and one comparison of encodings.

use curve25519_dalek::Scalar;
use ed25519_dalek::VerifyingKey;
use ring::digest::{Context, SHA512};

use super::fixed_base::{self, Point, sum};

/// The neutral element: the one point of small order that R' can be, A and B having no torsion.
const NEUTRAL: [u8; 32] = {
    let mut bytes = [0; 32];
    bytes[0] = 1;
    bytes
};

/// Multiples of −A for a key A.
pub(super) struct KeyTable {
    key: [u8; 32],
    negated: fixed_base::KeyMultiples,
}

impl KeyTable {
    pub(super) const BYTES: usize = fixed_base::KeyMultiples::BYTES;
    pub(super) const BASE_BYTES: usize = fixed_base::BaseMultiples::BYTES;

    /// `None` for a key that is not canonical, of small order, or outside the group of prime order.
    pub(super) fn new(key: &VerifyingKey) -> Option<Self> {
        if key.is_weak() || !key.to_edwards().is_torsion_free() {
            return None;
        }
        let point = Point::decode(key.as_bytes())?;
        Some(Self { key: key.to_bytes(), negated: fixed_base::KeyMultiples::new(&point.negated()) })
    }

    /// Exactly what `verify_strict` answers. An R in a second spelling, of another order or off the curve equals no encoding that we make.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let (Some(r), Some(s)) = (signature.first_chunk(), signature.last_chunk()) else { return false };
        let Some(s) = Scalar::from_canonical_bytes(*s).into_option() else { return false };
        if *r == NEUTRAL {
            return false;
        }
        sum(s.as_bytes(), &self.negated, self.challenge(r, message).as_bytes()).encode() == *r
    }

    /// SHA-512(R ‖ A ‖ message), modulo the order of the base point.
    fn challenge(&self, r: &[u8; 32], message: &[u8]) -> Scalar {
        let mut hash = Context::new(&SHA512);
        for part in [&r[..], &self.key, message] {
            hash.update(part);
        }
        let mut wide = [0; 64];
        wide.copy_from_slice(hash.finish().as_ref());
        Scalar::from_bytes_mod_order_wide(&wide)
    }
}

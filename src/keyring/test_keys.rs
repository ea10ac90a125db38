//! Keys for tests, RS256 ones included: those are read from `tests/keys/`, for none can be made here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Algorithm, SigningKey};

const RSA: [&str; 2] = [include_str!("../../tests/keys/rsa-2048-a.pem"), include_str!("../../tests/keys/rsa-2048-b.pem")];

/// The key of a number: the same every time, but for ES256; of RS256 there are two, for odd and for even numbers.
pub(crate) fn signing(algorithm: Algorithm, seed: u8) -> SigningKey {
    if algorithm == Algorithm::Rs256 {
        return SigningKey::from_private(algorithm, &der(RSA[usize::from(seed % 2)])).unwrap();
    }
    SigningKey::generate(algorithm, &mut |bytes| bytes.fill(seed)).unwrap()
}

/// The bytes of a PEM file.
pub(crate) fn der(pem: &str) -> Vec<u8> {
    let lines = pem.lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1).take_while(|line| !line.starts_with("-----END"));
    STANDARD.decode(lines.collect::<String>()).unwrap()
}

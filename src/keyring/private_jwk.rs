//! Private JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037) of other issuers, for import.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::{Algorithm, BadKey, SigningKey, VerifyingKey};
use crate::json::{self, Limits, Value};

/// Bytes of a JWK that is looked at at all.
const MAX_BYTES: usize = 16 * 1024;
/// What is read of it, in the order of `RSAPrivateKey` (RFC 8017 §A.1.2) where the key is one.
const NAMES: [&str; 13] = ["n", "e", "d", "p", "q", "dp", "dq", "qi", "x", "y", "kty", "crv", "alg"];
/// PKCS#8 around the `RSAPrivateKey`: version 0, rsaEncryption.
const RSA: [u8; 18] = [2, 1, 0, 0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0];
/// PKCS#8 of P-256 (RFC 5915) up to the private key.
const P256: [u8; 36] = [
    0x30, 0x81, 0x87, 2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 4, 0x6d,
    0x30, 0x6b, 2, 1, 1, 4, 0x20,
];
/// And from there to the public one.
const P256_PUBLIC: [u8; 6] = [0xa1, 0x44, 3, 0x42, 0, 4];

type Bytes = Zeroizing<Vec<u8>>;

impl SigningKey {
    /// Takes a private JWK of RSA, P-256 or Ed25519. `algorithm` chooses among the three of Ed25519; else its `alg` does, else the first that
    /// fits. Its `kid` is not kept: ours are thumbprints.
    ///
    /// # Errors
    /// [`BadKey::Unsupported`] for any other kind, or RSA of more than two primes; [`BadKey::WrongAlgorithm`], [`BadKey::WrongPurpose`];
    /// [`BadKey::Malformed`] where a part is missing or does not fit the others; [`BadKey::BadRsa`].
    pub fn from_private_jwk(text: &[u8], algorithm: Option<Algorithm>) -> Result<Self, BadKey> {
        let members = Members::read(text)?;
        let named = members.text("alg").map(|name| Algorithm::from_name(name).ok_or(BadKey::WrongAlgorithm)).transpose()?;
        let algorithm = algorithm.or(named);
        let chosen = |fitting: &[Algorithm]| match algorithm {
            Some(algorithm) if !fitting.contains(&algorithm) => Err(BadKey::WrongAlgorithm),
            _ => algorithm.or(fitting.first().copied()).ok_or(BadKey::Unsupported),
        };
        let key = match (members.text("kty"), members.text("crv")) {
            (Some("RSA"), None) => Self::from_private(chosen(&[Algorithm::Rs256])?, &members.rsa()?),
            (Some("EC"), Some("P-256")) => Self::from_private(chosen(&[Algorithm::Es256])?, &members.p256()?),
            (Some("OKP"), Some("Ed25519")) => {
                let algorithm = chosen(&[Algorithm::EdDsa, Algorithm::Ed25519, Algorithm::V4Public])?;
                let key = Self::from_private(algorithm, &members.bytes("d")?)?;
                let x = <[u8; 32]>::try_from(members.bytes("x")?.as_slice()).map_err(|_| BadKey::Malformed)?;
                if *key.verifying() == VerifyingKey::from_ed25519(algorithm, &x)? { Ok(key) } else { Err(BadKey::Malformed) }
            }
            (None, _) => Err(BadKey::Malformed),
            _ => Err(BadKey::Unsupported),
        };
        key?.proven()
    }
}

/// The members of [`NAMES`] that the JWK has.
#[derive(Default)]
struct Members([Option<Zeroizing<String>>; NAMES.len()]);

impl Members {
    fn read(text: &[u8]) -> Result<Self, BadKey> {
        if text.len() > MAX_BYTES {
            return Err(BadKey::Malformed);
        }
        let mut found = Self::default();
        json::object(text, Limits { depth: 4, members: 64 }, |name, value| {
            match (NAMES.iter().position(|known| *known == name), name, value) {
                (Some(at), _, Value::Str(text)) => found.0[at] = Some(Zeroizing::new(text.into_owned())),
                (Some(_), ..) => return Err(BadKey::Malformed),
                (None, "oth", _) => return Err(BadKey::Unsupported),
                (None, "use", value) if value != Value::Str("sig".into()) => return Err(BadKey::WrongPurpose),
                (None, ..) => {}
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn text(&self, name: &str) -> Option<&str> {
        let at = NAMES.iter().position(|known| *known == name)?;
        self.0[at].as_ref().map(|text| text.as_str())
    }

    fn bytes(&self, name: &str) -> Result<Bytes, BadKey> {
        let text = self.text(name).ok_or(BadKey::Malformed)?;
        URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new).map_err(|_| BadKey::Malformed)
    }

    fn rsa(&self) -> Result<Bytes, BadKey> {
        // Large enough for any key: growing would leave a copy behind that is not wiped.
        let mut numbers = Zeroizing::new(Vec::with_capacity(MAX_BYTES));
        numbers.extend_from_slice(&integer(&[0]));
        for name in &NAMES[..8] {
            numbers.extend_from_slice(&integer(&self.bytes(name)?));
        }
        let key = tagged(4, &tagged(0x30, &numbers));
        Ok(tagged(0x30, &Zeroizing::new([&RSA[..], &key].concat())))
    }

    fn p256(&self) -> Result<Bytes, BadKey> {
        let (d, x, y) = (self.bytes("d")?, self.bytes("x")?, self.bytes("y")?);
        if [&d, &x, &y].iter().any(|part| part.len() != 32) {
            return Err(BadKey::Malformed);
        }
        Ok(Zeroizing::new([&P256[..], &d, &P256_PUBLIC, &x, &y].concat()))
    }
}

/// A positive number in DER.
fn integer(bytes: &[u8]) -> Bytes {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let number = &bytes[zeros.min(bytes.len().saturating_sub(1))..];
    let sign: &[u8] = if number.first().is_none_or(|first| first & 0x80 != 0) { &[0] } else { &[] };
    tagged(2, &Zeroizing::new([sign, number].concat()))
}

/// A value in DER, of less than 64 KiB.
fn tagged(tag: u8, content: &[u8]) -> Bytes {
    let [.., high, low] = content.len().to_be_bytes();
    let length: &[u8] = match content.len() {
        0..0x80 => &[low],
        0x80..0x100 => &[0x81, low],
        _ => &[0x82, high, low],
    };
    Zeroizing::new([&[tag], length, content].concat())
}

//! Nonces that a server gives out (RFC 9449 §8): the minute, and a MAC over it. Nothing is kept, and every node that has the keys judges alike.

use crate::keyring::{KeyRing, MacKey};
use crate::time::Moment;
use crate::token::b64;

/// The use that the MAC is for.
const LABEL: &[u8] = b"dpop nonce";
const SECONDS: u64 = 60;
/// How many minutes after its own a nonce is good.
const KEPT: u32 = 5;

/// The nonce of this minute.
pub fn issue(key: &MacKey, now: Moment) -> String {
    b64::encode(bytes(key, minute(now)))
}

/// Whether a nonce is one of ours and of the last five minutes, or of the next: the clock of the node that gave it may run ahead.
pub fn is_fresh(keys: &KeyRing, nonce: &str, now: Moment) -> bool {
    let Some(said) = b64::decode_array::<21>(nonce) else { return false };
    let [id, a, b, c, d, ..] = said;
    let (of, now) = (u32::from_be_bytes([a, b, c, d]), minute(now));
    let is_near = of <= now.saturating_add(1) && of >= now.saturating_sub(KEPT);
    is_near && keys.mac(id).is_some_and(|key| bool::from(subtle::ConstantTimeEq::ct_eq(&bytes(key, of)[..], &said[..])))
}

fn minute(now: Moment) -> u32 {
    u32::try_from(now.seconds() / SECONDS).unwrap_or(u32::MAX)
}

fn bytes(key: &MacKey, minute: u32) -> [u8; 21] {
    let mut bytes = [0; 21];
    bytes[0] = key.id;
    bytes[1..5].copy_from_slice(&minute.to_be_bytes());
    bytes[5..].copy_from_slice(&key.derive(LABEL, &minute.to_be_bytes())[..16]);
    bytes
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::secret::Secret;

    const NOW: Moment = Moment::from_seconds(1_800_000_000);

    fn key(id: u8, byte: u8) -> MacKey {
        MacKey::new(id, Secret::new([byte; 32]), NOW, NOW, None)
    }

    fn ring() -> KeyRing {
        KeyRing { signing: vec![], macs: vec![key(1, 1), key(2, 2)] }
    }

    #[test]
    fn a_nonce_is_fresh_for_five_minutes_and_not_before_its_time() {
        let nonce = issue(&key(2, 2), NOW);
        let good = |seconds: u64| is_fresh(&ring(), &nonce, NOW.plus(Duration::from_secs(seconds)));
        assert!(good(0) && good(59) && good(300) && good(359));
        assert!(!good(360) && !good(86_400));
        assert!(is_fresh(&ring(), &nonce, NOW.minus(Duration::from_secs(60))), "the other node's clock runs ahead");
        assert!(!is_fresh(&ring(), &nonce, NOW.minus(Duration::from_secs(61))));
        assert_ne!(nonce, issue(&key(2, 2), NOW.plus(Duration::from_secs(60))));
    }

    #[test]
    fn nobody_else_can_make_one() {
        let nonce = issue(&key(1, 1), NOW);
        assert!(!is_fresh(&ring(), &issue(&key(1, 9), NOW), NOW), "another key of that number");
        assert!(!is_fresh(&ring(), &issue(&key(3, 1), NOW), NOW), "a number that we do not have");
        assert!(!is_fresh(&KeyRing::default(), &nonce, NOW));
        for at in 0..nonce.len() {
            let mut bent = nonce.clone().into_bytes();
            bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
            assert!(!is_fresh(&ring(), &String::from_utf8(bent).unwrap(), NOW), "{at}");
        }
        for junk in ["", "x", &nonce[1..], &format!("{nonce}A"), &"A".repeat(28), &"é".repeat(14)] {
            assert!(!is_fresh(&ring(), junk, NOW), "{junk}");
        }
    }
}

//! Base64url without padding (RFC 4648 §5), strictly: no padding, no white space, no bits left over. One value has one spelling.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use base64::engine::{general_purpose::NO_PAD, simd::Simd};

/// Bytes or characters from which on [`wide`] is faster, although it is made each time.
const WIDE: usize = 192;

/// How many characters so many bytes take.
pub const fn chars(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// Writes bytes as base64url.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    let mut out = String::with_capacity(chars(bytes.as_ref().len()));
    push(&mut out, bytes);
    out
}

/// Appends bytes as base64url.
pub fn push(out: &mut String, bytes: impl AsRef<[u8]>) {
    match bytes.as_ref() {
        long if long.len() >= WIDE => wide().encode_string(long, out),
        short => URL_SAFE_NO_PAD.encode_string(short, out),
    }
}

/// Reads base64url; `None` for anything but the one spelling. It takes three quarters of the text's length: limit that first.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() >= WIDE { wide().decode(text).ok() } else { URL_SAFE_NO_PAD.decode(text).ok() }
}

/// The same by SIMD, where the processor has it.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn wide() -> impl Engine {
    Simd::url_safe(NO_PAD)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn wide() -> impl Engine {
    URL_SAFE_NO_PAD
}

/// Reads exactly `N` bytes, without allocating.
pub fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != chars(N) {
        return None;
    }
    let mut bytes = [0; N];
    (URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) == Ok(N)).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_of_bytes_is_read() {
        assert_eq!(decode("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(decode_array("-_8"), Some([0xfb, 0xff]));
        for wrong in ["-_9", "-_8=", "+/8", " -_8", "-_8\n", "-_8-_", "-", "-_\u{e9}"] {
            assert_eq!(decode(wrong), None, "{wrong}");
            assert_eq!(decode_array::<2>(wrong), None, "{wrong}");
        }
        assert_eq!(decode(""), Some(vec![]));
        assert_eq!(decode(&format!("{}-_9", "A".repeat(400))), None);
        assert_eq!(decode_array::<3>("-_8"), None);
    }

    #[test]
    fn however_long_a_text_is_the_same_engine_seems_to_read_it() {
        let bytes: Vec<u8> = (0..600_u32).map(|at| (at * at + at / 7) as u8).collect();
        let mut texts = 0;
        for length in (0..600).filter(|length| length % 7 < 3) {
            let text = encode(&bytes[..length]);
            assert_eq!((&text, text.len()), (&URL_SAFE_NO_PAD.encode(&bytes[..length]), chars(length)));
            assert_eq!(decode(&text).as_deref(), Some(&bytes[..length]));
            for at in (0..text.len()).filter(|at| at % 13 == length % 13 || at + 4 > text.len()) {
                for with in ["A", "-", "_", "+", "/", "=", " ", "\n", "\0", "\u{e9}"] {
                    let mut bent = text.clone();
                    bent.replace_range(at..=at, with);
                    assert_eq!(decode(&bent), URL_SAFE_NO_PAD.decode(&bent).ok(), "{bent}");
                    texts += 1;
                }
            }
        }
        println!("{texts} bent texts read as without SIMD");
    }
}

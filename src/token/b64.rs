//! Base64url without padding (RFC 4648 §5), strictly: no padding, no white space, no bits left over. One value has one spelling.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Writes bytes as base64url.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Appends bytes as base64url.
pub fn push(out: &mut String, bytes: impl AsRef<[u8]>) {
    URL_SAFE_NO_PAD.encode_string(bytes, out);
}

/// Reads base64url; `None` for anything but the one spelling. It takes three quarters of the text's length: limit that first.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Reads exactly `N` bytes, without allocating.
pub fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != (N * 4).div_ceil(3) {
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
        assert_eq!(decode_array::<3>("-_8"), None);
    }
}

//! HTTP/2 as no library would speak it: what strangers send (RFC 9113, RFC 7541).

const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The preface, and settings that ask for nothing.
pub(crate) fn hello() -> Vec<u8> {
    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, &[])].concat()
}

/// A form is announced, with 15 KiB of head, and nothing of it comes.
pub(crate) fn half_a_form(stream: u32) -> Vec<u8> {
    let form = [(":method", "POST"), (":path", "/oauth/introspect"), ("content-type", "application/x-www-form-urlencoded")];
    frame(HEADERS, END_HEADERS, stream, &[head(&form), literal("x", &"y".repeat(15 * 1024))].concat())
}

/// A request that is cancelled at once.
pub(crate) fn cancelled(stream: u32) -> Vec<u8> {
    let get = head(&[(":method", "GET"), (":path", "/.well-known/jwks.json")]);
    [frame(HEADERS, END_HEADERS | END_STREAM, stream, &get), frame(RESET, 0, stream, &8_u32.to_be_bytes())].concat()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn head(fields: &[(&str, &str)]) -> Vec<u8> {
    let all = [(":scheme", "http"), (":authority", "a")];
    // Pseudo-header fields come first (RFC 9113 §8.3).
    let (pseudo, others): (Vec<_>, Vec<_>) = all.iter().chain(fields).partition(|(name, _)| name.starts_with(':'));
    pseudo.iter().chain(&others).flat_map(|(name, value)| literal(name, value)).collect()
}

/// Without indexing (RFC 7541 §6.2.2), lengths as §5.1 has them.
fn literal(name: &str, value: &str) -> Vec<u8> {
    [vec![0], text(name), text(value)].concat()
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    match text.len() {
        short @ 0..127 => bytes.push(u8::try_from(short).expect("below 127")),
        long => {
            bytes.push(127);
            let mut rest = long - 127;
            while rest >= 128 {
                bytes.push(u8::try_from(rest % 128 + 128).expect("a byte"));
                rest /= 128;
            }
            bytes.push(u8::try_from(rest).expect("below 128"));
        }
    }
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

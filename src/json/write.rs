//! Texts as JSON, without white space.

/// The text without the white space between its parts. `text` must have passed this module's reader.
pub fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_compact(&mut out, text);
    out
}

/// Appends what [`compact`] gives.
pub fn push_compact(out: &mut String, text: &str) {
    let (mut in_string, mut escaped, mut kept) = (false, false, 0);
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            out.push_str(&text[kept..at]);
            kept = at + 1;
        } else {
            in_string = byte == b'"';
        }
    }
    out.push_str(&text[kept..]);
}

/// Appends `text` as a JSON string, quotes and escapes included.
pub fn push_string(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push('"');
    // Looks at many bytes at a time, as finding the first does not.
    if text.bytes().fold(true, |all, byte| all & stands_for_itself(byte)) {
        out.push_str(text);
        out.push('"');
        return;
    }
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| !stands_for_itself(byte)) {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => {
                out.push_str("\\u00");
                out.push(char::from(HEX[usize::from(control >> 4)]));
                out.push(char::from(HEX[usize::from(control & 0xf)]));
            }
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// Whether a byte of a string needs no escape.
pub(super) fn stands_for_itself(byte: u8) -> bool {
    byte != b'"' && byte != b'\\' && byte >= 0x20
}

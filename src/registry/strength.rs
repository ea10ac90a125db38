//! Whether a secret was made by a machine: client secrets are kept as a plain hash, so they must not be guessable.

/// The least entropy of a client secret, in bits.
pub const MIN_SECRET_BITS: u32 = 128;

/// Whether a client secret looks as if it had at least [`MIN_SECRET_BITS`] bits of entropy: an estimate from above, so it accepts
/// whatever a good generator makes (32 hex digits, 22 characters of base64) and refuses what people make up.
pub fn is_strong_secret(secret: &str) -> bool {
    let visible = secret.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    visible
        && estimated_bits(secret) >= f64::from(MIN_SECRET_BITS)
        && !is_patterned(secret)
        && !is_typed(secret)
        && !has_placeholder(secret)
}

/// Bits by length and alphabet; a row of words counts as words, not letters.
fn estimated_bits(secret: &str) -> f64 {
    const BITS_OF_A_WORD: f64 = 13.0;
    let words: Vec<_> = secret.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_word = |word: &&str| word.len() <= 12 && word[1..].bytes().all(|byte| byte.is_ascii_lowercase());
    let letters = alphabet(secret).log2() * secret.len() as f64;
    if words.len() > 1 && words.iter().all(is_word) { letters.min(BITS_OF_A_WORD * words.len() as f64) } else { letters }
}

fn alphabet(secret: &str) -> f64 {
    type Class = fn(&u8) -> bool;
    let has = |class: Class| secret.as_bytes().iter().any(class);
    let hex_only = secret.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        || secret.bytes().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte));
    if hex_only && has(u8::is_ascii_alphabetic) {
        return 16.0;
    }
    let classes: [(Class, f64); 3] = [(u8::is_ascii_digit, 10.0), (u8::is_ascii_lowercase, 26.0), (u8::is_ascii_uppercase, 26.0)];
    let mut size: f64 = classes.iter().filter(|(class, _)| has(*class)).map(|(_, size)| size).sum();
    if has(|byte| !byte.is_ascii_alphanumeric()) {
        size += 2.0;
    }
    size.max(2.0)
}

/// Few different characters, a repeated block, or long runs such as `aaaa` and `4567`.
fn is_patterned(secret: &str) -> bool {
    let bytes = secret.as_bytes();
    let distinct = bytes.iter().collect::<std::collections::BTreeSet<_>>().len();
    let is_block = |length: &usize| bytes.iter().skip(*length).zip(bytes).all(|(later, earlier)| later == earlier);
    let step = |pair: &[u8]| i16::from(pair[1]) - i16::from(pair[0]);
    let in_runs = bytes.windows(3).filter(|three| step(&three[..2]) == step(&three[1..]) && step(&three[1..]).abs() <= 1).count();
    distinct < 8 || (1..=bytes.len() / 2).any(|length| is_block(&length)) || in_runs * 4 > bytes.len()
}

/// A stretch of eight that comes twice, or rows of the keyboard: what fingers make. A generator makes either less than once in a million.
fn is_typed(secret: &str) -> bool {
    const ROWS: [&str; 4] = ["qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890"];
    let lower = secret.to_ascii_lowercase();
    let bytes = lower.as_bytes();
    let comes_twice = |at: usize| bytes[at + 8..].windows(8).any(|later| later == &bytes[at..at + 8]);
    let in_rows = bytes.windows(4).filter(|four| ROWS.iter().any(|row| row.as_bytes().windows(4).any(|keys| keys == *four))).count();
    in_rows * 4 > bytes.len() || (0..bytes.len().saturating_sub(8)).any(comes_twice)
}

fn has_placeholder(secret: &str) -> bool {
    let lower = secret.to_ascii_lowercase();
    ["password", "passw0rd", "changeme", "change-me", "change_me", "secret", "placeholder", "example"]
        .iter()
        .any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_generators_make_is_strong() {
        for secret in [
            "9f86d081884c7d659a2feaa0c55ad015",             // openssl rand -hex 16
            "n4bQgYhMfWWaL-qgxVrQ_w",                       // 16 bytes, base64url
            "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=", // openssl rand -base64 32
            "0f8fad5b-d9cb-469f-a165-70867728950e",         // a UUID has but 122 bits, yet reads as 36 characters
        ] {
            assert!(is_strong_secret(secret), "{secret}");
        }
    }

    #[test]
    fn what_people_make_up_is_not() {
        for secret in [
            "",
            "hunter2",
            "9f86d081884c7d65",
            "correct horse battery staple again and again",
            "Correct-Horse-Battery-Staple-Again",
            "abcdefghijklmnopqrstuvwxyz012345",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "9f86d0819f86d0819f86d0819f86d081",
            "my-password-for-the-admin-client-9f86d081",
            "n4bQgYhMfWWaL\u{7}qgxVrQ_w0",
            "qwertyuiopasdfghjklzxcvbnm1234567890",
            "correcthorsebatterystaplecorrecthorse",
            "2026-11-21-deadbeef-deadbeef-deadbeef-x",
        ] {
            assert!(!is_strong_secret(secret), "{secret}");
        }
    }
}

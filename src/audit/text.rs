//! Text from outside, made fit for a line that people and machines read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How many bytes of a text are kept.
const MOST: usize = 500;
/// What the secrets that we issue or are sent begin with: refresh tokens, client secrets, JWTs and client assertions, PASETOs and PASERKs.
const MARKS: [&str; 7] = ["mrt_", "mcs_", "eyJ", "v4.public.", "v4.local.", "k4.secret.", "k4.local."];
/// What the word before a credential is in an Authorization header.
const SCHEMES: [&str; 3] = ["bearer", "basic", "dpop"];
/// A shorter word is no secret worth the name.
const SECRET_LENGTH: usize = 16;

/// A text without tokens, secrets and control characters, of at most 500 bytes. There is no other way to put text into an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct Text(String);

impl Text {
    /// Takes what fits, escapes what could steer a terminal or break a line, and leaves out every word that looks like a credential.
    pub fn of(text: &str) -> Self {
        let mut clean = String::with_capacity(text.len().min(MOST));
        let (mut after_scheme, mut rest) = (false, text);
        while let Some(first) = rest.chars().next() {
            let end = rest.find(|letter| is_of_word(letter) != is_of_word(first)).unwrap_or(rest.len());
            let (run, others) = rest.split_at(end);
            rest = others;
            if !is_of_word(first) {
                clean.extend(run.chars().map(escaped));
                continue;
            }
            clean.push_str(if is_secret(run, after_scheme) { "[removed]" } else { run });
            after_scheme = SCHEMES.iter().any(|scheme| run.eq_ignore_ascii_case(scheme));
            if clean.len() > MOST {
                break;
            }
        }
        Self(cut(clean))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::of(&text)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a letter can stand in a token, in base64 of either alphabet, or percent-encoded.
fn is_of_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '~' | '+' | '/' | '=' | '%')
}

fn is_secret(word: &str, after_scheme: bool) -> bool {
    let marked = MARKS.iter().any(|mark| word.find(mark).is_some_and(|at| word.len() - at >= SECRET_LENGTH));
    marked || (after_scheme && word.len() >= SECRET_LENGTH)
}

/// Line ends, terminal controls and marks that turn the direction of writing become a visible `?`.
fn escaped(letter: char) -> char {
    let turns = matches!(letter, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if letter.is_control() || turns { '?' } else { letter }
}

fn cut(mut text: String) -> String {
    if text.len() > MOST {
        let at = (0..=MOST - '…'.len_utf8()).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(at);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credential_passes_however_it_stands_in_the_text() {
        for secret in [
            "mrt_AbCdEfGhIjKlMnOpQrStUvWxYz",
            "mcs_kT3vQ9xZ7mB2rL8wJ5nC1hF6yD4sG0pA",
            "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2ln",
            "v4.public.eyJzdWIiOiJhIn0xyz",
            "k4.secret.AAAAAAAAAAAAAAAAAAAA",
        ] {
            for text in [
                secret.to_owned(),
                format!("leaked: {secret}!"),
                format!("token={secret}&x"),
                format!("x{secret}"),
                format!("a {secret} b"),
            ] {
                let clean = Text::of(&text);
                assert!(!clean.as_str().contains(&secret[4..]), "{text} became {clean}");
                assert!(clean.as_str().contains("[removed]"), "{text} became {clean}");
            }
        }
        assert_eq!(Text::of("header Basic YWRtaW46bWNzX2tUM3ZROXha").as_str(), "header Basic [removed]");
        assert_eq!(Text::of("DPoP 0123456789abcdef0123").as_str(), "DPoP [removed]");
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in ["alice", "phone was stolen (ticket 4711)", "émile@пример", "basic hygiene", "bearer of bad news", "mrt_short", ""]
        {
            assert_eq!(Text::of(text).as_str(), text);
        }
    }

    #[test]
    fn a_text_is_cut_and_cannot_break_a_line_or_steer_a_terminal() {
        assert_eq!(Text::of("a\nb\u{1b}[2J\u{9b}\u{2028}\u{202e}c").as_str(), "a?b?[2J???c");
        let long = Text::of(&"é".repeat(5_000));
        assert!(long.as_str().len() <= MOST && long.as_str().ends_with('…'), "{}", long.as_str().len());
        assert_eq!(Text::of(long.as_str()), long, "what is read back is what was written");
    }
}

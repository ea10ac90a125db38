//! `mintage inspect`: what tokens say of themselves.

use std::io::{self, BufRead, Write};

use super::lines::each_line;
use crate::json::{self, Limits};
use crate::token::{MAX_TOKEN_BYTES, b64, jwt, paseto, refresh};

/// Show the parts of tokens without trusting them: one a line on standard input.
///
/// Nothing is verified. Of a refresh token only its session and generation are shown.
#[derive(Clone, Debug, clap::Args)]
pub struct InspectArgs {
    /// One JSON line for each token
    #[arg(long)]
    pub json: bool,
}

/// What every answer says first.
const WARNING: &str = "not verified: anybody can write such a token";

/// Runs the command. Says the exit status: 0 when every line looked like a token, 1 when one did not.
///
/// # Errors
/// A pipe that broke.
pub fn run(args: &InspectArgs, input: impl BufRead, mut output: impl Write) -> io::Result<u8> {
    let mut status = 0;
    each_line(input, |token| {
        let seen = look(token);
        if seen.is_none() {
            status = 1;
        }
        let seen = seen.unwrap_or_else(|| Seen { format: "unknown", parts: vec![] });
        if args.json { writeln!(output, "{}", seen.to_json()) } else { write!(output, "{}", seen.to_text()) }
    })?;
    output.flush()?;
    Ok(status)
}

/// A token as it looks: its format, and each part with its text.
struct Seen {
    format: &'static str,
    parts: Vec<(&'static str, Part)>,
}

enum Part {
    /// What should be JSON.
    Text(Vec<u8>),
    Number(u64),
    Plain(String),
}

fn look(token: &str) -> Option<Seen> {
    if token.len() > MAX_TOKEN_BYTES {
        return None;
    }
    if token.starts_with(refresh::PREFIX) {
        return look_at_refresh(token);
    }
    if token.starts_with(paseto::HEADER) {
        let parts = paseto::split(token).ok()?;
        let footer = parts.footer().to_vec();
        return Some(Seen {
            format: "v4.public",
            parts: vec![("footer", Part::Text(footer)), ("message", Part::Text(parts.message().to_vec()))],
        });
    }
    let parts = match jwt::split(token) {
        Ok(parts) => parts,
        Err(jwt::SplitFault::Encrypted) => {
            let header = b64::decode(token.split('.').next()?)?;
            return Some(Seen { format: "JWE", parts: vec![("header", Part::Text(header))] });
        }
        Err(_) => return None,
    };
    let (header, payload) = (b64::decode(parts.header)?, parts.payload_bytes()?);
    let signature = b64::decode(parts.signature)?.len() as u64;
    let parts = vec![("header", Part::Text(header)), ("payload", Part::Text(payload)), ("signature_bytes", Part::Number(signature))];
    Some(Seen { format: "JWT", parts })
}

fn look_at_refresh(token: &str) -> Option<Seen> {
    let (mac_key, sid, generation) = refresh::peek(token)?;
    let parts = vec![
        ("sid", Part::Plain(sid.to_string())),
        ("generation", Part::Number(generation.into())),
        ("mac_key", Part::Number(mac_key.into())),
    ];
    Some(Seen { format: "refresh token", parts })
}

impl Seen {
    fn to_json(&self) -> String {
        let mut out = String::from(r#"{"verified":false,"warning":"#);
        json::push_string(&mut out, WARNING);
        out.push_str(",\"format\":");
        json::push_string(&mut out, self.format);
        for (name, part) in &self.parts {
            out.push(',');
            json::push_string(&mut out, name);
            out.push(':');
            match part {
                Part::Number(number) => out.push_str(&number.to_string()),
                Part::Plain(text) => json::push_string(&mut out, text),
                Part::Text(bytes) => match readable(bytes) {
                    Some(text) => out.push_str(&json::compact(text)),
                    None => json::push_string(&mut out, &String::from_utf8_lossy(bytes)),
                },
            }
        }
        out.push('}');
        out
    }

    fn to_text(&self) -> String {
        let mut out = format!("{} ({WARNING})\n", self.format);
        for (name, part) in &self.parts {
            let text = match part {
                Part::Number(number) => number.to_string(),
                Part::Plain(text) => text.clone(),
                Part::Text(bytes) if bytes.is_empty() => "none".to_owned(),
                Part::Text(bytes) => visible(&String::from_utf8_lossy(bytes)),
            };
            out.push_str(&format!("  {name:<16}{text}\n"));
        }
        out
    }
}

/// The text, when it is JSON that the verifier's own reader takes.
fn readable(bytes: &[u8]) -> Option<&str> {
    json::check(bytes, Limits::TOKEN).ok()?;
    std::str::from_utf8(bytes).ok()
}

/// Nothing in a stranger's text moves the cursor or turns the writing round.
fn visible(text: &str) -> String {
    let is_plain =
        |c: char| !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    text.chars().flat_map(|c| if is_plain(c) { vec![c] } else { c.escape_unicode().collect() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Sid, Stamp};
    use crate::keyring::{KeyRing, MacKey};
    use crate::secret::Secret;
    use crate::time::Moment;
    use crate::token::RefreshToken;

    fn inspect(line: &str, json: bool) -> (u8, String) {
        let mut output = Vec::new();
        let status = run(&InspectArgs { json }, format!("{line}\n").as_bytes(), &mut output).unwrap();
        (status, String::from_utf8(output).unwrap())
    }

    #[test]
    fn a_token_is_shown_with_a_warning_and_without_control_characters() {
        let token = format!(
            "{}.{}.{}",
            b64::encode(r#"{"alg":"none"}"#),
            b64::encode("{\"sub\":\"\u{1b}[2J\u{202e}\u{9b}x\"}"),
            b64::encode("sig")
        );
        let (status, text) = inspect(&token, false);
        assert_eq!(status, 0);
        assert!(text.contains(WARNING) && text.contains(r#"{"alg":"none"}"#) && text.contains(r"\u{1b}[2J\u{202e}\u{9b}x"), "{text}");
        let (_, line) = inspect(&token, true);
        let seen: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&seen["verified"], &seen["header"]["alg"], &seen["signature_bytes"]), (&false.into(), &"none".into(), &3.into()));
        assert!(seen["payload"].is_string(), "what the verifier's reader would refuse is shown as text");
    }

    #[test]
    fn of_a_refresh_token_the_secret_and_the_mac_are_not_shown() {
        let began = Moment::from_seconds(1);
        let ring = KeyRing { signing: vec![], macs: vec![MacKey::new(3, Secret::new([7; 32]), began, began, None)] };
        let sid = Sid::in_shard(Stamp::from_millis(9), 1, &[2; 10]);
        let token = RefreshToken::new(3, sid, 41, Secret::new(*b"canary-of-16-byt")).write(&ring).unwrap();
        let text = token.expose(Clone::clone);
        for json in [false, true] {
            let (status, shown) = inspect(&text, json);
            assert_eq!(status, 0);
            assert!(shown.contains(&sid.to_string()) && shown.contains("41"), "{shown}");
            assert!(!shown.contains("canary") && !shown.contains(&text[40..]), "{shown}");
        }
    }

    #[test]
    fn what_is_no_token_is_said_to_be_none() {
        for line in ["", "a.b", "mrt_AAAA", "v4.public.A", &"A".repeat(9_000)] {
            assert_eq!(inspect(line, false).0, 1, "{line}");
        }
        assert!(inspect(&format!("{}.A.A.A.A", b64::encode(r#"{"alg":"dir"}"#)), false).1.starts_with("JWE"));
        assert_eq!(inspect("v4.local.AAAA", true).0, 1);
    }
}

//! Looks for planted secrets in what was written, in every spelling in which one leaks.

use std::collections::BTreeMap;

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Stands in a message on purpose: whoever does not find it has not looked.
pub(crate) const CONTROL: &str = "control-canary-h7Qm2Zx9Lp4Vt6Kd";

/// As it is; in either base64, also inside something longer; in hex; percent-encoded; as Rust and JSON print bytes.
pub(crate) const SPELLINGS: [&str; 6] = ["plain", "base64", "base64url", "hex", "percent-encoded", "list of bytes"];

/// More of a secret than this is looked for by its end: a line that is cut has lost its use, and so has a token without its end.
const WHOLE: usize = 48;
const END: usize = 30;

/// The secrets that are looked for, and what was found.
pub(crate) struct Seeker {
    /// What each secret is, for whoever reads a hit.
    names: Vec<String>,
    /// Which secret, in which spelling, by the number of the pattern.
    patterns: Vec<(usize, &'static str)>,
    machine: AhoCorasick,
    bytes: BTreeMap<String, usize>,
    hits: Vec<String>,
    controls: usize,
}

impl Seeker {
    /// Of these secrets, each with what it is, and of [`CONTROL`].
    pub(crate) fn of(secrets: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let secrets: BTreeMap<Vec<u8>, String> = secrets.into_iter().map(|(name, secret)| (core_of(secret), name)).collect();
        let (mut names, mut patterns, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        for (secret, name) in [(CONTROL.as_bytes().to_vec(), "control".to_owned())].into_iter().chain(secrets) {
            assert!(secret.len() >= 16, "{name} is too short to be told from chance");
            for (spelling, text) in spelled(&secret) {
                patterns.push((names.len(), spelling));
                texts.push(text);
            }
            names.push(name);
        }
        let machine = AhoCorasick::new(texts).expect("the patterns fit");
        Self { names, patterns, machine, bytes: BTreeMap::new(), hits: Vec::new(), controls: 0 }
    }

    /// Searches what was written to this place.
    pub(crate) fn search(&mut self, place: &str, written: &[u8]) {
        *self.bytes.entry(place.to_owned()).or_default() += written.len();
        for found in self.machine.find_overlapping_iter(written) {
            let (secret, spelling) = self.patterns[found.pattern().as_usize()];
            if secret == 0 {
                self.controls += 1;
                continue;
            }
            let before = written[..found.start()].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            let line = String::from_utf8_lossy(&written[before.max(found.start().saturating_sub(200))..found.start()]);
            self.hits.push(format!("{} ({spelling}) stands in {place} after: {line}", self.names[secret]));
        }
    }

    /// How many bytes of this place were searched.
    pub(crate) fn searched(&self, place: &str) -> usize {
        self.bytes.get(place).copied().unwrap_or_default()
    }

    /// Prints the figures. Fails when a secret was found, or the control was not.
    pub(crate) fn verdict(&self, title: &str) {
        let places: Vec<String> = self.bytes.iter().map(|(place, bytes)| format!("{place} {bytes}")).collect();
        println!(
            "canaries ({title}): {} in {} spellings, bytes searched: {} ({}), hits: {}, control found: {}",
            self.names.len() - 1,
            SPELLINGS.len(),
            self.bytes.values().sum::<usize>(),
            places.join(", "),
            self.hits.len(),
            usize::from(self.controls > 0)
        );
        let some: Vec<_> = self.hits.iter().take(20).collect();
        assert!(self.hits.is_empty(), "{} secrets were written down, such as {some:#?}", self.hits.len());
        assert!(self.controls > 0, "the control was not found: what was searched is not what was written");
    }
}

fn core_of(secret: Vec<u8>) -> Vec<u8> {
    if secret.len() <= WHOLE { secret } else { secret[secret.len() - END..].to_vec() }
}

fn spelled(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let [plain, standard, url, hex, percent, list] = SPELLINGS;
    let each = |format: fn(&u8) -> String, between: &str| secret.iter().map(format).collect::<Vec<_>>().join(between);
    let mut all = vec![
        (plain, secret.to_vec()),
        (hex, each(|byte| format!("{byte:02x}"), "").into()),
        (hex, each(|byte| format!("{byte:02X}"), "").into()),
        (percent, each(|byte| format!("%{byte:02x}"), "").into()),
        (percent, each(|byte| format!("%{byte:02X}"), "").into()),
        (list, each(u8::to_string, ", ").into()),
        (list, each(u8::to_string, ",").into()),
    ];
    for shift in 0..3 {
        all.push((standard, base64_inside(&STANDARD_NO_PAD, secret, shift)));
        all.push((url, base64_inside(&URL_SAFE_NO_PAD, secret, shift)));
    }
    all
}

/// The characters that hold nothing but this secret where `shift` bytes (of a multiple of three) stand before it.
fn base64_inside(engine: &impl Engine, secret: &[u8], shift: usize) -> Vec<u8> {
    let text = engine.encode([&vec![0; shift], secret].concat());
    text.as_bytes()[(shift * 8).div_ceil(6)..(shift + secret.len()) * 8 / 6].to_vec()
}

#[test]
fn a_secret_is_found_in_every_spelling_and_inside_something_longer() {
    let secret = "mcs_kT3vQ9xZ7mB2rL8wJ5nC1hF6yD4sG0pA";
    let long = "x".repeat(100) + secret;
    let hits = |written: &[u8]| {
        let mut seeker =
            Seeker::of([("a secret".to_owned(), secret.as_bytes().to_vec()), ("a long one".to_owned(), long.clone().into_bytes())]);
        seeker.search("here", written);
        (seeker.hits.len(), seeker.controls)
    };
    let name = "a longer client";
    for user in 0..name.len() {
        let credentials = format!("{}:{secret}:and more", &name[..user]);
        for text in [STANDARD_NO_PAD.encode(&credentials), URL_SAFE_NO_PAD.encode(&credentials)] {
            assert!(hits(format!("Authorization: Basic {text}").as_bytes()).0 > 0, "{credentials}");
        }
    }
    let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let cut = &long[long.len() - 60..];
    for written in [secret, &percent, &hex, &hex.to_uppercase(), &format!("{:?}", secret.as_bytes()), cut] {
        assert!(hits(format!("a line\nof {written} and more").as_bytes()).0 > 0, "{written}");
    }
    for harmless in [&secret[7..], &secret[..35], "nothing"] {
        assert_eq!(hits(harmless.as_bytes()), (0, 0), "{harmless}");
    }
    assert_eq!(hits(CONTROL.as_bytes()), (0, 1));
}

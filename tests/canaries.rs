//! Searches what the whole suite wrote at its most talkative, for every secret that came by in it. Run by `scripts/test` after all other
//! tests, and not by `cargo test` alone: `CANARY_FOLDER` names the folder with `*.told` (what was written) and `*.secrets` (what must not
//! stand there; lines of `[what it is, the secret]`).
#![cfg(feature = "service")]

#[path = "it/seek.rs"]
mod seek;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use seek::Seeker;

#[test]
#[expect(clippy::disallowed_methods, reason = "a switch of the test run, not of the program")]
fn nothing_secret_is_in_what_the_whole_suite_wrote() {
    let folder = std::env::var_os("CANARY_FOLDER").expect("CANARY_FOLDER names the folder: run scripts/test");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let ending = |end: &'static str| files.iter().filter(move |path| path.extension().is_some_and(|of| of == end));
    let noted: String = ending("secrets").map(|path| std::fs::read_to_string(path).expect("a file of secrets")).collect();
    let pair = |line: &str| serde_json::from_str::<(String, String)>(line).expect("what it is, and the secret");
    let secrets: Vec<_> = noted.lines().map(pair).map(|(name, secret)| (name, secret.into_bytes())).collect();
    assert!(secrets.len() >= 100, "only {} secrets came by: the suite was not run with CANARY_FOLDER", secrets.len());
    let mut kinds: BTreeMap<&str, BTreeSet<&[u8]>> = BTreeMap::new();
    secrets.iter().for_each(|(name, secret)| _ = kinds.entry(name).or_default().insert(secret));
    let kinds: Vec<String> = kinds.iter().map(|(name, secrets)| format!("{name} {}", secrets.len())).collect();
    println!("secrets that came by: {}", kinds.join(", "));
    let mut seeker = Seeker::of(secrets);
    for path in ending("told") {
        let place = path.file_name().expect("a name").to_string_lossy().into_owned();
        seeker.search(&place, &std::fs::read(path).expect("what was written"));
    }
    assert!(seeker.searched("it.log.told") > 1_000_000, "the log of the service is there");
    seeker.verdict("the whole suite");
}

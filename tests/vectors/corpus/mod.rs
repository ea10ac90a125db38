//! Our own corpus, `tests/vectors/mintage/*.jsonl`: what becomes of a token, for every token row of the requirements, in both formats.
//!
//! It is generated from fixed keys and checked for drift; `UPDATE_VECTORS=1 cargo test --test vectors` writes it anew. Verifiers in other
//! languages can run it too: `meta.json` says for whom and at what time, `jwks.json` and `paserk.json` hold the keys.

mod cases_jwt;
mod cases_paseto;
mod mint;

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use mintage::cli::verify::{VerifyArgs, run};
use mintage::time::Moment;
use serde_json::{Value, json};

use mint::{API, ISSUER, NOW};

/// One line of the corpus.
struct Case {
    name: String,
    token: String,
    /// `None`: it is good.
    denial: Option<&'static str>,
    /// The row of the requirements that it is there for.
    why: &'static str,
}

impl Case {
    fn line(&self) -> String {
        json!({"name": self.name, "token": self.token, "denial": self.denial, "why": self.why}).to_string()
    }
}

/// The files, what `--implicit` they are verified with, and their cases.
fn files() -> [(&'static str, &'static str, Vec<Case>); 3] {
    let kept = |name: &str| fs::read_to_string(path(name)).unwrap_or_default();
    [
        ("jwt.jsonl", "", cases_jwt::cases(&kept("jwt.jsonl"))),
        ("paseto.jsonl", "", cases_paseto::cases()),
        ("paseto-implicit.jsonl", mint::TENANT, cases_paseto::cases_with_implicit()),
    ]
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(format!("{}/tests/vectors/mintage/{name}", env!("CARGO_MANIFEST_DIR")))
}

/// Every file of the corpus with its content.
fn generate() -> Vec<(String, String)> {
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap() + "\n";
    let files = files();
    let meta = json!({
        "issuer": ISSUER, "audience": API, "at": NOW,
        "files": files.iter().map(|(name, implicit, _)| json!({"file": name, "implicit": implicit})).collect::<Vec<_>>(),
    });
    let mut all = vec![
        ("meta.json".to_owned(), pretty(&meta)),
        ("jwks.json".to_owned(), pretty(&mint::jwks())),
        ("paserk.json".to_owned(), pretty(&mint::paserks())),
    ];
    all.extend(files.iter().map(|(name, _, cases)| ((*name).to_owned(), cases.iter().map(|case| case.line() + "\n").collect())));
    all
}

#[expect(clippy::disallowed_methods, reason = "a switch of the test run, not of the program")]
fn updates() -> bool {
    std::env::var_os("UPDATE_VECTORS").is_some()
}

#[test]
fn the_committed_corpus_is_what_the_generator_writes() {
    for (name, content) in generate() {
        if updates() {
            fs::write(path(&name), &content).unwrap();
        }
        let committed = fs::read_to_string(path(&name)).unwrap_or_default();
        let first_other = committed.lines().zip(content.lines()).find(|(old, new)| old != new);
        assert!(committed == content, "{name} has drifted; run with UPDATE_VECTORS=1 and look at the difference: {first_other:?}");
    }
}

/// A file of the corpus: its name, its `--implicit`, its lines, and the tokens of all lines, one a line.
fn committed() -> Vec<(String, String, Vec<Value>, String)> {
    let read = |name: &str| fs::read_to_string(path(name)).unwrap();
    let meta: Value = serde_json::from_str(&read("meta.json")).unwrap();
    assert_eq!((&meta["issuer"], &meta["audience"], &meta["at"]), (&ISSUER.into(), &API.into(), &NOW.into()));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let files = meta["files"].as_array().unwrap().iter();
    files
        .map(|file| {
            let lines: Vec<Value> = read(&text(&file["file"])).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let tokens = lines.iter().map(|line| text(&line["token"]) + "\n").collect();
            (text(&file["file"]), text(&file["implicit"]), lines, tokens)
        })
        .collect()
}

/// Every answer must be what its line says.
fn compare(name: &str, lines: &[Value], answers: &str) {
    let answers: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), lines.len(), "{name}");
    let agree =
        |line: &Value, answer: &Value| answer["ok"].as_bool() == Some(line["denial"].is_null()) && answer["denial"] == line["denial"];
    let wrong = lines.iter().zip(&answers).filter(|(line, answer)| !agree(line, answer));
    let wrong: Vec<_> = wrong.map(|(line, answer)| format!("{}: expected {}, got {answer}", line["name"], line["denial"])).collect();
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    let good = lines.iter().filter(|line| line["denial"].is_null()).count();
    println!("{name}: {} tokens, {good} good, {} refused as they must be", lines.len(), lines.len() - good);
}

#[test]
fn every_line_of_the_corpus_gets_its_denial_from_the_command() {
    for (name, implicit, lines, tokens) in committed() {
        let args = VerifyArgs {
            issuer: ISSUER.to_owned(),
            audience: API.to_owned(),
            jwks: Some(path("jwks.json")),
            paserk: Some(path("paserk.json")),
            url: None,
            ca: None,
            at: Some(NOW),
            leeway: 0,
            max_ttl: 86_400,
            implicit,
        };
        let mut output = Vec::new();
        let fetch = |url: &str| panic!("a verifier asks nobody, and not {url}");
        let status = run(&args, fetch, tokens.as_bytes(), &mut output, Moment::from_seconds(1)).unwrap();
        assert_eq!(status, 1);
        compare(&name, &lines, std::str::from_utf8(&output).unwrap());
    }
}

#[test]
fn every_line_of_the_corpus_gets_its_denial_from_the_binary() {
    for (name, implicit, lines, tokens) in committed() {
        let input = tempfile::NamedTempFile::new().unwrap();
        fs::write(input.path(), tokens).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_mintage"))
            .args(["verify", "--issuer", ISSUER, "--audience", API, "--implicit", &implicit, "--at", &NOW.to_string()])
            .args([OsStr::new("--jwks"), path("jwks.json").as_os_str(), OsStr::new("--paserk"), path("paserk.json").as_os_str()])
            .stdin(fs::File::open(input.path()).unwrap())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        compare(&name, &lines, std::str::from_utf8(&output.stdout).unwrap());
    }
}

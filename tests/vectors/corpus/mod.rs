//! Our own corpus, `tests/vectors/mintage/*.jsonl`: what becomes of a token, for every token row of the requirements, in both formats.
//!
//! It is generated from fixed keys and checked for drift; `UPDATE_VECTORS=1 cargo test --test vectors` writes it anew. Verifiers in other
//! languages can run it too: `meta.json` says for whom and at what time, `jwks.json` and `paserk.json` hold the keys.

mod cases_jwt;
mod cases_paseto;
mod mint;

use std::fs;
use std::path::PathBuf;

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

#[test]
fn every_line_of_the_corpus_gets_its_denial_from_the_command() {
    let meta: Value = serde_json::from_str(&fs::read_to_string(path("meta.json")).unwrap()).unwrap();
    for file in meta["files"].as_array().unwrap() {
        let name = file["file"].as_str().unwrap();
        let lines: Vec<Value> = fs::read_to_string(path(name)).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let tokens: String = lines.iter().map(|line| line["token"].as_str().unwrap().to_owned() + "\n").collect();
        let args = VerifyArgs {
            issuer: meta["issuer"].as_str().unwrap().to_owned(),
            audience: meta["audience"].as_str().unwrap().to_owned(),
            jwks: Some(path("jwks.json")),
            paserk: Some(path("paserk.json")),
            url: None,
            at: meta["at"].as_u64(),
            leeway: 0,
            max_ttl: 86_400,
            implicit: file["implicit"].as_str().unwrap().to_owned(),
        };
        let mut output = Vec::new();
        let fetch = |url: &str| panic!("a verifier asks nobody, and not {url}");
        let status = run(&args, fetch, tokens.as_bytes(), &mut output, Moment::from_seconds(1)).unwrap();
        let answers: Vec<Value> = String::from_utf8(output).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((answers.len(), status), (lines.len(), 1));
        let mut wrong = Vec::new();
        for (line, answer) in lines.iter().zip(&answers) {
            if answer["ok"].as_bool() != Some(line["denial"].is_null()) || answer["denial"] != line["denial"] {
                wrong.push(format!("{}: expected {}, got {answer}", line["name"], line["denial"]));
            }
        }
        assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
        let good = lines.iter().filter(|line| line["denial"].is_null()).count();
        println!("{name}: {} tokens, {good} good, {} refused as they must be", lines.len(), lines.len() - good);
    }
}

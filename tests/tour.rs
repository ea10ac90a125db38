//! The README is run as a newcomer would: its tour's commands, pasted in order into a shell beside a fresh server.
#![cfg(feature = "service")]

#[path = "cli/serving.rs"]
mod serving;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

const MINTAGE: &str = env!("CARGO_BIN_EXE_mintage");

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    fs::read_to_string(path).expect("README.md is there")
}

/// The blocks of the page that are marked `language`, in order.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let opening = format!("\n```{language}\n");
    page.split(&opening).skip(1).map(|rest| rest.split("\n```").next().unwrap_or_default().to_owned() + "\n").collect()
}

/// A server on its first run, in a folder of its own; it ends when this does.
struct Server {
    child: Child,
    folder: PathBuf,
    url: String,
    secret: String,
    printed: String,
}

impl Server {
    fn first_run() -> Self {
        let folder = tempfile::Builder::new().prefix("mintage-tour-").tempdir().expect("a temporary folder").keep();
        let mut command = Command::new(MINTAGE);
        command.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(&folder).env_remove("MINTAGE_ADMIN_SECRET");
        let (child, url, printed) = serving::start(&mut command, &folder);
        let mut server = Self { child, folder, url, secret: String::new(), printed };
        server.secret = secret_in(&server.printed);
        server
    }

    /// Runs `script` in a shell with the server's address and this build's binary in place of the page's, and answers what it printed.
    fn paste(&self, script: &str) -> String {
        let script = script
            .replace("http://127.0.0.1:8080", &self.url)
            .replace("/tmp/jwks.json", &self.folder.join("jwks.json").display().to_string())
            .replace("target/release/mintage", MINTAGE);
        let mut shell = Command::new("sh")
            .args(["-eu", "-c", &script])
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        type_secret(shell.stdin.take().expect("piped"), &self.secret);
        let output = shell.wait_with_output().expect("the shell ends");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}:\n{script}\nprinted:\n{out}\n{err}", output.status);
        out.into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Best effort: both are ours, and the test has its verdict.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// A script that asks for nothing has closed its end: that is its right.
fn type_secret(mut stdin: ChildStdin, secret: &str) {
    drop(writeln!(stdin, "{secret}"));
}

/// The one long word on the line that speaks of the secret.
fn secret_in(printed: &str) -> String {
    let is_long = |word: &&str| word.len() >= 22 && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let of_line = |line: &str| line.split(|c: char| c.is_whitespace() || "'\"=:,".contains(c)).find(is_long).map(str::to_owned);
    let found = printed.lines().filter(|line| line.to_lowercase().contains("secret")).find_map(of_line);
    found.unwrap_or_else(|| panic!("no secret in what the first run printed:\n{printed}"))
}

fn assert_in_order(text: &str, wanted: &[&str]) {
    let mut rest = text;
    for words in wanted {
        let at = rest.find(words).unwrap_or_else(|| panic!("`{words}` is missing, or comes too early, in:\n{text}"));
        rest = &rest[at + words.len()..];
    }
}

#[test]
fn every_command_of_the_tour_works_when_pasted() {
    let script = blocks(&readme(), "sh").concat();
    assert!(script.contains("curl") && script.contains("mintage verify"), "the tour is in blocks marked `sh`");
    let printed = Server::first_run().paste(&script);
    let verdicts = [
        "session ",
        "\"ok\":true",
        "\"role\":\"reader\"",
        "the same successor",
        "{\"active\":false}",
        "\"ok\":true",
        "\"role\":\"editor\"",
        "\"lost_device\"",
        "{\"active\":false}",
        "invalid_grant",
        "alice",
        "revoked",
    ];
    assert_in_order(&printed, &verdicts);
}

#[test]
fn what_the_first_run_prints_works_when_pasted() {
    let server = Server::first_run();
    let printed = server.paste(&server.printed);
    assert_in_order(&printed, &["session ", "refreshed", "{\"active\":true", "{\"active\":false}", "invalid_grant"]);
}

#[test]
fn set_up_takes_exactly_two_commands() {
    let page = readme();
    let set_up = page.split("\n## Set up\n").nth(1).and_then(|rest| rest.split("```").nth(1)).expect("the section has its block");
    let commands: Vec<&str> =
        set_up.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).filter(|line| !line.is_empty()).collect();
    assert_eq!(commands, ["cargo run --release -- serve", "./scripts/test"]);
}

#[test]
fn every_page_that_the_readme_links_to_exists() {
    let page = readme();
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let heading = |line: &str| {
        let name = line.strip_prefix('#')?.trim_start_matches('#').trim().to_lowercase();
        Some(name.chars().filter(|c| c.is_alphanumeric() || " -".contains(*c)).collect::<String>().replace(' ', "-"))
    };
    let is_there = |target: &str| {
        let (path, place) = target.split_once('#').unwrap_or((target, ""));
        let file = root.join(path);
        file.exists() && (place.is_empty() || std::fs::read_to_string(file).unwrap().lines().filter_map(heading).any(|name| name == place))
    };
    let gone: Vec<&str> = targets.filter(|target| !target.contains("://") && !is_there(target)).collect();
    assert!(gone.is_empty(), "README.md links to pages that are not there: {gone:?}");
}

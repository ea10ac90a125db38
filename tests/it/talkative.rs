//! The real binary at its most talkative: a node and the commands, and all that they write.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::app::ADMIN_SECRET;
use crate::seek::CONTROL;

const MINTAGE: &str = env!("CARGO_BIN_EXE_mintage");

/// A folder with a node's data and keys, and what was written so far, by place. A node that runs ends with this.
pub(crate) struct Talkative {
    child: Option<Child>,
    folder: tempfile::TempDir,
    format: &'static str,
    passphrase_file: Option<PathBuf>,
    http: reqwest::Client,
    pub(crate) url: String,
    written: BTreeMap<&'static str, Vec<u8>>,
}

impl Drop for Talkative {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Talkative {
    pub(crate) fn new(format: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { child: None, folder, format, passphrase_file: None, http, url: String::new(), written: BTreeMap::new() }
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file that only its owner can read.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.at(name);
        fs::write(&path, content).expect("a file is written");
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("for its owner alone");
        path
    }

    /// Every later start and command is told of this passphrase.
    pub(crate) fn seal_with(&mut self, file: &Path) {
        self.passphrase_file = Some(file.to_owned());
    }

    pub(crate) fn keep(&mut self, place: &'static str, bytes: &[u8]) {
        self.written.entry(place).or_default().extend_from_slice(bytes);
    }

    /// What was written so far, by place.
    pub(crate) fn written(&self) -> &BTreeMap<&'static str, Vec<u8>> {
        &self.written
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(MINTAGE);
        command.env_clear().args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("MINTAGE_LOG__LEVEL", "trace").env("MINTAGE_LOG__FORMAT", self.format).env("RUST_BACKTRACE", "full");
        command.env("MINTAGE_ADMIN_SECRET", ADMIN_SECRET).env("MINTAGE_DEFAULTS__ROTATION_PAUSE", "0s");
        if let Some(file) = &self.passphrase_file {
            command.env("MINTAGE_PASSPHRASE_FILE", file);
        }
        command
    }

    /// Starts the node; it is ready.
    pub(crate) async fn start(&mut self) {
        let stream = |name: &str| Stdio::from(File::create(self.at(name)).expect("a file"));
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        self.child = Some(command.stdout(stream("out")).stderr(stream("err")).spawn().expect("it starts"));
        for _ in 0..1_200 {
            let said = fs::read_to_string(self.at("err")).unwrap_or_default();
            if let Some(rest) = said.split("listening on ").nth(1).filter(|rest| rest.contains('\n')) {
                self.url = rest.lines().next().expect("an address").to_owned();
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it does not listen: {:?}", fs::read_to_string(self.at("err")));
    }

    /// Stops the node in order, and keeps what it wrote.
    pub(crate) fn stop(&mut self) {
        let mut child = self.child.take().expect("a node runs");
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("it is told");
        child.wait().expect("it ends");
        for (place, name) in [("log", "err"), ("greeting", "out")] {
            let said = fs::read(self.at(name)).expect("what it wrote");
            self.keep(place, &said);
        }
    }

    /// Everything in the files below a folder.
    pub(crate) fn keep_files(&mut self, place: &'static str, folder: &Path) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                self.keep_files(place, &path);
            } else {
                let content = fs::read(&path).expect("a file");
                self.keep(place, &content);
            }
        }
    }

    /// Runs a command to its end as an administrator; answers with its status and what it printed as its result.
    pub(crate) fn run(&mut self, arguments: &[&str]) -> (i32, String) {
        self.run_with(arguments, &[], "")
    }

    /// The same with other variables, an empty one is not set, and with something on standard input. What it printed as its result is kept, unless it is `clients`
    /// showing a secret this once.
    pub(crate) fn run_with(&mut self, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> (i32, String) {
        let mut command = self.command(arguments);
        command.env("MINTAGE_URL", &self.url).env("MINTAGE_CLIENT_ID", "admin").env("MINTAGE_CLIENT_SECRET", ADMIN_SECRET);
        for (name, value) in variables {
            if value.is_empty() {
                command.env_remove(name)
            } else {
                command.env(name, value)
            };
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        self.keep("commands", &output.stderr);
        let shows_a_secret = matches!(arguments, ["clients", "add" | "rotate-secret" | "reset-admin", ..]);
        if !shows_a_secret {
            self.keep("commands", &output.stdout);
        }
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Sends a request under the name of the control canary, which is logged, and keeps the answer if it is a refusal.
    pub(crate) async fn send(&mut self, request: impl FnOnce(&reqwest::Client, &str) -> RequestBuilder) -> (Option<String>, Value) {
        let response = request(&self.http, &self.url).header("x-request-id", CONTROL).send().await.expect("an answer");
        let is_refused = !response.status().is_success();
        let nonce = response.headers().get("dpop-nonce").and_then(|nonce| Some(nonce.to_str().ok()?.to_owned()));
        let head = format!("{:?}", response.headers());
        let text = response.text().await.expect("a body");
        if is_refused {
            self.keep("refusals", format!("{head}{text}\n").as_bytes());
        }
        (nonce, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub(crate) async fn form(&mut self, path: &str, who: Option<(&str, &str)>, fields: &[(&str, &str)]) -> Value {
        let request = |http: &reqwest::Client, url: &str| {
            let request = http.post(format!("{url}{path}")).form(fields);
            match who {
                Some((client, secret)) => request.basic_auth(client, Some(secret)),
                None => request,
            }
        };
        self.send(request).await.1
    }

    pub(crate) async fn api(&mut self, method: Method, path: &str, bearer: &str, body: Option<Value>) -> Value {
        let request = |http: &reqwest::Client, url: &str| {
            let request = http.request(method, format!("{url}{path}")).bearer_auth(bearer);
            match body {
                Some(body) => request.json(&body),
                None => request,
            }
        };
        self.send(request).await.1
    }

    pub(crate) async fn keep_metrics(&mut self) {
        let page = self.http.get(format!("{}/metrics", self.url)).send().await.expect("metrics").text().await.expect("text");
        self.keep("metrics", page.as_bytes());
    }
}

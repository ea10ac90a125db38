//! What all tests of this binary make their nodes write, where `CANARY_FOLDER` names a folder for it: the log of the whole service at its
//! most talkative, panics, refusals, metrics and audit trails; and beside it each secret that came by. `tests/canaries.rs` searches the one
//! for the other, once the tests are done.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use reqwest::Request;
use reqwest::header::AUTHORIZATION;
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use crate::app::{ADMIN_SECRET, Answer};
use crate::seek::CONTROL;

static EVERYTHING: LazyLock<Option<Everything>> = LazyLock::new(Everything::begin);

/// Where it goes; none where nobody asked for it.
pub(crate) fn everything() -> Option<&'static Everything> {
    EVERYTHING.as_ref()
}

pub(crate) struct Everything {
    folder: PathBuf,
    secrets: Mutex<File>,
}

impl Everything {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test run, not of the program")]
    fn begin() -> Option<Self> {
        let folder = PathBuf::from(std::env::var_os("CANARY_FOLDER")?);
        let everything = Self { secrets: Mutex::new(file_in(&folder, "it.secrets")), folder };
        let log = Arc::new(file_in(&everything.folder, "it.log.told"));
        let lines = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("trace")).with_writer(log).with_ansi(false);
        lines.try_init().expect("no other test takes the log");
        tracing::error!("planted on purpose: {CONTROL}");
        everything.learn("MINTAGE_ADMIN_SECRET", Some(ADMIN_SECRET));
        let panics = Mutex::new(file_in(&everything.folder, "it.panics.told"));
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if let Ok(mut file) = panics.lock() {
                let _ = writeln!(file, "{panic}");
            }
            usual(panic);
        }));
        Some(everything)
    }

    /// Keeps what was written somewhere.
    pub(crate) fn keep(&self, place: &str, written: &[u8]) {
        file_in(&self.folder, &format!("it.{place}.told")).write_all(written).expect("it is kept");
    }

    /// Keeps all files below a folder, where there is one.
    pub(crate) fn keep_files(&self, place: &str, folder: &Path) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            self.keep(place, &std::fs::read(entry.path()).unwrap_or_default());
        }
    }

    /// Notes the private keys of a node's ring where it is not sealed, and its passphrase where it is.
    pub(crate) fn learn_keys(&self, folder: &Path) {
        let passphrase = std::fs::read_to_string(folder.join("passphrase"));
        self.learn("a passphrase", passphrase.as_deref().ok().map(str::trim_end));
        for entry in std::fs::read_dir(folder.join("keys")).into_iter().flatten().flatten() {
            let key: Value = serde_json::from_slice(&std::fs::read(entry.path()).unwrap_or_default()).unwrap_or_default();
            self.learn("a private key", key["private"].as_str());
        }
    }

    /// Notes the secrets of a request that was found good, and of its answer.
    pub(crate) fn learn_exchange(&self, sent: &Sent, answer: &Answer) {
        if !answer.status.is_success() {
            self.keep("refusals", format!("{:?}{}\n", answer.headers, answer.text).as_bytes());
            return;
        }
        for (name, secret) in &sent.0 {
            self.learn(name, Some(secret));
        }
        for name in ["access_token", "refresh_token", "client_secret"] {
            self.learn(name, answer.body[name].as_str());
        }
    }

    /// Notes a secret. What is short or made of few characters is no secret, and would be found by chance.
    pub(crate) fn learn(&self, name: &str, secret: Option<&str>) {
        let is_varied = |text: &&str| text.bytes().rev().take(30).collect::<std::collections::BTreeSet<_>>().len() >= 10;
        if let Some(secret) = secret.filter(|text| text.len() >= 24).filter(is_varied) {
            let mut file = self.secrets.lock().expect("nobody panics here");
            writeln!(file, "{}", serde_json::json!([name, secret])).expect("it is noted");
        }
    }
}

/// The secrets that a request carries.
pub(crate) struct Sent(Vec<(&'static str, String)>);

impl Sent {
    pub(crate) fn of(request: &Request) -> Self {
        let header = |name: &str| Some(request.headers().get(name)?.to_str().ok()?.to_owned());
        let credentials = header(AUTHORIZATION.as_str()).and_then(|value| Some(value.split_once(' ')?.1.to_owned()));
        let mut secrets: Vec<_> = credentials.map(|text| ("an Authorization header", text)).into_iter().collect();
        secrets.extend(header("dpop").map(|proof| ("a proof", proof)));
        let body = request.body().and_then(|body| std::str::from_utf8(body.as_bytes()?).ok()).unwrap_or_default();
        let assertion = body.split('&').find_map(|pair| pair.strip_prefix("client_assertion="));
        secrets.extend(assertion.map(|assertion| ("an assertion", assertion.to_owned())));
        Self(secrets)
    }
}

fn file_in(folder: &Path, name: &str) -> File {
    OpenOptions::new().create(true).append(true).open(folder.join(name)).expect("a file in the folder of CANARY_FOLDER")
}

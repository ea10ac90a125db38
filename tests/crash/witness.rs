//! The witness: a process that loads the node and writes down what the node acknowledged, before it asks for the next thing.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use super::api::{Answer, Api, Lost};
use super::random::Random;
use super::server::Place;

const URL: &str = "MINTAGE_WITNESS_URL";
const LOG: &str = "MINTAGE_WITNESS_LOG";
const SEED: &str = "MINTAGE_WITNESS_SEED";
/// Clients that each hold one session and rotate it; every third one has three tabs.
const CHAINS: u64 = 9;
const TABS: usize = 3;
/// Tasks that open sessions and call them back.
const REVOKERS: u64 = 3;
const PAUSE: u8 = b'p';
const GO_ON: u8 = b'g';
/// Well inside the retry window of 30 s, a slow restart included.
const ASKED_AGAIN_WITHIN: Duration = Duration::from_secs(15);

/// A line of the witness's log: something that the node has acknowledged, or should never have answered.
#[derive(Clone, Serialize, Deserialize, Debug)]
pub(crate) enum Effect {
    /// A session, and its first tokens.
    Opened { sid: String, subject: String, refresh: String },
    /// A refresh token was answered with this successor.
    Rotated { sid: String, sent: String, got: String },
    /// A superseded token, inside its window, was answered with this successor.
    Again { sid: String, sent: String, got: String },
    /// Called back, and how.
    Revoked { how: How, sid: String, access: String, refresh: String },
    /// A session's claim was changed.
    Patched { role: String, refresh: String },
    /// An honest client was refused: its chain is dead.
    Dead { sid: String, why: String },
    /// Answers that did not come, and answers of 5xx.
    Unheard { answers: u64, refused: u64 },
}

/// The ways of calling back.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub(crate) enum How {
    Session,
    GivenBack,
    Subject,
    AccessTokens,
    Token,
}

/// The parent's hold on the process.
pub(crate) struct Witness {
    child: Child,
    told: Option<ChildStdin>,
    log: PathBuf,
}

impl Witness {
    /// Starts this test binary again, at the test of this name, as a witness.
    pub(crate) fn start(place: &Place, test: &str, seed: u64) -> Self {
        let log = place.path("witness.log");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .env(URL, format!("http://127.0.0.1:{}", place.port))
            .env(LOG, &log)
            .env(SEED, seed.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let told = child.stdin.take();
        Self { child, told, log }
    }

    /// Everything acknowledged so far.
    pub(crate) fn effects(&self) -> Vec<Effect> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        // A line without its end is being written now.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until so many more effects have been acknowledged, however slow the machine is.
    pub(crate) fn works_for(&self, more: usize) {
        let before = self.effects().len();
        let is_done = (0..6_000).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            self.effects().len() >= before + more
        });
        assert!(is_done, "no {more} effects were acknowledged in two minutes");
    }

    /// Lets every client finish what it is about and wait, so that what a slow machine is given to do between two kills is bounded.
    pub(crate) fn pause(&mut self) {
        self.tell(PAUSE);
    }

    /// Ends a pause.
    pub(crate) fn go_on(&mut self) {
        self.tell(GO_ON);
    }

    fn tell(&mut self, what: u8) {
        self.told.as_mut().unwrap().write_all(&[what]).unwrap();
    }

    /// Lets every client finish what it began; the node must be up.
    pub(crate) fn finish(mut self) -> Vec<Effect> {
        drop(self.told.take());
        assert!(self.child.wait().unwrap().success(), "the witness ended well");
        self.effects()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[expect(clippy::disallowed_methods, reason = "how a test tells its own second process what it is for")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether this process is a witness.
pub(crate) fn is_asked_for() -> bool {
    variable(URL).is_some()
}

/// The witness's life: until its standard input ends.
pub(crate) fn run() {
    let log = OpenOptions::new().append(true).create(true).open(variable(LOG).unwrap()).unwrap();
    let seed: u64 = variable(SEED).unwrap().parse().unwrap();
    let shared = Arc::new(Shared {
        api: Api::new(&variable(URL).unwrap()),
        log: Mutex::new(log),
        pause: AtomicBool::new(false),
        stop: AtomicBool::new(false),
    });
    let told = shared.clone();
    std::thread::spawn(move || {
        for what in BufReader::new(std::io::stdin()).bytes().map_while(Result::ok) {
            told.pause.store(what == PAUSE, Ordering::Release);
        }
        told.stop.store(true, Ordering::Release);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..CHAINS {
            let (shared, random) = (shared.clone(), Random(seed ^ (number << 40)));
            tasks.spawn(async move { shared.chain(number, if number % 3 == 2 { TABS } else { 1 }, random).await });
        }
        for number in 0..REVOKERS {
            let (shared, random) = (shared.clone(), Random(seed ^ (number << 48) ^ 1));
            tasks.spawn(async move { shared.revoker(number, random).await });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    });
}

struct Shared {
    api: Api,
    log: Mutex<File>,
    pause: AtomicBool,
    stop: AtomicBool,
}

impl Shared {
    /// Waits out a pause; whether it is all over.
    async fn is_over(&self) -> bool {
        while self.pause.load(Ordering::Acquire) && !self.stop.load(Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.stop.load(Ordering::Acquire)
    }

    fn note(&self, effect: &Effect) {
        let line = serde_json::to_string(effect).unwrap() + "\n";
        self.log.lock().unwrap().write_all(line.as_bytes()).unwrap();
    }

    fn heard(&self, (answer, lost): (Answer, Lost)) -> Answer {
        if lost.answers + lost.refused > 0 {
            self.note(&Effect::Unheard { answers: lost.answers, refused: lost.refused });
        }
        answer
    }

    async fn opened(&self, subject: String) -> (String, String, String) {
        let answer = self.heard(self.api.open(&subject).await);
        assert_eq!(answer.status, 201, "{}", answer.body);
        let (sid, refresh) = (answer.text("/session/sid"), answer.text("/refresh_token"));
        self.note(&Effect::Opened { sid: sid.clone(), subject, refresh: refresh.clone() });
        (sid, answer.text("/access_token"), refresh)
    }

    /// An honest client: it keeps the newest token, and presents the same one again when an answer is lost.
    async fn chain(&self, number: u64, tabs: usize, mut random: Random) {
        let (sid, _, mut current) = self.opened(format!("chain-{number}")).await;
        let mut previous: Option<(String, Instant)> = None;
        while !self.is_over().await {
            let Some(next) = self.all_tabs(&sid, &current, tabs).await else { return };
            previous = Some((std::mem::replace(&mut current, next), Instant::now()));
            tokio::time::sleep(Duration::from_millis(5 + random.below(30))).await;
            if random.below(4) == 0
                && let Some((superseded, at)) = &previous
                && at.elapsed() < ASKED_AGAIN_WITHIN
            {
                let answer = self.heard(self.api.refresh(superseded).await);
                if answer.status != 200 {
                    return self.note(&Effect::Dead { sid, why: answer.body.to_string() });
                }
                self.note(&Effect::Again { sid: sid.clone(), sent: superseded.clone(), got: answer.text("/refresh_token") });
            }
        }
        drop(previous);
    }

    /// Every tab presents the same token at once, and waits for its own answer.
    async fn all_tabs(&self, sid: &str, current: &str, tabs: usize) -> Option<String> {
        let mut next = None;
        let mut asking: Vec<_> = (0..tabs).map(|_| Box::pin(self.api.refresh(current))).collect();
        let answers = std::future::poll_fn(|cx| {
            let mut done = Vec::new();
            asking.retain_mut(|ask| match ask.as_mut().poll(cx) {
                std::task::Poll::Ready(answer) => {
                    done.push(answer);
                    false
                }
                std::task::Poll::Pending => true,
            });
            for answer in done {
                next = Some(self.one_tab(sid, current, answer));
                if matches!(next, Some(None)) {
                    return std::task::Poll::Ready(None);
                }
            }
            if asking.is_empty() { std::task::Poll::Ready(next.take().flatten()) } else { std::task::Poll::Pending }
        });
        answers.await
    }

    fn one_tab(&self, sid: &str, current: &str, answer: (Answer, Lost)) -> Option<String> {
        let answer = self.heard(answer);
        if answer.status != 200 {
            self.note(&Effect::Dead { sid: sid.to_owned(), why: answer.body.to_string() });
            return None;
        }
        let got = answer.text("/refresh_token");
        self.note(&Effect::Rotated { sid: sid.to_owned(), sent: current.to_owned(), got: got.clone() });
        Some(got)
    }

    /// Opens sessions and calls each back in another way, or changes its claims.
    async fn revoker(&self, number: u64, mut random: Random) {
        for nth in 0_u64.. {
            if self.is_over().await {
                return;
            }
            let subject = format!("revoked-{number}-{nth}");
            let (sid, access, refresh) = self.opened(subject.clone()).await;
            tokio::time::sleep(Duration::from_millis(15 + random.below(40))).await;
            let how = match random.below(7) {
                0 => How::Session,
                1 => How::GivenBack,
                2 => How::Subject,
                3 => How::AccessTokens,
                4 => How::Token,
                5 => {
                    let role = format!("role-{nth}");
                    let answer = self.heard(self.api.patch(&sid, &json!({ "claims": { "role": role } })).await);
                    assert_eq!(answer.status, 200, "{}", answer.body);
                    self.note(&Effect::Patched { role, refresh });
                    continue;
                }
                _ => continue,
            };
            let answer = self.heard(self.call_back(how, &sid, &subject, &access, &refresh).await);
            assert!((200..300).contains(&answer.status), "{how:?} {} {}", answer.status, answer.body);
            self.note(&Effect::Revoked { how, sid, access, refresh });
        }
    }

    async fn call_back(&self, how: How, sid: &str, subject: &str, access: &str, refresh: &str) -> (Answer, Lost) {
        match how {
            How::Session => self.api.end(sid).await,
            How::GivenBack => self.api.give_back(refresh).await,
            How::Subject => self.api.revoke(&json!({ "target": { "type": "subject", "subject": subject }, "extent": "sessions" })).await,
            How::AccessTokens => {
                self.api.revoke(&json!({ "target": { "type": "subject", "subject": subject }, "extent": "access_tokens" })).await
            }
            How::Token => self.api.revoke(&json!({ "target": { "type": "token", "jti": claims(access)["jti"] } })).await,
        }
    }
}

/// The claims of a JWT, unverified.
pub(crate) fn claims(jwt: &str) -> serde_json::Value {
    use base64::Engine as _;
    let payload = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

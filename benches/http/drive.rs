//! The driver: workers that each wait for an answer before they ask again (a closed loop), so that a server is never asked for more than it
//! can do. In a rotation each walks a true chain: it opens a session of its own, and refreshes with the token that it got last.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::connection::{Ask, Connection, Question};
use crate::figures::{line, processor_time};
use crate::touch::touch;

/// What to ask of which server.
#[derive(Deserialize)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    /// The server's process id: its processor time is read.
    server: u32,
    pub(crate) workers: u32,
    /// How many sessions to touch.
    pub(crate) sessions: u32,
    warm_up_seconds: f64,
    seconds: f64,
    /// Opens a session; `{}` becomes its number.
    pub(crate) open: Ask,
    /// `{}` becomes the token.
    pub(crate) step: Ask,
    kind: Kind,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// Each answer brings the refresh token that is asked with next.
    Refresh,
    /// Every worker asks about the access token of its session.
    Introspect,
    /// Each session is opened and refreshed once, and nothing is timed.
    Touch,
}

/// What is read of any answer.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Answer {
    access_token: String,
    pub(crate) refresh_token: String,
    active: bool,
}

impl Answer {
    pub(crate) fn read(text: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(text).map_err(|why| format!("not JSON ({why}): {}", String::from_utf8_lossy(text)))
    }

    /// The next refresh token, if this is what a rotation of `token` must bring.
    pub(crate) fn succeeding(self, token: &str) -> Result<String, String> {
        let is_pair = !self.access_token.is_empty() && !self.refresh_token.is_empty();
        if is_pair && self.refresh_token != token { Ok(self.refresh_token) } else { Err("a refresh brought no new pair".to_owned()) }
    }
}

/// Prints the figures; the first error of any worker ends the run.
pub(crate) fn run() -> Result<(), String> {
    let plan: Plan = serde_json::from_reader(io::stdin()).map_err(|why| format!("not a plan: {why}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|why| why.to_string())?;
    let figures = if plan.kind == Kind::Touch { runtime.block_on(touch(plan))? } else { runtime.block_on(drive(plan))? };
    println!("{figures}");
    Ok(())
}

async fn drive(plan: Plan) -> Result<serde_json::Value, String> {
    let open = Question::new(&plan.open, plan.address);
    let step = Question::new(&plan.step, plan.address);
    let (workers, kind) = (plan.workers, plan.kind);
    let mut tokens = Vec::new();
    for number in 0..workers {
        let answer = Answer::read(&Connection::open(plan.address).await?.ask(&open, &number.to_string()).await?)?;
        tokens.push(if kind == Kind::Refresh { answer.refresh_token } else { answer.access_token });
    }
    let all_there = Arc::new(Barrier::new(workers as usize + 1));
    let walk = Arc::new(Walk { address: plan.address, step, kind, warm_up: plan.warm_up_seconds, seconds: plan.seconds });
    let mut running = JoinSet::new();
    for token in tokens {
        running.spawn(Arc::clone(&walk).work(token, Arc::clone(&all_there)));
    }
    // A worker that cannot connect never comes to the barrier: its error is told all the same.
    let window = tokio::select! {
        biased;
        _ = all_there.wait() => walk.window(),
        Some(Ok(Err(why))) = running.join_next() => return Err(why),
    };
    let used = tokio::spawn(processor_times(plan.server, window));
    let mut latencies = Vec::new();
    while let Some(worker) = running.join_next().await {
        latencies.extend(worker.map_err(|why| why.to_string())??);
    }
    let (server, driver) = used.await.map_err(|why| why.to_string())??;
    line(latencies, window.1 - window.0, server, driver)
}

async fn processor_times(server: u32, (from, to): (Instant, Instant)) -> Result<(Duration, Duration), String> {
    let read = || Ok::<_, String>((processor_time(server)?, processor_time(std::process::id())?));
    sleep_until(from).await;
    let before = read()?;
    sleep_until(to).await;
    let after = read()?;
    Ok((after.0 - before.0, after.1 - before.1))
}

/// What all workers do.
struct Walk {
    address: SocketAddr,
    step: Question,
    kind: Kind,
    warm_up: f64,
    seconds: f64,
}

impl Walk {
    /// From now on: what is counted begins after the warm-up.
    fn window(&self) -> (Instant, Instant) {
        let from = Instant::now() + Duration::from_secs_f64(self.warm_up);
        (from, from + Duration::from_secs_f64(self.seconds))
    }

    /// The latencies of the requests that were answered within the window.
    async fn work(self: Arc<Self>, mut token: String, all_there: Arc<Barrier>) -> Result<Vec<Duration>, String> {
        let mut connection = Connection::open(self.address).await?;
        all_there.wait().await;
        let (from, to) = self.window();
        let mut latencies = Vec::new();
        loop {
            let asked = Instant::now();
            let answer = connection.ask(&self.step, &token).await?;
            let answered = Instant::now();
            self.check(&answer, &mut token)?;
            if answered >= to {
                return Ok(latencies);
            }
            if answered >= from {
                latencies.push(answered - asked);
            }
        }
    }

    /// Takes the next token from a good answer.
    fn check(&self, text: &[u8], token: &mut String) -> Result<(), String> {
        let answer = Answer::read(text)?;
        if self.kind == Kind::Refresh {
            *token = answer.succeeding(token)?;
        } else if !answer.active {
            return Err("a good access token is not active".to_owned());
        }
        Ok(())
    }
}

//! Who comes to the door and means no good.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::h2;

/// Beyond every deadline that the node has in this test.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many knock at the same moment: fewer than a listener's queue holds, so that nobody waits for a second try of the system's.
const AT_ONCE: usize = 200;

/// What became of them: a status, `closed` without one, or `open` when the phase was over.
#[derive(Default)]
pub(crate) struct Outcomes {
    pub(crate) connections: usize,
    pub(crate) counts: BTreeMap<String, usize>,
}

impl Outcomes {
    #[track_caller]
    pub(crate) fn are_all(&self, expected: &[&str]) {
        assert!(self.counts.keys().all(|outcome| expected.contains(&outcome.as_str())), "{:?}, not {expected:?}", self.counts);
        assert!(self.connections > 0);
    }

    /// They are answered so, but for those whom a slow machine keeps sending for longer than the node lingers over an answer: these may
    /// find the connection closed.
    #[track_caller]
    pub(crate) fn are_answered(&self, expected: &str) {
        self.are_all(&[expected, "closed"]);
        let answered = self.counts.get(expected).copied().unwrap_or_default();
        assert!(answered * 2 > self.connections, "{:?}, hardly {expected}", self.counts);
    }

    fn add(&mut self, others: &Self) {
        self.connections += others.connections;
        for (outcome, count) in &others.counts {
            *self.counts.entry(outcome.clone()).or_default() += count;
        }
    }

    fn of(all: impl IntoIterator<Item = String>) -> Self {
        let mut outcomes = Self::default();
        for outcome in all {
            outcomes.connections += 1;
            *outcomes.counts.entry(outcome).or_default() += 1;
        }
        outcomes
    }
}

/// Each begins well and then sends a little every quarter of a second, for as long as it is let.
pub(crate) async fn drip(at: SocketAddr, many: usize, opening: Vec<u8>, more: &'static [u8]) -> Outcomes {
    let one = move |opening: Vec<u8>| async move {
        let (mut reading, mut writing) = knock(at).await.into_split();
        let answer = tokio::spawn(async move { verdict(&mut reading).await });
        let _ = writing.write_all(&opening).await;
        while !answer.is_finished() {
            sleep(Duration::from_millis(250)).await;
            let _ = writing.write_all(more).await;
        }
        answer.await.expect("no panic")
    };
    all(many, || one(opening.clone())).await
}

/// Each sends everything that it has and then reads the answer.
pub(crate) async fn loud(at: SocketAddr, many: usize, text: Vec<u8>) -> Outcomes {
    let one = move |text: Vec<u8>| async move {
        let mut stream = knock(at).await;
        let _ = timeout(PATIENCE, stream.write_all(&text)).await;
        verdict(&mut stream).await
    };
    let mut outcomes = Outcomes::default();
    while outcomes.connections < many {
        let now = (many - outcomes.connections).min(AT_ONCE / 4);
        outcomes.add(&all(now, || one(text.clone())).await);
    }
    outcomes
}

/// All come in, ask or say nothing, and stay for three seconds after the last.
pub(crate) async fn idle(at: SocketAddr, many: usize, request: &str) -> Outcomes {
    let mut inside = Vec::with_capacity(many);
    while inside.len() < many {
        let mut coming = JoinSet::new();
        for _ in 0..AT_ONCE.min(many - inside.len()) {
            let request = request.to_owned();
            coming.spawn(async move {
                let mut stream = knock(at).await;
                if !request.is_empty() {
                    stream.write_all(request.as_bytes()).await.expect("it is sent");
                    let read = timeout(PATIENCE, stream.read(&mut [0; 8 * 1024])).await.expect("in time").expect("an answer");
                    assert!(read > 0, "nobody who asks is sent away unanswered");
                }
                stream
            });
        }
        inside.extend(coming.join_all().await);
    }
    sleep(Duration::from_secs(3)).await;
    let is_open = |stream: &TcpStream| stream.try_read(&mut [0; 1]).is_err_and(|why| why.kind() == std::io::ErrorKind::WouldBlock);
    Outcomes::of(inside.iter().map(|stream| if is_open(stream) { "open" } else { "closed" }.to_owned()))
}

/// Each announces a ClientHello of 16 KiB, sends half of it, and waits.
pub(crate) async fn half_handshakes(at: SocketAddr, many: usize) -> Outcomes {
    let opening = [&[0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3][..], &[7; 8 * 1024]].concat();
    let one = move |opening: Vec<u8>| async move {
        let mut stream = knock(at).await;
        let _ = stream.write_all(&opening).await;
        verdict(&mut stream).await
    };
    all(many, || one(opening.clone())).await
}

/// Each begins a hundred requests over HTTP/2, finishes none, and waits until after the node's deadline for bodies.
pub(crate) async fn half_forms(at: SocketAddr, many: usize) -> Outcomes {
    let opening: Vec<u8> = h2::hello().into_iter().chain((0..100).flat_map(|n| h2::half_a_form(2 * n + 1))).collect();
    let one = move |opening: Vec<u8>| async move {
        let mut stream = knock(at).await;
        let _ = timeout(PATIENCE, stream.write_all(&opening)).await;
        is_open_for(&mut stream, Duration::from_secs(7)).await
    };
    all(many, || one(opening.clone())).await
}

/// Each asks and cancels over HTTP/2, as fast as it can, and comes back when it is sent away, for three seconds.
pub(crate) async fn cancelling(at: SocketAddr, many: usize) -> Outcomes {
    let one = move || async move {
        let (mut reading, mut writing) = knock(at).await.into_split();
        let end = tokio::spawn(async move { is_open_for(&mut reading, Duration::from_secs(5)).await });
        let _ = writing.write_all(&h2::hello()).await;
        let mut stream = 1;
        while !end.is_finished() && timeout(PATIENCE, writing.write_all(&h2::cancelled(stream))).await.is_ok_and(|done| done.is_ok()) {
            stream += 2;
        }
        end.await.expect("no panic")
    };
    let (began, mut outcomes) = (Instant::now(), Outcomes::default());
    while began.elapsed() < Duration::from_secs(3) {
        outcomes.add(&all(many, one).await);
    }
    outcomes
}

async fn is_open_for(stream: &mut (impl AsyncReadExt + Unpin), time: Duration) -> String {
    let mut chunk = vec![0; 16 * 1024];
    let until_closed = async { while matches!(stream.read(&mut chunk).await, Ok(1..)) {} };
    if timeout(time, until_closed).await.is_ok() { "closed" } else { "open" }.to_owned()
}

async fn all<F: Future<Output = String> + Send + 'static>(many: usize, one: impl Fn() -> F) -> Outcomes {
    let mut tasks = JoinSet::new();
    for at in 0..many {
        tasks.spawn(one());
        if at % AT_ONCE == AT_ONCE - 1 {
            sleep(Duration::from_millis(20)).await;
        }
    }
    Outcomes::of(tasks.join_all().await)
}

async fn knock(at: SocketAddr) -> TcpStream {
    timeout(PATIENCE, TcpStream::connect(at)).await.expect("in time").expect("the node listens")
}

async fn verdict(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let (mut answer, mut chunk) = (Vec::new(), [0; 4 * 1024]);
    loop {
        match timeout(PATIENCE, stream.read(&mut chunk)).await {
            Err(_) => return "open".to_owned(),
            Ok(Ok(read @ 1..)) => answer.extend_from_slice(&chunk[..read]),
            Ok(_) => break,
        }
    }
    let text = String::from_utf8_lossy(&answer);
    text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).map_or_else(|| "closed".to_owned(), str::to_owned)
}

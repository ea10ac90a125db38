//! Strangers at the door of the real binary, and what an honest client feels of them: a line of figures for each kind of stranger.
//!
//! Takes about half a minute; `DOOR_TIMES=10` has ten times as many strangers of the kinds that come in hundreds, and they stay longer.
#![cfg(all(feature = "service", target_os = "linux"))]

#[path = "door/h2.rs"]
mod h2;
#[path = "door/honest.rs"]
mod honest;
#[path = "door/server.rs"]
mod server;
#[path = "door/strangers.rs"]
mod strangers;

use std::future::Future;
use std::io::Write;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use server::Server;
use strangers::{Outcomes, cancelling, drip, half_forms, half_handshakes, idle, loud};

/// What a connection may cost the node at most, in KiB: what a head, a body and their answer need, and never what a stranger would have.
const SILENT: u64 = 8;
const SPEAKING: u64 = 64;
/// How long the honest client has the node for itself first.
const ALONE: Duration = Duration::from_millis(1_500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_honest_client_is_served_whatever_strangers_do() {
    let (times, places) = (times(), server::places(10_000));
    let plain = Server::start("", false);
    let at = plain.address();
    let form = "POST /oauth/introspect HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n";

    let head = "GET /.well-known/jwks.json HTTP/1.1\r\nHost: a\r\n";
    let outcomes = phase(&plain, "slow heads", SPEAKING, drip(at, 500 * times, head.into(), b"X: y\r\n")).await;
    outcomes.are_all(&["408", "closed"]);

    let huge = format!("{head}X: {}\r\n\r\n", "x".repeat(1 << 20));
    phase(&plain, "heads of 1 MiB", SPEAKING, loud(at, 1_000 * times, huge.into())).await.are_answered("431");

    let dots = ".".repeat(100_000);
    let bearer = format!("GET /v1/clients HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {dots}\r\n\r\n");
    phase(&plain, "100 k dots as Bearer", SPEAKING, loud(at, 1_000 * times, bearer.into())).await.are_answered("431");
    let sent = |dots: &str| {
        let body = format!("client_id=admin&client_secret={}&token={dots}", server::SECRET);
        format!("{form}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
    };
    phase(&plain, "100 k dots in a form", SPEAKING, loud(at, 1_000 * times, sent(&dots).into())).await.are_answered("413");
    phase(&plain, "60 k dots in a form", SPEAKING, loud(at, 1_000 * times, sent(&dots[..60_000]).into())).await.are_all(&["200"]);

    let chunked = format!("{form}Transfer-Encoding: chunked\r\n\r\n");
    let outcomes = phase(&plain, "bodies that never end", SPEAKING, drip(at, 500 * times, chunked.clone().into(), b"1\r\na\r\n")).await;
    outcomes.are_answered("408");
    let flood = format!("{chunked}{:x}\r\n{}", 64 << 20, "a".repeat(1 << 20));
    phase(&plain, "bodies without measure", 4 * SPEAKING, loud(at, 200 * times, flood.into())).await.are_answered("413");
    drop(plain);

    // One connection of HTTP/2 can hold as much as a hundred others; all of them together hold no more than there are places.
    let small = Server::start("most = 300\nbody = \"5s\"\n", false);
    phase(&small, "HTTP/2, 100 half forms each", 8 * SPEAKING, half_forms(small.address(), 40 * times)).await.are_all(&["closed", "open"]);
    let outcomes = phase(&small, "HTTP/2, cancelled at once", 8 * SPEAKING, cancelling(small.address(), 20 * times)).await;
    outcomes.are_all(&["closed", "open"]);
    drop(small);

    // As many as there are places, and they may stay: whoever comes then takes the place of the one who has been there the longest.
    let patient = Server::start("head = \"60s\"\nidle = \"5m\"\n", false);
    for (name, most_each, request) in [("idle, silent", SILENT, String::new()), ("idle after a request", SPEAKING, format!("{head}\r\n"))] {
        let outcomes = phase(&patient, name, most_each, idle(patient.address(), places, &request)).await;
        outcomes.are_all(&["open", "closed"]);
        assert!(outcomes.counts["open"] >= places * 9 / 10, "{name}: {:?}", outcomes.counts);
    }
    drop(patient);

    let tls = Server::start("", true);
    let outcomes = phase(&tls, "half TLS handshakes", SPEAKING, half_handshakes(tls.address(), 2_000 * times)).await;
    outcomes.are_all(&["closed"]);
}

/// One kind of stranger, with an honest client beside it from a while before the first to after the last.
async fn phase(server: &Server, name: &str, most_each: u64, strangers: impl Future<Output = Outcomes>) -> Outcomes {
    let (begun, over) = (CancellationToken::new(), CancellationToken::new());
    let honest = tokio::spawn(honest::goes_on(server.caller(), begun.clone(), over.clone()));
    sleep(ALONE).await;
    let before = server.resident();
    begun.cancel();
    let watch = tokio::spawn(server::peak(server.id(), over.clone()));
    let outcomes = strangers.await;
    over.cancel();
    let (honest, peak) = (honest.await.expect("no panic"), watch.await.expect("no panic"));
    let grown = peak.saturating_sub(before);
    let each = grown / outcomes.connections.max(1) as u64;
    let mib = |kib: u64| kib as f64 / 1024.0;
    say(&format!(
        "door: {name}: {} connections {:?}; resident {:.1} MiB before, {:.1} at most during ({each} KiB each), {:.1} after; honest client: {honest}",
        outcomes.connections,
        outcomes.counts,
        mib(before),
        mib(peak),
        mib(server.resident())
    ));
    assert_eq!(honest.failures, Vec::<String>::new(), "{name}");
    assert!(honest.during.len() > 5, "{name}: {honest}");
    // What the honest client and the allocator need on top does not grow with the number of strangers.
    assert!(grown <= most_each * outcomes.connections as u64 + 32 * 1024, "{name}: {grown} KiB");
    outcomes
}

/// Straight to standard error: the runner holds back what a passing test prints.
pub(crate) fn say(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

#[expect(clippy::disallowed_methods, reason = "a test asks how long it may take")]
fn times() -> usize {
    std::env::var("DOOR_TIMES").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

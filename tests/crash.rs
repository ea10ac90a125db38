//! The real binary is killed under load, and whatever it had acknowledged must be there when it comes back.
//!
//! The load runs in a process of its own, the witness (this same test binary, told so by its environment), which writes down every
//! acknowledged effect before it sends the next request.

#![cfg(feature = "service")]
#![expect(clippy::unwrap_used, reason = "a test ends where its machinery fails")]

#[path = "crash/ages.rs"]
mod ages;
#[path = "crash/api.rs"]
mod api;
#[path = "crash/audit.rs"]
mod audit;
#[path = "crash/check.rs"]
mod check;
#[path = "crash/folders.rs"]
mod folders;
#[path = "crash/random.rs"]
mod random;
#[path = "crash/restore.rs"]
mod restore;
#[path = "crash/server.rs"]
mod server;
#[path = "crash/witness.rs"]
mod witness;

use std::io::Write;
use std::time::Duration;

use check::Verdict;
use random::Random;
use server::Place;
use witness::Witness;

/// Rounds and seed, from the environment where it names them (`scripts/crash`).
#[expect(clippy::disallowed_methods, reason = "switches of whoever runs the drill, read by the test alone")]
fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Straight to standard error: the runner holds back what a passing test prints.
fn say(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

#[test]
fn what_was_acknowledged_outlives_kill_9_at_any_moment() {
    if witness::is_asked_for() {
        return witness::run();
    }
    let rounds = from_environment("MINTAGE_CRASH_ROUNDS").unwrap_or(20);
    let seed = from_environment("MINTAGE_CRASH_SEED").unwrap_or_else(|| u64::from(std::process::id()) ^ 0x5eed_0000);
    say(&format!("crash: {rounds} rounds, seed {seed} (MINTAGE_CRASH_SEED={seed} kills at the same moments)"));
    let mut random = Random(seed);
    let place = Place::new();
    let mut server = place.serve();
    let mut witness = Witness::start(&place, "what_was_acknowledged_outlives_kill_9_at_any_moment", seed);
    let mut verdict = Verdict::default();
    for round in 1..=rounds {
        std::thread::sleep(Duration::from_millis(20 + random.below(1_200)));
        server.kill();
        witness.pause();
        let acknowledged = witness.effects();
        server = place.serve();
        verdict.after_a_restart(&server, &acknowledged, &mut random);
        witness.go_on();
        if round % 20 == 0 {
            say(&format!("crash: {round} rounds: {verdict}"));
        }
    }
    let all = witness.finish();
    verdict.at_the_end(&server, &all);
    server.kill();
    verdict.leaves_on_copies(&place, &all);
    say(&format!("crash: {rounds} rounds, seed {seed}: {verdict}"));
    verdict.must_be_clean();
}

#[test]
fn a_stop_under_load_drains_and_loses_nothing() {
    if witness::is_asked_for() {
        return witness::run();
    }
    let seed = u64::from(std::process::id()) ^ 0x51e7;
    let mut random = Random(seed);
    let place = Place::new();
    let mut server = place.serve();
    let mut witness = Witness::start(&place, "a_stop_under_load_drains_and_loses_nothing", seed);
    let mut verdict = Verdict::default();
    let mut slowest = Duration::ZERO;
    for _ in 0..5 {
        witness.works_for(60);
        std::thread::sleep(Duration::from_millis(random.below(900)));
        let stopped = server.stop();
        assert_eq!(stopped.status, Some(0), "a stop in order is exit status 0:\n{}", stopped.said);
        assert!(!stopped.said.contains("cut off"), "nobody was cut off:\n{}", stopped.said);
        slowest = slowest.max(stopped.after);
        witness.pause();
        let acknowledged = witness.effects();
        server = place.serve();
        verdict.after_a_restart(&server, &acknowledged, &mut random);
        witness.go_on();
    }
    let all = witness.finish();
    verdict.at_the_end(&server, &all);
    server.kill();
    say(&format!("stop: 5 times SIGTERM under load, slowest stop {} ms, deadline 25000 ms: {verdict}", slowest.as_millis()));
    verdict.must_be_clean();
}

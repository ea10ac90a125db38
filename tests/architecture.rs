//! The floor plan of the house (design §8), held by a test: floors, nevers, the pure core, the size budget, the rules of `deny.toml`,
//! and that every test exists which the pages of guarantees, threats and divergences name. `architecture/planted.rs` proves on planted
//! trees that each rule can go red.

#[path = "architecture/dependencies.rs"]
mod dependencies;
#[path = "architecture/guarantees.rs"]
mod guarantees;
#[path = "architecture/planted.rs"]
mod planted;
#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/scan.rs"]
mod scan;

use std::io::Write;
use std::path::Path;

/// A module imports only from floors below its own; neighbours do not see each other. The ground floor first.
const FLOORS: &[&[&str]] = &[
    &["time", "id", "secret", "json"],
    &["claims", "keyring", "revocation", "registry"],
    &["token", "policy"],
    &["verify"],
    &["ambient", "telemetry", "outbound", "keyfiles", "api", "audit", "tls"],
    &["store", "remote"],
    &["feed", "edge"],
    &["issuer"],
    &["web", "config"],
    &["http", "tasks", "sidecar"],
    &["server"],
    &["cli"],
];

/// How many floors, from the ground, are the pure core.
const CORE_FLOORS: usize = 4;

/// Who never sees what, though the floors would allow it; and the way out.
const NEVERS: &[(&str, &str, &str)] = &[
    ("http", "store", "ask a verb of `issuer`: a handler takes, asks and answers"),
    ("http", "keyring", "ask a verb of `issuer`: it hands out published keys, never the ring"),
    ("web", "store", "the listener knows no sessions: hand in what it needs from `server`"),
    ("web", "keyring", "the listener knows no keys of tokens: hand in what it needs from `server`"),
    ("store", "token", "a store keeps no token: take the parts that it needs as plain values"),
    ("store", "api", "a store knows no bodies: translate in `http` or `issuer`"),
    ("config", "store", "settings are plain values: `server` makes the store's settings of them"),
];

/// What may be handed on by `pub use` from a module that others never see, and why: plain values only.
const HANDED_ON: &[(&str, &str, &str)] = &[];

/// Lines of a file, without its tests.
const FILE_LINES: usize = 400;

/// Lines of a function, from `fn` to its last brace.
const FUNCTION_LINES: usize = 40;

/// What may exceed the budget, one line each: the file, or `file::function`, and the reason.
const EXCEPTIONS: &[rules::Exception<'static>] = &[];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_house_keeps_its_floor_plan() {
    let findings = rules::check(root(), EXCEPTIONS);
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    let handed_on = rules::handed_on(&rules::sources(root()));
    let stale = HANDED_ON.iter().find(|(who, what, _)| !handed_on.contains(&((*who).to_owned(), (*what).to_owned())));
    assert_eq!(stale, None, "nobody hands this on any more: take it out of HANDED_ON");
    assert!(findings.is_empty(), "{} broken rule(s):\n{}", list.len(), list.join("\n"));
}

#[test]
fn what_exceeds_the_size_budget_has_its_reason() {
    let over = rules::over_budget(&rules::sources(root()));
    // Straight to standard error: the test runner holds back what a passing test prints.
    let mut out = std::io::stderr().lock();
    for large in &over {
        let reason = EXCEPTIONS.iter().find(|(name, _)| *name == large.name).map_or("NO REASON GIVEN", |(_, reason)| reason);
        let _ = writeln!(out, "over budget: {} takes {} lines of {}: {reason}", large.name, large.size, large.budget);
    }
    let _ = writeln!(out, "over budget: {} in all, the budget is {FILE_LINES} lines a file and {FUNCTION_LINES} a function", over.len());
    assert!(EXCEPTIONS.iter().all(|(_, reason)| reason.split_whitespace().count() >= 4), "every exception says its reason in words");
}

#[test]
fn every_test_named_in_the_pages_exists() {
    let missing = guarantees::missing(root());
    assert!(missing.is_empty(), "pages name tests that are not in the sources, or rows have none:\n{}", missing.join("\n"));
}

#[test]
fn dependencies_keep_the_rules_of_deny_toml() {
    let faults = dependencies::faults(root());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

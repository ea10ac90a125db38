use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::registry::{Overrides, SecretHash, TokenFormat};

fn public() -> Client {
    Client {
        id: "app".into(),
        kind: ClientType::Public,
        secrets: vec![],
        keys: vec![],
        grants: BTreeSet::from([Grant::RefreshToken]),
        scopes: "read mintage:me".parse().unwrap(),
        audiences: vec!["https://api.example".into()],
        opens_for: OpensFor::These(BTreeSet::new()),
        format: TokenFormat::Jwt,
        origins: vec!["https://app.example".into(), "http://localhost:5173".into()],
        overrides: Overrides::default(),
        rotates: true,
        dpop_bound: false,
        sessions_per_slot: Some(5),
        disabled: false,
    }
}

fn backend() -> Client {
    Client {
        id: "backend".into(),
        kind: ClientType::Confidential,
        secrets: vec![SecretHash::of(b"one")],
        keys: vec![],
        grants: BTreeSet::from([Grant::ClientCredentials]),
        scopes: "mintage:sessions.open".parse().unwrap(),
        opens_for: OpensFor::These(BTreeSet::from(["app".into()])),
        ..public()
    }
}

fn registry() -> Registry {
    let clients = [public()].into_iter().map(|client| (client.id.clone(), Arc::new(client))).collect();
    Registry { defaults: Lifetimes::default(), clients, resource_servers: Default::default() }
}

/// Where the faults are, and the names of what is wrong.
fn fields(client: &Client) -> Vec<(&'static str, String)> {
    let name = |problem: &ClientProblem| format!("{problem:?}").chars().take_while(char::is_ascii_alphanumeric).collect();
    registry().faults(client).iter().map(|fault| (fault.field, name(&fault.problem))).collect()
}

fn only(field: &'static str, problem: &str) -> Vec<(&'static str, String)> {
    vec![(field, problem.to_owned())]
}

#[test]
fn good_registrations_have_no_fault() {
    assert_eq!(fields(&public()), []);
    assert_eq!(fields(&backend()), []);
}

#[test]
fn all_faults_of_a_registration_are_found_at_once() {
    let wrong = Client {
        id: "a b".into(),
        grants: BTreeSet::from([Grant::ClientCredentials]),
        scopes: "mintage:revoke mintage:revok".parse().unwrap(),
        audiences: vec!["api".into()],
        origins: vec!["https://app.example/".into()],
        rotates: false,
        sessions_per_slot: Some(0),
        ..public()
    };
    let expected = [
        ("id", "BadId"),
        ("grants", "GrantNeedsSecret"),
        ("rotates", "MustRotate"),
        ("scopes", "UnknownScope"),
        ("scopes", "ScopeNeedsSecret"),
        ("audiences", "BadAudience"),
        ("origins", "BadOrigin"),
        ("sessions_per_slot", "BadSlotLimit"),
    ];
    let expected: Vec<_> = expected.iter().map(|(field, problem)| (*field, (*problem).to_owned())).collect();
    assert_eq!(fields(&wrong), expected);
}

#[test]
fn a_pause_below_the_window_is_refused_but_for_zero() {
    let with = |window: u64, pause: u64| {
        let overrides = Overrides {
            retry_window: Some(Duration::from_secs(window)),
            rotation_pause: Some(Duration::from_secs(pause)),
            ..Overrides::default()
        };
        fields(&Client { overrides, ..public() })
    };
    assert_eq!(with(30, 30), []);
    assert_eq!(with(30, 0), []);
    assert_eq!(with(30, 29), only("rotation_pause", "PauseBelowWindow"));
    let window_only = Overrides { retry_window: Some(Duration::from_secs(31)), ..Overrides::default() };
    assert_eq!(fields(&Client { overrides: window_only, ..public() }), only("rotation_pause", "PauseBelowWindow"));
}

#[test]
fn a_misspelt_scope_is_told_what_was_meant() {
    let problem = ClientProblem::UnknownScope("mintage:sesions.open".into());
    assert_eq!(problem.fix(), "did you mean \"mintage:sessions.open\"?");
}

#[test]
fn who_opens_sessions_names_clients_that_exist() {
    let backend = Client { opens_for: OpensFor::These(BTreeSet::from(["ap".into()])), ..backend() };
    assert_eq!(fields(&backend), only("opens_for", "UnknownClient"));
}

#[test]
fn origins_are_as_browsers_send_them() {
    for good in ["https://app.example", "https://app.example:8443", "http://localhost:5173", "http://127.0.0.1:3000", "http://[::1]:3000"] {
        assert!(is_origin(good), "{good}");
    }
    for wrong in [
        "*",
        "null",
        "app.example",
        "https://",
        "https://App.example",
        "https://app.example/",
        "https://app.example:443",
        "https://app.example:",
        "https://app.example:0443",
        "https://user@app.example",
        "https://*.example",
        "http://app.example",
        "http://localhost:80",
        "file://x",
    ] {
        assert!(!is_origin(wrong), "{wrong}");
    }
}

#[test]
fn audiences_are_absolute_uris() {
    for good in ["https://api.example", "urn:example:api", "https://api.example/v1?x=1"] {
        assert!(is_audience(good), "{good}");
    }
    for wrong in ["", "api", "https:", "https://", "https://api.example/#part", "https://api example", ":x", "1a:b"] {
        assert!(!is_audience(wrong), "{wrong}");
    }
}

//! `data/` and `keys/` of different times: what the operator is told, and that nothing is un-revoked.

use std::fs;
use std::time::Duration;

use super::api::{Api, Login};
use super::check::block_on;
use super::say;
use super::server::{Place, Server};

pub(crate) fn refused(place: &Place) -> String {
    match place.try_serve() {
        Ok(_) => panic!("it started"),
        Err(said) => {
            say(&format!("the operator sees: {}", said.trim_end()));
            said
        }
    }
}

pub(crate) fn end(server: Server) {
    let stopped = server.stop();
    assert_eq!(stopped.status, Some(0), "{}", stopped.said);
}

pub(crate) fn login(server: &Server) -> Login {
    block_on(Api::new(&server.url).login("alice", "app"))
}

pub(crate) fn revoke(server: &Server, login: &Login) {
    let answer = block_on(Api::new(&server.url).end(&login.sid)).0;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

pub(crate) fn must_be_void(server: &Server, login: &Login) {
    let api = Api::new(&server.url);
    block_on(async {
        for token in [&login.access, &login.refresh] {
            assert!(!api.is_active(token).await, "un-revoked");
        }
        assert_eq!(api.refresh(&login.refresh).await.0.status, 400);
    });
}

/// A node that runs, a login of an earlier run, and in `data.then` the state between the two.
pub(crate) fn with_older_data() -> (Place, Server, Login) {
    let place = Place::new();
    let server = place.serve();
    let login = login(&server);
    end(server);
    place.put("data.then", &place.path("data"));
    let server = place.serve();
    (place, server, login)
}

/// The way that the messages and docs/operations.md name: everything void, on what state and keys there are.
pub(crate) fn restore_what_there_is(place: &Place) -> Server {
    for command in
        [&["backup", "--data", "data", "--to", "last.backup"][..], &["restore", "last.backup", "--data", "data.new", "--keys", "keys"]]
    {
        let (status, out, err) = place.run(command);
        assert_eq!(status, Some(0), "{err}");
        say(&format!("mintage {}: {}", command.join(" "), out.trim_end()));
    }
    fs::rename(place.path("data"), place.path("data.old")).unwrap();
    fs::rename(place.path("data.new"), place.path("data")).unwrap();
    let server = place.serve();
    let login = login(&server);
    assert!(block_on(Api::new(&server.url).is_active(&login.access)), "whoever signs in again is in");
    server
}

#[test]
fn older_data_beside_newer_keys_does_not_start() {
    let (place, server, login) = with_older_data();
    revoke(&server, &login);
    end(server);
    place.put("data.now", &place.path("data"));
    place.put("data", &place.path("data.then"));
    for _ in 0..2 {
        let said = refused(&place);
        assert!(said.contains("older than the keys") && said.contains("Put the newest state back"), "{said}");
    }
    place.put("data", &place.path("data.now"));
    let server = place.serve();
    must_be_void(&server, &login);
    end(server);
    place.put("data", &place.path("data.then"));
    let server = restore_what_there_is(&place);
    must_be_void(&server, &login);
    drop(server);
    drop(place.serve());
}

#[test]
fn older_data_is_noticed_after_kill_9_too() {
    let (place, server, login) = with_older_data();
    let mark = || fs::read_to_string(place.path("keys/store.mark")).unwrap();
    let at_start = mark();
    revoke(&server, &login);
    let entries = |mark: &str| mark.split(' ').nth(1).unwrap().parse::<u64>().unwrap();
    let follows = (0..3_000).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        entries(&mark()) != entries(&at_start)
    });
    assert!(follows, "the mark stands still: {}", mark());
    server.kill();
    place.put("data.now", &place.path("data"));
    place.put("data", &place.path("data.then"));
    assert!(refused(&place).contains("older than the keys"));
    place.put("data", &place.path("data.now"));
    must_be_void(&place.serve(), &login);
}

#[test]
fn newer_data_beside_older_keys_revives_no_key_and_misses_those_made_since() {
    let place = Place::new();
    let server = place.serve();
    end(server);
    place.put("keys.then", &place.path("keys"));
    let server = place.serve();
    let login = login(&server);
    let api = Api::new(&server.url);
    let kid = kid_of(&login.access);
    let answer = block_on(api.call("POST", &format!("/v1/keys/{kid}/revoke"), None));
    assert_eq!(answer.status, 200, "{}", answer.body);
    end(server);
    place.put("keys.now", &place.path("keys"));
    // The revocation made a new standby, which the older folder lacks.
    place.put("keys", &place.path("keys.then"));
    let said = refused(&place);
    assert!(said.contains("missing") && said.contains("keys"), "{said}");
    // With it, and the older file of the revoked key, the node starts: the log still knows.
    place.put("keys", &place.path("keys.now"));
    let file = format!("{kid}.json");
    fs::copy(place.path("keys.then").join(&file), place.path("keys").join(&file)).unwrap();
    let server = place.serve();
    let api = Api::new(&server.url);
    block_on(async {
        assert!(!api.is_active(&login.access).await, "un-revoked");
        assert!(!api.published().await.contains(&kid), "a revoked key is published again");
    });
}

/// The key that a token names.
fn kid_of(jwt: &str) -> String {
    use base64::Engine as _;
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(jwt.split('.').next().unwrap()).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[test]
fn lost_data_beside_the_keys_voids_what_they_signed() {
    let place = Place::new();
    let server = place.serve();
    let (revoked, alive) = (login(&server), login(&server));
    revoke(&server, &revoked);
    end(server);
    fs::remove_dir_all(place.path("data")).unwrap();
    let server = place.serve();
    let said = server.said();
    assert!(said.contains("the store is new and the keys are not"), "{said}");
    say(&format!("the operator sees: {}", said.lines().find(|line| line.contains("the store is new")).unwrap()));
    must_be_void(&server, &revoked);
    must_be_void(&server, &alive);
}

/// Which files, by their names.
type Files = fn(&str) -> bool;

fn key_files(place: &Place, is_wanted: Files) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(place.path("keys")).unwrap().map(|file| file.unwrap().path());
    files
        .filter(|file| file.extension().is_some_and(|end| end == "json") && is_wanted(&file.file_name().unwrap().to_string_lossy()))
        .collect()
}

#[test]
fn lost_keys_are_never_replaced_silently_and_cost_the_logins_not_the_clients() {
    let is_mac: Files = |name| name.starts_with("mac-");
    let cases: [(&str, Files, usize, &str); 3] = [
        ("all", |_| true, 99, "are missing"),
        ("one signing key", |name| !name.starts_with("mac-"), 1, "is missing"),
        ("the mac keys", is_mac, 99, "missing"),
    ];
    for (which, is_wanted, how_many, message) in cases {
        let place = Place::new();
        let server = place.serve();
        let before = login(&server);
        let client = serde_json::json!({ "id": "shop", "type": "public", "grants": ["refresh_token"], "scopes": ["read"], "audiences": ["https://api.example"] });
        assert_eq!(block_on(Api::new(&server.url).call("POST", "/v1/clients", Some(&client))).status, 201);
        end(server);
        for file in key_files(&place, is_wanted).iter().take(how_many) {
            fs::remove_file(file).unwrap();
        }
        let left = key_files(&place, |_| true);
        let said = refused(&place);
        assert!(said.contains(message) && said.contains("Lost keys"), "{which}: {said}");
        assert_eq!(key_files(&place, |_| true), left, "no key was made");
        let server = restore_what_there_is(&place);
        must_be_void(&server, &before);
        let clients = block_on(Api::new(&server.url).call("GET", "/v1/clients", None));
        assert!(clients.body["items"].as_array().unwrap().iter().any(|client| client["id"] == "shop"), "{which}: {}", clients.body);
    }
}

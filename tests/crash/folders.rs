//! Folders that two nodes share, that lack a file, or that others may use: what the operator is told, and that nothing is un-revoked.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use super::ages::{end, login, must_be_void, refused, restore_what_there_is, revoke, with_older_data};
use super::server::Place;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn a_second_node_on_the_same_keys_is_refused_and_changes_nothing() {
    let place = Place::new();
    let server = place.serve();
    let before = login(&server);
    let other = place.without_folders();
    let keys = place.path("keys").display().to_string();
    for _ in 0..2 {
        let said = other.try_serve_at(other.port, &["--keys", &keys, "--data", "data"]).map(drop).unwrap_err();
        assert!(said.contains(&keys) && said.contains("another mintage holds it") && said.contains("stop it first"), "{said}");
    }
    assert!(!other.path("data").exists(), "it made nothing");
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/ed25519.pem");
    let (status, _, err) = place.run(&["keys", "import", key, "--keys", "keys"]);
    assert_eq!(status, Some(0), "a command still comes in: {err}");
    revoke(&server, &before);
    server.kill();
    let server = place.serve();
    must_be_void(&server, &before);
    end(server);
}

#[test]
fn keys_that_lost_the_mark_do_not_start_a_state_that_had_one() {
    let (place, server, before) = with_older_data();
    revoke(&server, &before);
    end(server);
    place.put("data", &place.path("data.then"));
    let mark = place.path("keys/store.mark");
    fs::remove_file(&mark).unwrap();
    for _ in 0..2 {
        let said = refused(&place);
        assert!(said.contains("store.mark is missing") && said.contains("mintage backup"), "{said}");
    }
    assert!(!mark.exists(), "a refused start makes none");
    assert!(Command::new("mkfifo").arg("-m").arg("600").arg(&mark).status().unwrap().success());
    assert!(refused(&place).contains("store.mark: not a file"));
    fs::remove_file(&mark).unwrap();
    fs::write(&mark, "0 0 0\n").unwrap();
    set_mode(&mark, 0o666);
    let said = refused(&place);
    assert!(said.contains("chmod 600") && said.contains("store.mark"), "{said}");
    fs::remove_file(&mark).unwrap();
    must_be_void(&restore_what_there_is(&place), &before);
}

#[test]
fn an_empty_store_file_is_damage_and_what_a_first_start_left_is_not() {
    let place = Place::new();
    fs::create_dir(place.path("data")).unwrap();
    set_mode(&place.path("data"), 0o700);
    fs::write(place.path("data/store.redb.unfinished"), "").unwrap();
    let server = place.serve();
    assert!(!place.path("data/store.redb.unfinished").exists());
    let before = login(&server);
    end(server);
    let store = place.path("data/store.redb");
    fs::write(&store, "").unwrap();
    let said = refused(&place);
    assert!(said.contains("store.redb: it is empty") && said.contains("restore it from a backup"), "{said}");
    assert_eq!(fs::metadata(&store).unwrap().len(), 0, "it is left alone");
    fs::rename(&store, place.path("store.empty")).unwrap();
    must_be_void(&place.serve(), &before);
}

#[test]
fn a_state_that_others_may_write_is_refused_and_one_that_they_may_read_is_closed() {
    let place = Place::new();
    end(place.serve());
    for (name, bad, good) in [("data", 0o777, "chmod 700"), ("data", 0o770, "chmod 700"), ("data/store.redb", 0o666, "chmod 600")] {
        let path = place.path(name);
        let was = mode(&path);
        set_mode(&path, bad);
        let said = refused(&place);
        assert!(said.contains(name) && said.contains(good), "{name}: {said}");
        assert_eq!(mode(&path), bad, "whoever finds it looks at it first");
        set_mode(&path, was);
    }
    set_mode(&place.path("data"), 0o755);
    set_mode(&place.path("data/store.redb"), 0o644);
    end(place.serve());
    assert_eq!((mode(&place.path("data")), mode(&place.path("data/store.redb"))), (0o700, 0o600));
}

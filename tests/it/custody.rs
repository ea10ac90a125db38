//! Custody of keys: what a start refuses, sealing, imported keys, emergencies.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::wire::{is_problem, part_of};

const SEALED: &str = "passphrase_file = \"{dir}/passphrase\"\n";
const RS256: &str = "[signing]\nalgorithm = \"RS256\"\n";
const RSA: [&str; 2] = ["rsa-2048-a.pem", "rsa-2048-b.pem"];

/// Every file in `keys/`, the page about it excepted, with its content.
pub(crate) fn key_files(app: &TestApp) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(app.folder().join("keys")).expect("the folder").map(|entry| entry.expect("an entry").path());
    let keys = files.filter(|path| path.extension().is_some_and(|end| end == "json") && path.is_file());
    keys.map(|path| (path.clone(), fs::read(path).expect("a key file"))).collect()
}

pub(crate) fn passphrase(app: &TestApp, text: &str) {
    let path = app.folder().join("passphrase");
    fs::write(&path, text).expect("the passphrase");
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("its rights");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the folder") {
        let path = entry.expect("an entry").path();
        let copied = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &copied);
        } else {
            fs::copy(&path, copied).expect("copied");
        }
    }
}

/// `mintage keys …` on the folder of this node.
pub(crate) fn command(app: &TestApp, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mintage"));
    command.env_clear().arg("keys").args(arguments).arg("--keys").arg(app.folder().join("keys")).envs(variables.iter().copied());
    command
}

fn keys(app: &TestApp, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    command(app, arguments, variables).output().expect("the command runs")
}

fn import(app: &TestApp, name: &str) -> Output {
    keys(app, &["import", &format!("{}/tests/keys/{name}", env!("CARGO_MANIFEST_DIR"))], &[])
}

fn imported(app: &TestApp, name: &str) -> String {
    let output = import(app, name);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

async fn listed(app: &TestApp) -> Value {
    app.get("/v1/keys", &app.admin().await).await.must_be(200).body
}

async fn state_of(app: &TestApp, kid: &str) -> String {
    let list = listed(app).await;
    let key = list["items"].as_array().expect("items").iter().find(|key| key["kid"] == kid).expect("the key").clone();
    key["state"].as_str().expect("a state").to_owned()
}

async fn revoke_key(app: &TestApp, kid: &str) {
    app.post(&format!("/v1/keys/{kid}/revoke"), &app.admin().await, &json!({})).await.must_be(200);
}

fn kid_of(token: &str) -> String {
    part_of(token, 0)["kid"].as_str().expect("a kid").to_owned()
}

/// Empties both folders, as on a new machine.
async fn anew(app: &mut TestApp, file: &str) {
    app.stop().await;
    for folder in ["keys", "data"] {
        fs::remove_dir_all(app.folder().join(folder)).expect("emptied");
    }
    app.configure(file);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_or_foreign_keys_stop_the_start_and_no_file_is_touched() {
    type Damage = fn(&Path, &Path);
    let damages: [(&str, Damage, &[&str]); 9] = [
        ("cut short", |file, _| fs::write(file, &fs::read(file).unwrap()[..40]).unwrap(), &["cut off", "backup"]),
        ("overwritten", |file, _| fs::write(file, "{}\n").unwrap(), &["not a key file", "backup"]),
        ("of an unknown version", |file, _| fs::write(file, "{\"version\": 9}\n").unwrap(), &["version 9", "start the version"]),
        ("missing", |file, _| fs::remove_file(file).unwrap(), &["missing", "Put the folder back"]),
        (
            "under another name",
            |file, _| fs::rename(file, file.with_file_name("other.json")).unwrap(),
            &["its name does not say", "backup"],
        ),
        ("open to others", |file, _| fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap(), &["mode 0644", "chmod 600"]),
        (
            "a folder",
            |file, _| {
                fs::remove_file(file).unwrap();
                fs::create_dir(file).unwrap()
            },
            &["not a file", "move it away"],
        ),
        ("all missing", |_, keys| fs::remove_dir_all(keys).unwrap(), &["are missing", "Put the folder back"]),
        (
            "of another deployment",
            |_, keys| {
                fs::remove_dir_all(keys).unwrap();
                copy(&keys.with_file_name("others"), keys);
            },
            &["missing", "Put the folder back"],
        ),
    ];
    let mut other = TestApp::start().await;
    other.stop().await;
    let mut refused = 0;
    for (name, damage, words) in damages {
        for kind in ["signing", "mac"] {
            let mut app = TestApp::start().await;
            app.stop().await;
            copy(&other.folder().join("keys"), &app.folder().join("others"));
            let is_mac = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("mac-"));
            let file = key_files(&app).into_keys().find(|path| is_mac(path) == (kind == "mac")).expect("a key file");
            damage(&file, &app.folder().join("keys"));
            let before = if app.folder().join("keys").is_dir() { key_files(&app) } else { BTreeMap::new() };
            let fault = app.try_begin().await.expect_err("refused");
            assert!(words.iter().all(|word| fault.contains(word)) && fault.contains("keys"), "{kind} {name}: {fault}");
            assert_eq!(key_files(&app), before, "{kind} {name}: nothing is repaired, nothing is made");
            refused += 1;
        }
    }
    println!("starts refused with path, reason and fix, keys/ untouched: {refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_was_cut_off_leaves_the_ring_as_it_was() {
    let mut app = TestApp::start().await;
    let session = app.open("alice").await;
    app.stop().await;
    let before = key_files(&app);
    let (file, content) = before.iter().next().expect("a key file");
    let unfinished = file.with_file_name(format!(".{}.unfinished", file.file_stem().expect("a name").to_string_lossy()));
    fs::write(&unfinished, &content[..content.len() / 2]).expect("half a write");
    app.restart().await;
    assert_eq!(key_files(&app), before);
    assert!(app.is_active(&session.access).await);
    app.refresh(&session.refresh).await.must_be(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_from_before_and_data_from_after_do_not_start_and_the_other_way_round_they_do() {
    let mut app = TestApp::start().await;
    app.stop().await;
    let (keys, data) = (app.folder().join("keys"), app.folder().join("data"));
    copy(&keys, &app.folder().join("keys-before"));
    copy(&data, &app.folder().join("data-before"));
    app.restart().await;
    app.post("/v1/keys", &app.admin().await, &json!({})).await.must_be(201);
    let session = app.open("alice").await;
    app.stop().await;
    copy(&keys, &app.folder().join("keys-after"));
    fs::remove_dir_all(&keys).expect("moved away");
    copy(&app.folder().join("keys-before"), &keys);
    let fault = app.try_begin().await.expect_err("a key of the store is missing");
    assert!(fault.contains("missing"), "{fault}");
    fs::remove_dir_all(&keys).expect("moved away");
    copy(&app.folder().join("keys-after"), &keys);
    fs::remove_dir_all(&data).expect("moved away");
    copy(&app.folder().join("data-before"), &data);
    app.restart().await;
    app.refresh(&session.refresh).await.must_be(400).must_be_error("invalid_grant");
    app.open("alice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_passphrase_the_key_files_are_sealed_at_the_next_start() {
    let mut app = TestApp::start().await;
    let session = app.open("alice").await;
    app.stop().await;
    let plain = key_files(&app);
    passphrase(&app, "correct horse battery staple\n");
    app.configure(SEALED);
    app.restart().await;
    assert!(app.is_active(&session.access).await);
    app.refresh(&session.refresh).await.must_be(200);
    app.post("/v1/keys", &app.admin().await, &json!({})).await.must_be(201);
    app.stop().await;
    let sealed = key_files(&app);
    assert_eq!(sealed.len(), plain.len() + 1, "what is made later is sealed too");
    for (path, bytes) in &sealed {
        let text = String::from_utf8(bytes.clone()).expect("text");
        assert!(text.contains("argon2id") && !text.contains("private"), "{}", path.display());
    }
    let refused = [
        ("", Some("correct horse battery staple"), ["sealed", "passphrase_file"]),
        (SEALED, Some("another phrase altogether"), ["does not open it", "passphrase file"]),
        (SEALED, Some("short"), ["fewer than 16", "openssl rand"]),
        (SEALED, None, ["passphrase", "let this process"]),
    ];
    for (file, text, words) in refused {
        app.configure(file);
        match text {
            Some(text) => passphrase(&app, text),
            None => fs::remove_file(app.folder().join("passphrase")).expect("removed"),
        }
        let fault = app.try_begin().await.expect_err("refused");
        assert!(words.iter().all(|word| fault.contains(word)), "{fault}");
        assert_eq!(key_files(&app), sealed, "nothing is changed");
    }
    passphrase(&app, "correct horse battery staple");
    fs::set_permissions(app.folder().join("passphrase"), Permissions::from_mode(0o640)).expect("its rights");
    let fault = app.try_begin().await.expect_err("others can read it");
    assert!(fault.contains("chmod 600") && fault.contains("passphrase"), "{fault}");
    passphrase(&app, "correct horse battery staple");
    app.restart().await;
    app.open("bob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_passphrase_is_changed_offline_and_can_be_taken_off() {
    let mut app = TestApp::start().await;
    let session = app.open("alice").await;
    passphrase(&app, "correct horse battery staple");
    let first = app.folder().join("passphrase").display().to_string();
    let running = keys(&app, &["seal", "--passphrase-file", &first], &[]);
    assert_eq!(running.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&running.stderr).contains("stop the node"), "{running:?}");
    app.stop().await;
    assert!(keys(&app, &["seal", "--passphrase-file", &first], &[]).status.success());
    let second = app.folder().join("second").display().to_string();
    fs::rename(&first, &second).expect("kept");
    passphrase(&app, "another phrase altogether");
    let changed = keys(&app, &["seal", "--passphrase-file", &first], &[("MINTAGE_PASSPHRASE_FILE", &second)]);
    assert!(changed.status.success(), "{changed:?}");
    app.configure(SEALED);
    app.restart().await;
    assert!(app.is_active(&session.access).await);
    app.stop().await;
    let wrong = keys(&app, &["unseal"], &[("MINTAGE_PASSPHRASE_FILE", &second)]);
    assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");
    assert!(keys(&app, &["unseal"], &[("MINTAGE_PASSPHRASE_FILE", &first)]).status.success());
    app.configure("");
    app.restart().await;
    app.refresh(&session.refresh).await.must_be(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_rsa_key_signs_the_jwts_of_a_new_deployment() {
    let mut app = TestApp::start().await;
    anew(&mut app, RS256).await;
    let fault = app.try_begin().await.expect_err("no RSA key can be made here");
    assert!(fault.contains("RS256") && fault.contains("mintage keys import FILE"), "{fault}");
    assert!(key_files(&app).is_empty(), "and none of another kind is made in its place");
    let kid = imported(&app, RSA[0]);
    app.restart().await;
    let session = app.open("alice").await;
    assert_eq!((kid_of(&session.access), part_of(&session.access, 0)["alg"].clone()), (kid.clone(), json!("RS256")));
    assert!(app.is_active(&session.access).await);
    let set = app.send(app.request(reqwest::Method::GET, "/.well-known/jwks.json")).await.must_be(200).body;
    assert_eq!(
        (set["keys"].as_array().map(Vec::len), &set["keys"][0]["kty"], &set["keys"][0]["alg"]),
        (Some(1), &json!("RSA"), &json!("RS256"))
    );
    let again = import(&app, RSA[0]);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("already"), "{again:?}");

    let warnings = listed(&app).await["warnings"].clone();
    assert!(warnings[0].as_str().is_some_and(|warning| warning.contains("keys import")), "no standby: {warnings}");
    let admin = app.admin().await;
    is_problem(&app.post(&format!("/v1/keys/{kid}/retire"), &admin, &json!({})).await, 409, "no_standby");
    is_problem(&app.post("/v1/keys", &admin, &json!({ "algorithm": "RS256" })).await, 400, "unsupported");
    app.clock.advance(Duration::from_secs(40 * 86_400));
    app.pass(Duration::from_secs(4)).await;
    app.tend().await;
    assert_eq!(kid_of(&app.open("alice").await.access), kid, "with no standby it signs on beyond its time");

    let next = imported(&app, RSA[1]);
    app.tend().await;
    assert_eq!(state_of(&app, &next).await, "announced");
    assert_eq!(listed(&app).await["warnings"], json!([]));
    let session = app.open("alice").await;
    revoke_key(&app, &kid).await;
    assert!(!app.is_active(&session.access).await);
    let refreshed = app.refresh(&session.refresh).await.must_be(200);
    assert_eq!(kid_of(&refreshed.text("/access_token")), next, "the standby signs at once");
    app.restart().await;
    assert!(app.is_active(&refreshed.text("/access_token")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_deployment_moves_to_rs256_without_losing_a_token() {
    let mut app = TestApp::start().await;
    let before = app.open("alice").await;
    app.pass(Duration::from_secs(1)).await;
    let kid = imported(&app, RSA[0]);
    assert_eq!(kid_of(&app.open("alice").await.access), kid_of(&before.access));
    app.tend().await;
    app.pass(Duration::from_secs(1)).await;
    let list = listed(&app).await;
    let standby = list["items"].as_array().expect("items").iter().find(|key| key["algorithm"] == "EdDSA" && key["state"] == "announced");
    revoke_key(&app, standby.expect("a standby")["kid"].as_str().expect("a kid")).await;
    app.stop().await;
    app.configure(RS256);
    app.restart().await;
    assert_eq!(state_of(&app, &kid).await, "announced");
    app.post("/v1/keys/rotate", &app.admin().await, &json!({})).await.must_be(200);
    app.pass(Duration::from_secs(60)).await;
    assert_ne!(kid_of(&app.open("alice").await.access), kid, "caches may not have it yet");
    app.clock.advance(Duration::from_secs(600));
    app.pass(Duration::from_secs(4)).await;
    let token = app.open("alice").await.access;
    assert_eq!(kid_of(&token), kid);
    app.refresh(&before.refresh).await.must_be(200);
    app.tend().await;
    app.clock.advance(Duration::from_secs(40 * 86_400));
    app.pass(Duration::from_secs(4)).await;
    app.tend().await;
    assert_eq!(kid_of(&app.open("alice").await.access), kid, "the standby that was passed over does not come back");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_good_private_key_is_not_imported() {
    let app = TestApp::start().await;
    let before = key_files(&app);
    for (name, word) in [
        ("rsa-1024.pem", "2048"),
        ("rsa-2048-e3.pem", "65537"),
        ("rsa-pss-2048.pem", "unsupported"),
        ("p384.pem", "unsupported"),
        ("rsa-2048-b.pub.pem", "PKCS#8"),
        ("rsa-1024.jwk.json", "2048"),
        ("p384.jwk.json", "unsupported"),
    ] {
        let output = import(&app, name);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(word) && said.contains(name), "{name}: {said}");
    }
    assert_eq!(key_files(&app), before);
    let kid = imported(&app, "rsa-2048-a.jwk.json");
    let again = import(&app, "rsa-2048-a.pem");
    assert!(String::from_utf8_lossy(&again.stderr).contains(&kid), "the same key in another form is the same: {again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_private_key_is_imported_for_one_algorithm_and_out_of_one_file() {
    let app = TestApp::start().await;
    let at = |name: &str| format!("{}/tests/keys/{name}", env!("CARGO_MANIFEST_DIR"));
    let two = app.folder().join("two.pem");
    fs::write(&two, [fs::read(at("ed25519.pem")).expect("a key"), fs::read(at("p256.pem")).expect("a key")].concat()).expect("written");
    let before = key_files(&app);
    let both = keys(&app, &["import", &two.display().to_string()], &[]);
    let said = String::from_utf8_lossy(&both.stderr).into_owned();
    assert!(both.status.code() == Some(1) && said.contains("a file of its own") && key_files(&app) == before, "{said}");

    let kid = imported(&app, "ed25519.pem");
    let before = key_files(&app);
    for (name, algorithm) in [("ed25519.pem", "v4.public"), ("ed25519.jwk.json", "Ed25519"), ("ed25519.pem", "EdDSA")] {
        let output = keys(&app, &["import", "--algorithm", algorithm, &at(name)], &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(&kid) && said.contains("EdDSA"), "{algorithm}: {said}");
    }
    assert_eq!(key_files(&app), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_imports_a_file_that_others_may_read_is_warned() {
    let app = TestApp::start().await;
    let copied = |from: &str, mode: u32| {
        let path = app.folder().join(from);
        fs::copy(format!("{}/tests/keys/{from}", env!("CARGO_MANIFEST_DIR")), &path).expect("copied");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its rights");
        let output = keys(&app, &["import", &path.display().to_string()], &[]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(!copied("ed25519.pem", 0o600).contains("warning"));
    let said = copied("p256.pem", 0o644);
    assert!(said.contains("warning") && said.contains("mode 0644"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_that_goes_while_the_node_runs_is_missed_and_not_replaced() {
    let app = TestApp::start().await;
    let session = app.open("alice").await;
    let kid = kid_of(&session.access);
    for name in [format!("{kid}.json"), "mac-1.json".to_owned()] {
        let (file, away) = (app.folder().join("keys").join(&name), app.folder().join(&name));
        fs::rename(&file, &away).expect("taken away");
        let before = key_files(&app);
        app.tend().await;
        assert_eq!(key_files(&app), before, "nothing is made in its place");
        is_problem(&app.post("/v1/keys", &app.admin().await, &json!({})).await, 503, "key_folder");
        assert_eq!(kid_of(&app.open("bob").await.access), kid, "the node goes on with what it has read");
        assert!(app.is_active(&session.access).await);
        fs::rename(&away, &file).expect("put back");
        app.tend().await;
        assert_eq!(key_files(&app).len(), before.len() + 1);
    }
    app.post("/v1/keys", &app.admin().await, &json!({})).await.must_be(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_a_key_does_not_wait_for_the_disk_and_no_old_file_undoes_it() {
    let mut app = TestApp::start().await;
    // So that a standby made later is younger than the first.
    app.pass(Duration::from_secs(1)).await;
    let session = app.open("alice").await;
    let kid = kid_of(&session.access);
    let (keys, away) = (app.folder().join("keys"), app.folder().join("away"));
    fs::rename(&keys, &away).expect("moved away");
    fs::write(&keys, "not a folder").expect("in its place");
    revoke_key(&app, &kid).await;
    assert!(!app.is_active(&session.access).await);
    let next = app.refresh(&session.refresh).await.must_be(200).text("/access_token");
    assert_ne!(kid_of(&next), kid, "the next request is answered with another key");
    assert!(app.is_active(&next).await);
    revoke_key(&app, &kid).await;
    fs::remove_file(&keys).expect("moved away");
    fs::rename(&away, &keys).expect("put back");
    let old = key_files(&app);
    app.tend().await;
    assert_eq!(state_of(&app, &kid).await, "revoked");
    assert_eq!(kid_of(&app.open("alice").await.access), kid_of(&next));
    app.stop().await;
    for (path, content) in &old {
        fs::write(path, content).expect("a key file from before");
    }
    app.restart().await;
    assert_eq!(state_of(&app, &kid).await, "revoked", "the log says so");
    assert!(!app.is_active(&session.access).await);
    assert_eq!(kid_of(&app.open("alice").await.access), kid_of(&next));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_both_formats_a_revoked_key_is_replaced_at_once_and_a_revoked_standby_by_another() {
    let file = "[[clients]]\nid = \"sealed\"\ntype = \"public\"\ngrants = [\"refresh_token\"]\nformat = \"paseto\"\naudiences = [\"https://api.example\"]\n\
                [[clients]]\nid = \"app\"\ntype = \"public\"\ngrants = [\"refresh_token\"]\naudiences = [\"https://api.example\"]\n\
                [[clients]]\nid = \"admin\"\ntype = \"confidential\"\nsecret_file = \"{dir}/secret\"\ngrants = [\"client_credentials\"]\n\
                scopes = [\"mintage:keys\", \"mintage:revoke.all\", \"mintage:sessions.open\"]\nopens_for = [\"*\"]\n";
    let mut app = TestApp::with_files(file, &[("secret", crate::app::ADMIN_SECRET)]).await;
    for (client, algorithm, set) in [("app", "EdDSA", "/.well-known/jwks.json"), ("sealed", "v4.public", "/.well-known/paserk.json")] {
        let in_state = async |app: &TestApp, state: &str| {
            let list = listed(app).await;
            let found = list["items"].as_array().expect("items").iter().find(|key| key["algorithm"] == algorithm && key["state"] == state);
            found.expect("a key")["kid"].as_str().expect("a kid").to_owned()
        };
        let published = async |app: &TestApp| app.send(app.request(reqwest::Method::GET, set)).await.must_be(200);
        let (active, standby) = (in_state(&app, "active").await, in_state(&app, "announced").await);
        revoke_key(&app, &standby).await;
        let next = in_state(&app, "announced").await;
        assert_ne!(next, standby);
        let session = app.open_with(json!({ "subject": "alice", "client_id": client })).await;
        let admin = app.admin().await;
        revoke_key(&app, &active).await;
        assert_eq!(in_state(&app, "active").await, next, "{client}");
        assert!(!published(&app).await.text.contains(&active) && !published(&app).await.text.contains(&standby));
        assert!(published(&app).await.text.contains(&next));
        assert_eq!(published(&app).await.headers["cache-control"], "public, max-age=30", "everybody shall know the new standby soon");
        let refreshed = app.refresh_at(client, &session.refresh).await.must_be(200).text("/access_token");
        assert!(client != "app" || kid_of(&refreshed) == next, "the very next request is answered with the standby");
        for _ in 0..2 {
            if algorithm == "EdDSA" {
                app.get("/v1/keys", &admin).await.must_be(401);
                app.get("/v1/keys", &session.access).await.must_be(401);
            }
            let asked = app.form_as("/oauth/introspect", "admin", crate::app::ADMIN_SECRET, &[("token", &session.access)]).await;
            assert_eq!(asked.must_be(200).body["active"], false, "{client}");
            app.restart().await;
        }
        assert_ne!(refreshed, session.access);
        assert_eq!(in_state(&app, "active").await, next, "{client}: after a restart too");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_the_last_key_stops_its_format_until_another_is_imported() {
    let mut app = TestApp::start().await;
    anew(&mut app, RS256).await;
    let kid = imported(&app, RSA[0]);
    app.restart().await;
    let session = app.open("alice").await;
    revoke_key(&app, &kid).await;
    assert!(!app.is_active(&session.access).await);
    let answer = app.refresh(&session.refresh).await.must_be(503);
    assert_eq!(answer.body["mintage_code"], "no_signing_key");
    assert!(answer.headers.contains_key("retry-after"));
    let next = imported(&app, RSA[1]);
    app.tend().await;
    assert_eq!(kid_of(&app.refresh(&session.refresh).await.must_be(200).text("/access_token")), next, "nobody was signed out");
}

#[tokio::test(flavor = "multi_thread")]
async fn announced_keys_are_bounded() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for _ in 0..3 {
        app.post("/v1/keys", &admin, &json!({})).await.must_be(201);
    }
    is_problem(&app.post("/v1/keys", &admin, &json!({})).await, 409, "too_many_keys");
    is_problem(&app.post("/v1/keys", &admin, &json!({ "algorithm": "ES256" })).await, 409, "too_many_keys");
    app.post("/v1/keys", &admin, &json!({ "algorithm": "v4.public" })).await.must_be(201);
    let mut retired = 0;
    loop {
        let list = listed(&app).await;
        let mut items = list["items"].as_array().expect("items").iter();
        let announced = items.find(|key| key["state"] == "announced" && key["algorithm"] == "EdDSA").expect("one")["kid"].clone();
        app.post(&format!("/v1/keys/{}/retire", announced.as_str().expect("a kid")), &admin, &json!({})).await.must_be(200);
        retired += 1;
        let answer = app.post("/v1/keys", &admin, &json!({})).await;
        if answer.status != 201 {
            is_problem(&answer, 409, "too_many_keys");
            break;
        }
        assert!(retired < 100, "announcing and retiring fills the folder");
    }
    println!("keys announced and retired before it is refused: {retired}; files in keys/: {}", key_files(&app).len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_was_cut_off_at_any_key_is_finished_by_the_next() {
    let mut whole = TestApp::start().await;
    whole.stop().await;
    let mut files: Vec<(PathBuf, Vec<u8>)> = key_files(&whole).into_iter().collect();
    files.sort_by_key(|(path, _)| fs::metadata(path).expect("a key file").modified().expect("a time"));
    assert_eq!(files.len(), 6, "two MAC keys, two keys of each format");
    for made in 0..files.len() {
        let mut app = TestApp::start().await;
        anew(&mut app, "").await;
        fs::create_dir(app.folder().join("keys")).expect("the folder");
        for (path, content) in &files[..made] {
            let path = app.folder().join("keys").join(path.file_name().expect("a name"));
            fs::write(&path, content).expect("a key file");
            fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its rights");
        }
        app.restart().await;
        let session = app.open("alice").await;
        assert!(app.is_active(&session.access).await, "after {made} keys");
        app.refresh(&session.refresh).await.must_be(200);
        app.tend().await;
        for algorithm in ["EdDSA", "v4.public"] {
            for state in ["active", "announced"] {
                let list = listed(&app).await;
                let held =
                    list["items"].as_array().expect("items").iter().filter(|key| key["algorithm"] == algorithm && key["state"] == state);
                assert_eq!(held.count(), 1, "after {made} keys: {state} of {algorithm}");
            }
        }
    }
    println!("first starts cut off and finished: {}", files.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_successor_was_taken_back_signs_on() {
    let app = TestApp::start().await;
    let kid = kid_of(&app.open("alice").await.access);
    app.clock.advance(Duration::from_secs(30 * 86_400 - 120));
    app.pass(Duration::from_secs(4)).await;
    let list = listed(&app).await;
    let standby = list["items"].as_array().expect("items").iter().find(|key| key["algorithm"] == "EdDSA" && key["state"] == "announced");
    revoke_key(&app, standby.expect("a standby")["kid"].as_str().expect("a kid")).await;
    for _ in 0..5 {
        app.pass(Duration::from_secs(60)).await;
        assert_eq!(kid_of(&app.open("alice").await.access), kid, "the new standby is not known to everybody yet");
    }
    app.pass(Duration::from_secs(600)).await;
    assert_ne!(kid_of(&app.open("alice").await.access), kid);
}

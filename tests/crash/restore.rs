//! Backups are taken from a node at work, and what comes of them un-revokes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::api::{Api, Login};
use super::check::block_on;
use super::say;
use super::server::{Place, Server};
use super::witness::{self, Effect, How, Witness, claims};

const KEYS_AND_CLIENTS: [&str; 2] = ["--keys-are-current", "--clients-are-current"];

/// Restores a backup into a place of its own, beside these keys, and gives what the command said.
fn restore(from: &Place, backup: &Path, keys: &Path, more: &[&str]) -> (Place, String) {
    let place = from.without_folders();
    place.put("keys", keys);
    let (status, out, err) = place.run(&[&["restore", &backup.display().to_string(), "--data", "data", "--keys", "keys"], more].concat());
    assert_eq!(status, Some(0), "{err}");
    (place, out)
}

fn backup(place: &Place, name: &str) -> Value {
    let (status, out, err) = place.run(&["backup", "--to", name, "--json"]);
    assert_eq!(status, Some(0), "{err}");
    serde_json::from_str(&out).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_backup_under_load_holds_a_prefix_of_what_was_acknowledged() {
    const NAME: &str = "restore::a_backup_under_load_holds_a_prefix_of_what_was_acknowledged";
    if witness::is_asked_for() {
        return witness::run();
    }
    let place = Place::new();
    let server = place.serve();
    let witness = Witness::start(&place, NAME, 7);
    let mut taken = Vec::new();
    for name in ["one", "two", "three"] {
        std::thread::sleep(Duration::from_millis(1_500));
        let before = witness.effects();
        let told = backup(&place, name);
        let after = witness.effects();
        taken.push((name, before, told, after));
    }
    let all = witness.finish();
    server.kill();
    for (name, before, told, after) in taken {
        let (restored, _) = restore(&place, &place.path(name), &place.path("keys"), &KEYS_AND_CLIENTS);
        let server = restored.serve();
        let held = held(&server, &all);
        let prefix = must_be_a_prefix(&all, &held);
        let of = |effects: &[Effect]| effects.iter().filter(|effect| shows_in_records(effect)).count();
        must_hold(&before, &held);
        assert!(prefix <= of(&after) + IN_FLIGHT, "{prefix} are held of {} that had been acknowledged at its end", of(&after));
        let good = good_tokens(&server, &all);
        say(&format!(
            "backup under load: {} sessions; {} opens and revocations acknowledged when it began, {} when it was written, {prefix} of them \
             in it and none out of turn; of {} effects acknowledged in all, tokens good again: {good}",
            told["sessions"],
            of(&before),
            of(&after),
            all.len()
        ));
        assert_eq!(good, 0);
    }
}

/// The witness has so many tasks, each of which may have an effect that is done and not yet written down.
const IN_FLIGHT: usize = 12;

/// Which sessions a restored node knows; those that had been called back before the backup, by whom.
fn held(server: &Server, effects: &[Effect]) -> BTreeMap<String, String> {
    let api = Api::new(&server.url);
    block_on(async {
        let mut held = BTreeMap::new();
        for effect in effects {
            let Effect::Opened { sid, .. } = effect else { continue };
            let answer = api.session(sid).await;
            if answer.status == 200 {
                assert_eq!(answer.body["state"], "ended", "{}", answer.body);
                held.insert(sid.clone(), answer.text("/ended/by"));
            }
        }
        held
    })
}

/// Whether an effect is to be seen in a restored record: what the restore did stands above other ways of calling back.
fn shows_in_records(effect: &Effect) -> bool {
    match effect {
        Effect::Opened { subject, .. } => !subject.starts_with("chain-"),
        Effect::Revoked { how, .. } => matches!(how, How::Session | How::GivenBack),
        _ => false,
    }
}

/// What had been acknowledged when the backup began.
fn must_hold(before: &[Effect], held: &BTreeMap<String, String>) {
    let missing = before.iter().filter(|effect| shows_in_records(effect) && !is_held(effect, held));
    assert_eq!(missing.count(), 0, "what was acknowledged before the backup is in it");
}

fn is_held(effect: &Effect, held: &BTreeMap<String, String>) -> bool {
    match effect {
        Effect::Opened { sid, .. } => held.contains_key(sid),
        Effect::Revoked { sid, .. } => held.get(sid).is_some_and(|by| by != "mintage"),
        _ => false,
    }
}

/// Every task of the witness does one thing after the other: where it is held, all that it did before is. How much is held.
fn must_be_a_prefix(all: &[Effect], held: &BTreeMap<String, String>) -> usize {
    let mut tasks: BTreeMap<&str, &str> = BTreeMap::new();
    let mut is_over: BTreeSet<&str> = BTreeSet::new();
    let mut count = 0;
    for effect in all.iter().filter(|effect| shows_in_records(effect)) {
        let (Effect::Opened { sid, .. } | Effect::Revoked { sid, .. }) = effect else { continue };
        if let Effect::Opened { subject, .. } = effect {
            tasks.insert(sid, subject.rsplit_once('-').unwrap().0);
        }
        let task = tasks[sid.as_str()];
        if !is_held(effect, held) {
            is_over.insert(task);
        } else {
            assert!(!is_over.contains(task), "{effect:?} is held, and something before it is not");
            count += 1;
        }
    }
    count
}

/// How many of all tokens that were ever given a node takes.
fn good_tokens(server: &Server, effects: &[Effect]) -> usize {
    let api = Api::new(&server.url);
    block_on(async {
        let mut good = 0;
        for effect in effects {
            let tokens = match effect {
                Effect::Opened { refresh, .. } => vec![refresh],
                Effect::Revoked { access, refresh, .. } => vec![access, refresh],
                Effect::Rotated { got, .. } => vec![got],
                _ => vec![],
            };
            for token in tokens {
                good += usize::from(api.is_active(token).await);
            }
        }
        good
    })
}

/// Everything that can be called back, each with a login of its own: all of these are called back only after the backup.
const WAYS: [(&str, &str); 7] = [
    ("session", "sessions"),
    ("token", "sessions"),
    ("subject", "sessions"),
    ("subject_at_client", "sessions"),
    ("subject", "access_tokens"),
    ("client", "sessions"),
    ("client", "access_tokens"),
];

async fn call_back(api: &Api, how: &str, extent: &str, subject: &str, login: &Login) {
    let target = match how {
        "session" => json!({ "type": "session", "sid": login.sid }),
        "token" => json!({ "type": "token", "jti": claims(&login.access)["jti"] }),
        "subject" => json!({ "type": "subject", "subject": subject }),
        "subject_at_client" => json!({ "type": "subject", "subject": subject, "client_id": "app" }),
        "client" => json!({ "type": "client", "client_id": "shop" }),
        other => panic!("{other}"),
    };
    let answer = api.call("POST", "/v1/revocations", Some(&json!({ "target": target, "extent": extent }))).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

async fn add_client(api: &Api, client: &Value) -> String {
    let answer = api.call("POST", "/v1/clients", Some(client)).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["client_secret"].as_str().unwrap_or_default().to_owned()
}

fn confidential(id: &str) -> Value {
    json!({ "id": id, "type": "confidential", "grants": ["client_credentials"], "scopes": ["read"], "audiences": ["https://api.example"] })
}

#[test]
fn a_restore_un_revokes_nothing_and_names_what_is_lost() {
    let place = Place::new();
    let server = place.serve();
    let api = Api::new(&server.url);
    let (mut out, secret) = block_on(async {
        let shop = json!({ "id": "shop", "type": "public", "grants": ["refresh_token"], "scopes": ["read"], "audiences": ["https://api.example"] });
        add_client(&api, &shop).await;
        let secret = add_client(&api, &confidential("batch")).await;
        assert_eq!(api.token_of("batch", &secret).await.status, 200);
        let mut out = Vec::new();
        for (how, extent) in WAYS {
            let subject = format!("{how}-{extent}");
            let login = api.login(&subject, if how == "client" { "shop" } else { "app" }).await;
            out.push((how, extent, subject, login));
        }
        (out, secret)
    });
    let told = backup(&place, "the.backup");
    assert_eq!((&told["sessions"], &told["clients"]), (&json!(7), &json!(2)), "{told}");
    assert_eq!(mode(&place.path("the.backup")), 0o600);
    place.put("keys.then", &place.path("keys"));
    // All of this happens after the backup, and is acknowledged.
    let revoked_kid = block_on(async {
        for (how, extent, subject, login) in &out {
            call_back(&api, how, extent, subject, login).await;
        }
        let later = api.login("later", "app").await;
        call_back(&api, "session", "sessions", "later", &later).await;
        out.push(("session", "sessions", "later".to_owned(), later));
        out.push(("nothing", "", "alive".to_owned(), api.login("alive", "app").await));
        assert_eq!(api.call("DELETE", "/v1/clients/batch", None).await.status, 204);
        let kid = api.published().await[0].clone();
        assert_eq!(api.call("POST", &format!("/v1/keys/{kid}/revoke"), None).await.status, 200);
        kid
    });
    server.kill();
    let (restored, said) = restore(&place, &place.path("the.backup"), &place.path("keys.then"), &[]);
    for part in ["lost: ", "void: ", "disabled: the clients batch, shop", "revoked: the signing keys", &revoked_kid] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!((mode(&restored.path("data")), mode(&restored.path("data/store.redb"))), (0o700, 0o600));
    let server = restored.serve();
    let api = Api::new(&server.url);
    let good = block_on(async {
        let mut good = 0;
        for (.., login) in &out {
            for token in [&login.access, &login.refresh] {
                good += usize::from(api.is_active(token).await);
            }
            assert_eq!(api.refresh(&login.refresh).await.0.body["error"], "invalid_grant");
        }
        assert_eq!(api.token_of("batch", &secret).await.status, 401, "a client that was removed since stays out");
        assert!(!api.published().await.contains(&revoked_kid), "a key that was revoked since verifies nothing");
        let anew = api.login("session-sessions", "app").await;
        assert!(api.is_active(&anew.access).await && api.is_active(&anew.refresh).await, "whoever signs in again is in");
        good
    });
    say(&format!(
        "restore: {} logins called back in {} ways after the backup, or alive: tokens good again {good}\n{said}",
        out.len(),
        WAYS.len()
    ));
    assert_eq!(good, 0);
    let stopped = server.stop();
    assert_eq!(stopped.status, Some(0), "{}", stopped.said);
    drop(restored.serve());
}

#[test]
fn a_backup_holds_no_key_token_or_secret() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let place = Place::new();
    let server = place.serve();
    let api = Api::new(&server.url);
    let (login, secret) = block_on(async { (api.login("plain-subject", "app").await, add_client(&api, &confidential("batch")).await) });
    backup(&place, "the.backup");
    let bytes = fs::read(place.path("the.backup")).unwrap();
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"plain-subject") && holds(b"batch"), "the search finds what is there");
    let token = URL_SAFE_NO_PAD.decode(login.refresh.strip_prefix("mrt_").unwrap()).unwrap();
    let session_secret = &token[22..38];
    let mut needles = vec![secret.into_bytes(), login.access.into_bytes(), login.refresh.into_bytes(), session_secret.to_vec()];
    let words = |text: &str| text.split('"').filter(|word| word.len() >= 32).map(str::to_owned).collect::<Vec<_>>();
    let mut key_words = 0;
    for file in fs::read_dir(place.path("keys")).unwrap().map(|file| file.unwrap().path()) {
        let kid = file.file_stem().unwrap().to_string_lossy().into_owned();
        for word in words(&fs::read_to_string(&file).unwrap()).into_iter().filter(|word| *word != kid && !word.contains(' ')) {
            key_words += 1;
            needles.extend(URL_SAFE_NO_PAD.decode(&word).ok());
            needles.push(word.into_bytes());
        }
    }
    assert!(key_words >= 5, "a MAC key, and two keys of each format");
    assert_eq!(needles.iter().filter(|needle| holds(needle)).count(), 0, "of {} needles", needles.len());
    say(&format!("backup: {} bytes, none of {} secrets in it", bytes.len(), needles.len()));
}

#[test]
fn whoever_restores_may_know_that_clients_and_keys_are_current() {
    let place = Place::new();
    let server = place.serve();
    let api = Api::new(&server.url);
    let (secret, published) = block_on(async { (add_client(&api, &confidential("batch")).await, api.published().await) });
    backup(&place, "the.backup");
    assert_eq!(server.stop().status, Some(0));
    let (restored, said) = restore(&place, &place.path("the.backup"), &place.path("keys"), &KEYS_AND_CLIENTS);
    assert!(!said.contains("disabled:") && !said.contains("revoked:"), "{said}");
    let server = restored.serve();
    let api = Api::new(&server.url);
    block_on(async {
        assert_eq!(api.token_of("batch", &secret).await.status, 200);
        assert_eq!(api.published().await, published);
    });
}

#[test]
fn what_is_no_whole_backup_of_this_format_is_refused_and_so_is_a_folder_that_is_taken() {
    let place = Place::new();
    let server = place.serve();
    block_on(async { drop(Api::new(&server.url).login("alice", "app").await) });
    backup(&place, "good");
    let good = fs::read(place.path("good")).unwrap();
    let mut bent = good.clone();
    bent[good.len() / 2] ^= 1;
    let of_format = |format: u32| [&good[..16], &format.to_be_bytes(), &good[20..]].concat();
    let files = [
        ("cut", good[..good.len() - 1].to_vec(), "cut off"),
        ("half", good[..good.len() / 2].to_vec(), "cut off"),
        ("empty", Vec::new(), "no backup of mintage"),
        ("bent", bent, "damaged"),
        ("foreign", b"SQLite format 3\0 and so on, for some more bytes".to_vec(), "no backup of mintage"),
        ("store", fs::read(place.path("data/store.redb")).unwrap(), "no backup of mintage"),
        ("older", of_format(1), "a store of format 1"),
        ("newer", of_format(99), "a store of format 99"),
    ];
    for (name, bytes, said) in files {
        fs::write(place.path(name), bytes).unwrap();
        for command in [&["backup", "--check", name][..], &["restore", name, "--data", "new", "--keys", "keys"]] {
            let (status, _, err) = place.run(command);
            assert_eq!(status, Some(1), "{name}: {err}");
            assert!(err.contains(said) && err.contains(name), "{name}: {err}");
            say(&format!("mintage {}: {}", command.join(" "), err.trim_end()));
        }
        assert!(!place.path("new").exists() && !place.path(".new.restoring").exists(), "{name} leaves nothing behind");
    }
    fs::create_dir(place.path("taken")).unwrap();
    fs::write(place.path("taken/file"), "").unwrap();
    for (data, keys, said) in [
        ("data", "keys", "not empty"),
        ("taken", "keys", "not empty"),
        ("new", "no-keys", "no such folder"),
        ("new", "keys", "stop the node"),
    ] {
        let (status, _, err) = place.run(&["restore", "good", "--data", data, "--keys", keys]);
        assert_eq!(status, Some(1), "{data} {keys}: {err}");
        assert!(err.contains(said), "{err}");
    }
    let (status, _, err) = place.run(&["backup", "--data", "data", "--to", "other"]);
    assert_eq!(status, Some(1), "a folder that is served is asked for over HTTP: {err}");
    assert!(err.contains("another mintage holds") && !place.path("other").exists(), "{err}");
    let (status, _, err) = place.run(&["backup", "--to", "good"]);
    assert_eq!(status, Some(2), "{err}");
    assert_eq!(fs::read(place.path("good")).unwrap(), good, "nothing is overwritten");
}

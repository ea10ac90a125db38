//! MAC keys of refresh tokens: they change, and nobody is signed out by it.

use std::time::Duration;

use mintage::ambient::Clock;
use mintage::keyfiles::KeyFolder;
use mintage::keyring::{KeyRing, MacKey};
use mintage::secret::Secret;
use mintage::time::Moment;
use mintage::token::{RefreshToken, refresh::peek};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Opened, TestApp};
use crate::talkative::Talkative;
use crate::wire::ring_of;

const SHORT: &str = "[defaults]\nretry_window = \"30s\"\nrotation_pause = \"0s\"\nabsolute = \"10d\"\nidle = \"10d\"\n\n[signing]\nmac_rotation = \"20d\"\n";
const LIMITS: &str =
    "trusted_proxies = [\"127.0.0.1\"]\nproxy_header = \"x-forwarded-for\"\n[rate_limits]\nfailures_per_minute = 6\nfailures_burst = 5\n";
const DAY: Duration = Duration::from_secs(86_400);

fn mac_of(token: &str) -> u8 {
    peek(token).expect("a refresh token").0
}

async fn macs(app: &TestApp) -> Vec<(u64, String)> {
    let list = app.get("/v1/keys", &app.admin().await).await.must_be(200).body;
    let told = |mac: &Value| (mac["id"].as_u64().expect("a number"), mac["state"].as_str().expect("a state").to_owned());
    list["macs"].as_array().expect("macs").iter().map(told).collect()
}

async fn rotate(app: &TestApp) {
    app.post("/v1/keys/macs/rotate", &app.admin().await, &json!({})).await.must_be(200);
}

/// Lets so much time pass at once; the node finds its feet again.
async fn jump(app: &TestApp, time: Duration) {
    app.clock.advance(time);
    app.pass(Duration::from_secs(8)).await;
    app.tend().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_across_a_change_of_mac_key_gets_the_same_bytes() {
    let app = TestApp::with(SHORT).await;
    app.pass(Duration::from_secs(122)).await;
    let (session, idle) = (app.open("alice").await, app.open("bob").await);
    let first = app.refresh(&session.refresh).await.must_be(200).text("/refresh_token");
    rotate(&app).await;
    let retried = app.refresh(&session.refresh).await.must_be(200).text("/refresh_token");
    assert_eq!((retried.as_str(), mac_of(&retried)), (first.as_str(), 1), "the record names the key of its generation");
    let (one, other) = tokio::join!(app.refresh(&first), app.refresh(&first));
    let (one, other) = (one.must_be(200).text("/refresh_token"), other.must_be(200).text("/refresh_token"));
    assert_eq!((one.as_str(), mac_of(&one)), (other.as_str(), 2), "two tabs across the change get one successor, under the new key");
    let later = app.refresh(&one).await.must_be(200).text("/refresh_token");
    assert_eq!(mac_of(&later), 2);
    assert_eq!(mac_of(&app.open("carol").await.refresh), 2);
    app.refresh(&idle.refresh).await.must_be(200);
    assert_eq!(macs(&app).await, [(1, "retiring".into()), (2, "active".into()), (3, "announced".into())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn mac_keys_rotate_on_schedule_and_live_as_long_as_the_longest_session() {
    let mut app = TestApp::with(SHORT).await;
    assert_eq!(macs(&app).await, [(1, "active".into()), (2, "announced".into())]);
    jump(&app, 19 * DAY).await;
    let session = app.open("alice").await;
    assert_eq!(mac_of(&session.refresh), 1);
    // Sessions may be shorter from now on: those that are out are not.
    app.stop().await;
    app.configure(&SHORT.replace("10d", "1d"));
    app.restart().await;
    jump(&app, 2 * DAY).await;
    assert_eq!(mac_of(&app.open("bob").await.refresh), 2, "the switch needs nobody");
    jump(&app, 6 * DAY).await;
    let kept = app.refresh(&session.refresh).await.must_be(200);
    assert_eq!(mac_of(&kept.text("/refresh_token")), 2, "an old key's token is good as long as its session");
    jump(&app, 10 * DAY).await;
    app.restart().await;
    assert!(macs(&app).await.iter().all(|(id, _)| *id != 1), "then the key is gone");
    assert!(!app.folder().join("keys/mac-1.json").exists());
    app.refresh(&session.refresh).await.must_be(400).must_be_error("invalid_grant");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_another_node_is_read_in_the_background() {
    let app = TestApp::start().await;
    let session = app.open("alice").await;
    let token = RefreshToken::read(&session.refresh, &ring_of(&app)).expect("ours");
    let now = app.clock.now();
    let theirs = MacKey::new(3, Secret::new([9; 32]), now, now, None);
    let ring = KeyRing { signing: vec![], macs: vec![theirs.clone()] };
    let under_theirs = token.successor(0, 3).write(&ring).expect("written").expose(String::clone);
    app.pass(Duration::from_secs(2)).await;
    let answer = app.refresh(&under_theirs).await.must_be(503);
    assert_eq!((answer.body["mintage_code"].as_str(), answer.headers["retry-after"].to_str().ok()), (Some("key_ring_behind"), Some("1")));
    KeyFolder::open(&app.folder().join("keys"), None).and_then(|folder| folder.save_mac(&theirs)).expect("written");
    app.pass(Duration::from_secs(1)).await;
    app.refresh(&under_theirs).await.must_be(200);
}

/// The session's token under the MAC key of this number, which nobody has.
fn forged(session: &Opened, ours: &KeyRing, id: u8) -> String {
    let token = RefreshToken::read(&session.refresh, ours).expect("ours");
    let made = MacKey::new(id, Secret::new([9; 32]), Moment::default(), Moment::default(), None);
    token.successor(0, id).write(&KeyRing { signing: vec![], macs: vec![made] }).expect("written").expose(String::clone)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_again_with_a_mac_key_that_nobody_has_is_refused_however_long_he_waited() {
    for wait in [1, 5, 600] {
        let app = TestApp::start().await;
        let session = app.open("alice").await;
        let forged = forged(&session, &ring_of(&app), 3);
        app.refresh(&forged).await.must_be(503);
        for _ in 0..3 {
            app.pass(Duration::from_secs(wait)).await;
            app.tend().await;
            app.refresh(&forged).await.must_be(400).must_be_error("invalid_grant");
        }
        app.refresh(&session.refresh).await.must_be(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mac_key_that_cannot_be_is_a_forgery_and_counts_as_one() {
    let app = TestApp::with(LIMITS).await;
    let session = app.open("alice").await;
    let ours = ring_of(&app);
    let from = |address: &'static str, id: u8| {
        let form = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &forged(&session, &ours, id))];
        app.send(app.request(Method::POST, "/oauth/token").header("x-forwarded-for", address).form(&form))
    };
    // Keys 1 and 2 are there. The next could be that of another node, until the folder has been read again: once, whoever asks.
    for address in ["198.51.100.1", "198.51.100.2"] {
        assert_eq!(from(address, 3).await.must_be(503).body["mintage_code"], "key_ring_behind");
    }
    app.pass(Duration::from_secs(2)).await;
    for (address, ids) in [("198.51.100.3", [0, 4, 99, 129, 255]), ("198.51.100.4", [3; 5])] {
        for id in ids {
            from(address, id).await.must_be(400).must_be_error("invalid_grant");
        }
        assert_eq!(from(address, 7).await.must_be(429).body["mintage_code"], "too_many_failures");
    }
    app.refresh(&session.refresh).await.must_be(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_names_mac_keys_has_the_log_warn_once() {
    let app = TestApp::start().await;
    let (session, ours) = (app.open("alice").await, ring_of(&app));
    let mut node = Talkative::new("text");
    node.start().await;
    let mut behind = 0;
    for id in [3; 20].into_iter().chain([0, 4, 99, 129, 255]) {
        let form = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &forged(&session, &ours, id))];
        behind += usize::from(node.form("/oauth/token", None, &form).await["mintage_code"] == "key_ring_behind");
    }
    node.stop();
    let log = String::from_utf8_lossy(&node.written()["log"]).into_owned();
    let of = |words: [&str; 2]| log.lines().filter(|line| words.iter().all(|word| line.contains(word))).count();
    assert!(behind > 0 && of(["INFO", "key_ring_behind"]) == behind, "they are in the log: {behind}");
    assert_eq!((of(["WARN", "key_ring_behind"]), of(["WARN", "a key is named that is not loaded"])), (0, 1));
}

//! The node is killed in the middle of effects: the trail names each of them, and knows of everything that was acknowledged.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::random::Random;
use super::say;
use super::server::{Place, SECRET};

const CALLERS: usize = 24;
const ROUNDS: usize = 5;

/// What the callers sent, and which of it was acknowledged.
#[derive(Default)]
struct Told {
    sent: BTreeSet<String>,
    acknowledged: BTreeSet<String>,
}

/// Opens sessions, each by a request of its own name, until the connection breaks.
async fn call(http: Client, url: String, bearer: String, name: String, told: Arc<Mutex<Told>>) {
    for n in 0.. {
        let id = format!("{name}-{n}");
        told.lock().unwrap().sent.insert(id.clone());
        let body = json!({ "subject": id, "client_id": "app" });
        let request = http.post(format!("{url}/v1/sessions")).bearer_auth(&bearer).header("x-request-id", &id).json(&body);
        let Ok(answer) = request.send().await else { return };
        let status = answer.status();
        if status != 201 || answer.bytes().await.is_err() {
            assert!(!status.is_client_error() && !status.is_server_error(), "{id}: {status}");
            return;
        }
        told.lock().unwrap().acknowledged.insert(id);
    }
}

async fn bearer(http: &Client, url: &str) -> String {
    let form = [("grant_type", "client_credentials")];
    let answer = http.post(format!("{url}/oauth/token")).basic_auth("ops", Some(SECRET)).form(&form).send().await.unwrap();
    let body: Value = answer.json().await.unwrap();
    body["access_token"].as_str().unwrap().to_owned()
}

/// A member of every item of a command's JSON.
fn each(out: &str, member: &str) -> BTreeSet<String> {
    let said: Value = serde_json::from_str(out).unwrap();
    said["items"].as_array().unwrap().iter().map(|item| item[member].as_str().unwrap().to_owned()).collect()
}

/// Every request that the files tell an intent of, as they stand.
fn intents(place: &Place) -> BTreeSet<String> {
    let files = std::fs::read_dir(place.path("data/audit")).unwrap().map(|entry| entry.unwrap().path());
    let texts = files.filter(|path| path.extension().is_some_and(|end| end == "ndjson")).map(|path| std::fs::read_to_string(path).unwrap());
    let lines: Vec<String> = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let told = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok()).filter(|line| line["kind"] == "intent");
    told.filter_map(|line| line["request_id"].as_str().map(str::to_owned)).collect()
}

#[test]
fn what_a_kill_left_unfinished_is_named_and_what_was_acknowledged_is_in_the_trail() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let seed = u64::from(std::process::id()) ^ 0xa0d1;
    let mut random = Random(seed);
    let place = Place::new();
    let told = Arc::new(Mutex::new(Told::default()));
    let mut unfinished = BTreeSet::new();
    let (mut rounds, mut open_after_kill) = (0, 0);
    while rounds < ROUNDS || (unfinished.is_empty() && rounds < 4 * ROUNDS) {
        let server = place.serve();
        let http = Client::builder().no_proxy().build().unwrap();
        let bearer = runtime.block_on(bearer(&http, &server.url));
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let name = format!("r{rounds}-c{caller}");
            callers.spawn_on(call(http.clone(), server.url.clone(), bearer.clone(), name, told.clone()), runtime.handle());
        }
        std::thread::sleep(Duration::from_millis(150 + random.below(400)));
        server.kill();
        while let Some(ended) = runtime.block_on(callers.join_next()) {
            ended.unwrap();
        }
        rounds += 1;

        // Before any start: the files alone name what has no outcome.
        let (status, out, err) = place.run(&["audit", "unfinished", "--config", "mintage.toml", "--json"]);
        let named = each(&out, "request_id");
        assert_eq!(status, Some(i32::from(!named.is_empty())), "{out}{err}");
        let told = told.lock().unwrap();
        assert!(named.is_subset(&told.sent), "nothing is named that nobody asked for");
        let known = intents(&place);
        let lost: Vec<_> = told.acknowledged.difference(&known).collect();
        assert!(lost.is_empty(), "acknowledged, and the trail does not know of it: {lost:?}");
        open_after_kill += named.difference(&unfinished).count();
        unfinished = named;
    }

    // The next start says so of each, over the API as well.
    let server = place.serve();
    let (status, out, err) = place.run(&["audit", "list", "--result", "interrupted", "--limit", "100000", "--json"]);
    assert_eq!(status, Some(0), "{out}{err}");
    assert_eq!(each(&out, "request_id"), unfinished);
    let (_, out, _) = place.run(&["audit", "list", "--action", "open_session", "--result", "done", "--limit", "100000", "--json"]);
    let done = each(&out, "request_id");
    let told = told.lock().unwrap();
    let untold: Vec<_> = told.acknowledged.iter().filter(|id| !done.contains(*id) && !unfinished.contains(*id)).collect();
    assert!(untold.is_empty(), "acknowledged, and neither done nor unfinished: {untold:?}");
    server.stop();
    let (status, out, err) = place.run(&["audit", "verify", "--config", "mintage.toml", "--json"]);
    assert_eq!(status, Some(0), "the chain goes through every kill: {out}{err}");
    let verdict: Value = serde_json::from_str(&out).unwrap();
    say(&format!(
        "audit: {rounds} kills under load by {CALLERS} callers, seed {seed}: {} sent, {} acknowledged, {open_after_kill} open right after a kill, \
         {} named as interrupted, acknowledged without an intent 0; {} lines in {} files, {} torn, chain whole",
        told.sent.len(),
        told.acknowledged.len(),
        unfinished.len(),
        verdict["lines"],
        verdict["files"],
        verdict["torn"],
    ));
    assert!(!unfinished.is_empty(), "no kill fell between an intent and its outcome");
}

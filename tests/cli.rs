//! The `mintage` command as a shell sees it: status, standard output, standard error.

#![cfg(feature = "service")]
#![expect(clippy::unwrap_used, reason = "a test ends where the command does not even start")]

#[path = "cli/serving.rs"]
mod serving;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const SECRET: &str = "canary-n4bQgYhMfWWaL-qgxVrQ_w";
const TOKEN: &str = r#"{"access_token":"canary-token","token_type":"Bearer","expires_in":60,"scope":"x"}"#;
const CLIENT: &str = r#"{"id":"shop","type":"confidential","grants":["client_credentials"],"scopes":["read"],"audiences":[],"opens_for":[],
    "format":"jwt","origins":[],"lifetimes":{"access_ttl":300,"absolute":1,"idle":1,"retry_window":1,"rotation_pause":1},
    "rotates":true,"dpop_bound_access_tokens":false,"sessions_per_slot":null,"disabled":false,"read_only":false}"#;

/// Gives every connection an answer: a token at the token endpoint, `status` and `body` elsewhere. Says its base URL.
fn deployment(status: u16, body: String) -> String {
    deployment_with(status, "", body)
}

/// The same, with further lines in the head of those answers.
fn deployment_with(status: u16, more: &'static str, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = [0; 16 * 1024];
            let length = connection.read(&mut request).unwrap();
            let (status, body) = if request[..length].starts_with(b"POST /oauth/token ") { (200, TOKEN) } else { (status, body.as_str()) };
            let head = format!("HTTP/1.1 {status} x\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            connection.write_all(format!("{head}{body}").as_bytes()).unwrap();
        }
    });
    base
}

fn mintage(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mintage"));
    command.env_clear().args(arguments).envs(variables.iter().copied()).stdin(Stdio::null());
    command.output().unwrap()
}

fn at(base: &str, arguments: &[&str]) -> Output {
    mintage(arguments, &[("MINTAGE_URL", base), ("MINTAGE_CLIENT_ID", "ops"), ("MINTAGE_CLIENT_SECRET", SECRET)])
}

/// Status, standard output, standard error.
fn parts(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn results_go_to_standard_output_and_the_status_is_0() {
    let base = deployment(200, format!(r#"{{"items":[{CLIENT}]}}"#));
    let (status, out, err) = parts(&at(&base, &["clients", "list"]));
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("ID    TYPE          FROM  STATE    AUDIENCES\nshop  confidential  api   enabled"), "{out}");
    let (status, out, _) = parts(&at(&base, &["clients", "list", "--json"]));
    assert_eq!((status, out.lines().count()), (Some(0), 1));
    assert!(serde_json::from_str::<serde_json::Value>(&out).unwrap()["items"][0]["id"] == "shop");
}

#[test]
fn a_refusal_is_status_1_and_says_what_to_do_on_standard_error() {
    let problem = r#"{"type":"t","title":"There is no such thing","status":404,"detail":"Check the id","code":"not_found","request_id":"r","errors":[]}"#;
    let base = deployment(404, problem.to_owned());
    let (status, out, err) = parts(&at(&base, &["clients", "show", "nobody"]));
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert_eq!(err, "error: refused (not_found): There is no such thing. Check the id\n  request r\n");
}

#[test]
fn wrong_use_is_status_2_and_sends_nothing() {
    let nobody = "http://127.0.0.1:1";
    for arguments in
        [&["revoke", "all"][..], &["revoke", "client", "app", "--wait"], &["nonsense"], &[], &["keys", "list", "--secret", "x"]]
    {
        let (status, out, err) = parts(&at(nobody, arguments));
        assert_eq!((status, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(!err.is_empty(), "{arguments:?}");
    }
    let (status, _, err) = parts(&mintage(&["keys", "list"], &[("MINTAGE_URL", nobody)]));
    assert_eq!(status, Some(2));
    assert!(err.contains("MINTAGE_CLIENT_ID"), "{err}");
    let (status, _, err) = parts(&at("http://id.example", &["keys", "list"]));
    assert_eq!(status, Some(2), "a secret does not go over plain HTTP");
    assert!(err.contains("https"), "{err}");
}

#[test]
fn a_secret_is_shown_only_where_it_is_the_result() {
    let created = format!(r#"{{"client":{CLIENT},"client_secret":"new-canary"}}"#);
    let base = deployment(201, created);
    let (status, out, err) = parts(&at(&base, &["clients", "add", "shop", "--type", "confidential", "--grant", "client_credentials"]));
    assert_eq!(status, Some(0), "{err}");
    assert!(out.ends_with("secret: new-canary\n"), "{out}");
    for text in [&out, &err] {
        assert!(!text.contains(SECRET) && !text.contains("canary-token"), "{text}");
    }
    let broken = deployment(200, format!("no JSON, but {SECRET}"));
    let (status, out, err) = parts(&at(&broken, &["keys", "list"]));
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(!err.contains("canary"), "{err}");
}

#[test]
fn names_from_strangers_do_not_reach_the_terminal_as_they_are() {
    let session = r#"{"sid":"01901234-5678-7abc-8def-0123456789ab","subject":"alice","client_id":"app","state":"active","ended":null,
        "opened_at":"o","last_refreshed_at":"l","expires_at":"e","idle_expires_at":"i","audience":[],"scope":"","slot":null,"upstream":null,
        "device":{"name":"\u001b[2Jphone","user_agent":null,"ip":null}}"#;
    let base = deployment(200, session.to_owned());
    let (status, out, _) = parts(&at(&base, &["sessions", "show", "01901234-5678-7abc-8def-0123456789ab"]));
    assert_eq!(status, Some(0));
    assert!(out.contains("\\u{1b}[2Jphone") && !out.contains('\u{1b}'), "{out}");
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mintage"));
    let mut child = child.args(["config", "show"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}

#[test]
fn a_configuration_is_checked_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mintage.toml");
    std::fs::write(&path, "listn = 1\n[defaults]\naccess_ttl = \"25h\"\n[[clients]]\n").unwrap();
    let file = path.to_str().unwrap();
    let (status, out, err) = parts(&mintage(&["config", "check", "--config", file], &[("MINTAGE_LOG__LEVEL", "loud")]));
    assert_eq!((status, out.as_str()), (Some(1), ""));
    for expected in
        ["mintage.toml:1:1: listn", "mintage.toml:3:1: defaults.access_ttl", "clients[0].id: is missing", "MINTAGE_LOG__LEVEL: log.level"]
    {
        assert!(err.contains(expected), "{expected} is not in {err}");
    }
    let (status, out, _) = parts(&mintage(&["config", "check", "--config", file, "--json"], &[]));
    assert_eq!((status, out.lines().count()), (Some(1), 1));
    std::fs::write(&path, "").unwrap();
    let (status, out, err) = parts(&mintage(&["config", "check", "--config", file], &[]));
    assert_eq!((status, out.as_str(), err.as_str()), (Some(0), "the configuration is good\n", ""));
}

const GOOD_SECRET: &str = "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg";

fn write_private(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

/// Ten faults of ten kinds, and what is said of each: place, key and fix.
const PLANTED: [(&str, &str); 10] = [
    ("1:1: issuer:", "write https://host with no slash at its end (http only on loopback)"),
    ("2:1: listn:", "did you mean \"listen\"?"),
    ("5:1: defaults.access_ttl:", "use \"1s\" to \"1d\""),
    ("6:1: defaults.idle:", "write a whole number and ms, s, m, h or d, such as \"90s\""),
    ("11:1: clients[0].secret_file:", "it needs 128 bits of entropy on one line; make one with: openssl rand -hex 32"),
    ("13:1: clients[0].opens_for:", "register that client, or write [\"*\"]"),
    ("18:1: clients[1].scopes:", "make the client confidential, or leave the scope out"),
    ("19:1: clients[1].audiences:", "write an absolute URI without a fragment, such as https://api.example"),
    ("21:1: clients[2].id:", "give each client an id of its own"),
    ("24:1: clients[2].secret_file:", "chmod o-rwx the file, and make a new secret if others could have read it"),
];

#[test]
fn ten_planted_faults_are_told_all_ten_with_place_and_fix() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_private(&at("weak"), "hunter2\n", 0o600);
    write_private(&at("open"), GOOD_SECRET, 0o644);
    let text = format!(
        r#"issuer = "http://id.example"
listn = "127.0.0.1:8080"

[defaults]
access_ttl = "25h"
idle = "a week"

[[clients]]
id = "backend"
type = "confidential"
secret_file = {:?}
grants = ["client_credentials"]
opens_for = ["nobody"]

[[clients]]
id = "spa"
type = "public"
scopes = ["mintage:revoke"]
audiences = ["api"]

[[clients]]
id = "spa"
type = "confidential"
secret_file = {:?}
"#,
        at("weak"),
        at("open")
    );
    std::fs::write(at("mintage.toml"), text).unwrap();
    let config = at("mintage.toml").display().to_string();
    let (status, out, err) = parts(&mintage(&["config", "check", "--config", &config], &[]));
    assert_eq!((status, out.as_str()), (Some(1), ""));
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!(lines[0], "error: the configuration has 10 faults:");
    assert_eq!(lines.len(), 11, "{err}");
    for ((place, fix), line) in PLANTED.iter().zip(&lines[1..]) {
        assert!(line.starts_with(&format!("  {config}:{place}")) && line.ends_with(&format!(": {fix}")), "{place}: {line}");
    }
    println!("10 planted, {} told:\n{}", lines.len() - 1, err.replace(&format!("{}/", folder.path().display()), ""));
    assert!(!err.contains("hunter2") && !err.contains(GOOD_SECRET));

    let (status, out, _) = parts(&mintage(&["config", "check", "--config", &config, "--json"], &[]));
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, told["faults"].as_array().unwrap().len()), (Some(1), 10));
    let (data, keys) = (at("data").display().to_string(), at("keys").display().to_string());
    let served = parts(&mintage(&["serve", "--config", &config, "--data", &data, "--keys", &keys], &[]));
    assert_eq!(served, (Some(1), String::new(), err), "a start refuses with the same text");
    assert!(!at("data").exists() && !at("keys").exists(), "and touches nothing");
}

/// A node in a folder of its own; it is gone with this.
struct Node {
    child: Child,
    url: String,
    first_words: String,
}

impl Node {
    fn start(folder: &Path) -> Self {
        let (data, keys) = (folder.join("data"), folder.join("keys"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_mintage"));
        command.env_clear().args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).arg("--keys").arg(keys);
        let (child, url, first_words) = serving::start(&mut command, folder);
        Self { child, url, first_words }
    }

    fn ask(&self, secret: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
        let variables = [("MINTAGE_URL", self.url.as_str()), ("MINTAGE_CLIENT_ID", "admin"), ("MINTAGE_CLIENT_SECRET", secret)];
        parts(&mintage(arguments, &variables))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What stands behind `name` on a line of its own.
fn fact(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned()
}

#[test]
fn nothing_is_sealed_where_there_are_no_keys() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    for command in [&["keys", "seal", "--passphrase-file", "/dev/null"][..], &["keys", "unseal"]] {
        let (status, out, err) = parts(&mintage(&[command, &["--keys", nowhere.to_str().unwrap()]].concat(), &[]));
        assert_eq!((status, out.as_str()), (Some(1), ""), "{err}");
        assert!(!nowhere.exists());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn no_core_dump_is_written_of_the_keys() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", node.child.id())).unwrap();
    let core: Vec<&str> = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "{limits}");
}

#[test]
fn a_lost_administrators_secret_is_made_anew_while_no_node_runs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let reset = |more: &[&str], variables: &[(&str, &str)]| {
        parts(&mintage(&[&["clients", "reset-admin", "--data", &data], more].concat(), variables))
    };
    let (status, out, err) = reset(&[], &[]);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(err.contains("holds no store") && !folder.path().join("data").exists(), "{err}");

    let node = Node::start(folder.path());
    let lost = node.first_words.lines().find_map(|line| line.strip_prefix("export MINTAGE_CLIENT_SECRET=")).unwrap().to_owned();
    assert_eq!(node.ask(&lost, &["clients", "list"]).0, Some(0));
    let (status, out, err) = reset(&[], &[]);
    assert_eq!((status, out.as_str()), (Some(1), ""), "the node runs");
    assert!(err.contains("another mintage holds") && err.contains("stop it"), "{err}");
    drop(node);

    let (status, out, err) = reset(&[], &[]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    let new = fact(&out, "secret");
    let (status, out, _) = reset(&["--json"], &[]);
    let newest = serde_json::from_str::<serde_json::Value>(&out).unwrap()["client_secret"].as_str().unwrap().to_owned();
    assert_eq!((status, out.lines().count()), (Some(0), 1));
    let node = Node::start(folder.path());
    for old in [&lost, &new] {
        assert_eq!(node.ask(old, &["clients", "list"]).0, Some(1), "ended");
    }
    let (status, out, _) = node.ask(&newest, &["clients", "show", "admin"]);
    assert!(status == Some(0) && out.contains("mintage:keys"), "all that it had: {out}");
    assert_eq!(node.ask(&newest, &["clients", "remove", "admin"]).0, Some(0));
    drop(node);

    let (status, _, err) = reset(&[], &[]);
    assert!(status == Some(1) && err.contains("--yes"), "{err}");
    let (status, out, _) = reset(&["--yes"], &[]);
    assert_eq!(status, Some(0));
    let again = fact(&out, "secret");
    let node = Node::start(folder.path());
    assert_eq!(node.ask(&again, &["keys", "list"]).0, Some(0), "made again, with every right");
    drop(node);

    let config = folder.path().join("mintage.toml");
    std::fs::write(&config, "[[clients]]\nid = \"spa\"\ntype = \"public\"\n").unwrap();
    let (status, out, err) = reset(&["--config", config.to_str().unwrap()], &[]);
    assert!(status == Some(1) && out.is_empty() && err.contains("secret_file of one that has mintage:clients"), "{err}");
    let (status, out, err) = reset(&[], &[("MINTAGE_ADMIN_SECRET", GOOD_SECRET)]);
    assert!(status == Some(1) && out.is_empty() && err.contains("MINTAGE_ADMIN_SECRET"), "{err}");
}

#[test]
fn a_secret_is_rotated_and_the_old_one_dropped_by_command() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let admin = node.first_words.lines().find_map(|line| line.strip_prefix("export MINTAGE_CLIENT_SECRET=")).unwrap().to_owned();
    let grant = ["--grant", "client_credentials", "--scope", "mintage:keys"];
    let (status, out, err) = node.ask(&admin, &[&["clients", "add", "worker", "--type", "confidential"], &grant[..]].concat());
    assert_eq!(status, Some(0), "{err}");
    let old = fact(&out, "secret");
    let (status, out, err) = node.ask(&admin, &["clients", "rotate-secret", "worker"]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    let (new, old_id) = (fact(&out, "secret"), fact(&out, "old secret"));
    let works = |secret: &str| {
        let variables = [("MINTAGE_URL", node.url.as_str()), ("MINTAGE_CLIENT_ID", "worker"), ("MINTAGE_CLIENT_SECRET", secret)];
        mintage(&["keys", "list"], &variables).status.success()
    };
    assert!(works(&old) && works(&new));
    let (status, _, err) = node.ask(&admin, &["clients", "rotate-secret", "worker"]);
    assert!(status == Some(1) && err.contains("too_many_secrets"), "{err}");
    assert_eq!(node.ask(&admin, &["clients", "drop-secret", "worker", &old_id]).0, Some(0));
    assert!(!works(&old) && works(&new));
    let (_, shown, _) = node.ask(&admin, &["clients", "show", "worker"]);
    assert!(!shown.contains(&new) && fact(&shown, "secrets") == fact(&out, "new secret"), "{shown}");
}

#[test]
fn a_missing_scope_is_the_one_that_the_refusal_names() {
    let problem =
        r#"{"type":"t","title":"The access token lacks a scope","status":403,"detail":"d","code":"insufficient_scope","request_id":"r"}"#;
    let challenge = "WWW-Authenticate: Bearer error=\"insufficient_scope\", scope=\"mintage:revoke.all\"\r\n";
    let base = deployment_with(403, challenge, problem.to_owned());
    let (_, _, err) = parts(&at(&base, &["keys", "list"]));
    assert!(err.contains("Register the client \"ops\" for the scope mintage:revoke.all"), "{err}");
}

#[test]
fn the_trail_is_listed_and_verified_by_command() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let admin = node.first_words.lines().find_map(|line| line.strip_prefix("export MINTAGE_CLIENT_SECRET=")).unwrap().to_owned();
    assert_eq!(node.ask(&admin, &["revoke", "subject", "alice", "--reason", "stolen"]).0, Some(0));
    assert_eq!(node.ask(&admin, &["clients", "add", "worker", "--type", "confidential"]).0, Some(0));
    assert_eq!(node.ask(&admin, &["clients", "remove", "nobody"]).0, Some(1));

    let (status, out, err) = node.ask(&admin, &["audit", "list", "--by", "admin"]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("AT ") && lines.len() == 3, "{out}");
    assert!(lines[1].contains("add_client") && lines[1].contains("client worker") && lines[1].contains("127.0.0.1"), "{out}");
    assert!(lines[2].contains("done (stolen)") && lines[2].contains("subject alice"), "{out}");
    let (_, out, _) = node.ask(&admin, &["audit", "list", "--by", "admin", "--limit", "1", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((listed["items"].as_array().unwrap().len(), &listed["more"]), (1, &true.into()));
    let (_, out, _) = node.ask(&admin, &["audit", "list", "--subject", "bob"]);
    assert_eq!(out.lines().count(), 1, "only the headings: {out}");

    // Offline, beside the running node and after it.
    let data = folder.path().join("data").display().to_string();
    let verify = |more: &[&str]| parts(&mintage(&[&["audit", "verify", "--data", &data], more].concat(), &[]));
    assert_eq!(verify(&[]).0, Some(0));
    drop(node);
    let (status, out, err) = verify(&[]);
    assert_eq!(
        (status, err.as_str(), fact(&out, "chain").as_str(), fact(&out, "begins").as_str()),
        (Some(0), "", "whole", "with the trail")
    );
    let head = fact(&out, "head");
    assert_eq!(verify(&["--head", &head]).0, Some(0));
    let audit = folder.path().join("data/audit");
    let file = std::fs::read_dir(&audit).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some()).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let without_the_end = text.lines().take(text.lines().count() - 2).map(|line| format!("{line}\n")).collect::<String>();
    std::fs::write(&file, without_the_end).unwrap();
    let (status, out, _) = verify(&["--head", &head]);
    assert!(status == Some(1) && fact(&out, "noted head").starts_with("not in the chain") && fact(&out, "chain") == "whole", "{out}");
    let without_the_beginning = text.lines().skip(2).map(|line| format!("{line}\n")).collect::<String>();
    for bent in [without_the_beginning, format!("{text}{{\"x\":1}}\n")] {
        std::fs::write(&file, bent).unwrap();
        let (status, out, _) = verify(&[]);
        assert!(status == Some(1) && fact(&out, "chain").starts_with("broken at"), "{out}");
    }
    std::fs::write(&file, format!("{text}{{\"v\":1,")).unwrap();
    let (status, out, _) = verify(&[]);
    assert_eq!((status, fact(&out, "torn by a crash").as_str(), fact(&out, "chain").as_str()), (Some(0), "1", "whole"));
    std::fs::write(&file, text.replacen("\"alice\"", "\"bobby\"", 1)).unwrap();
    let (status, out, _) = parts(&mintage(&["audit", "verify", "--folder", audit.to_str().unwrap()], &[]));
    assert!(status == Some(1) && fact(&out, "chain").contains("changed, left out or put in"), "{out}");
    let nowhere = parts(&mintage(&["audit", "unfinished", "--folder", "/nonexistent"], &[]));
    assert!(nowhere.0 == Some(1) && nowhere.2.contains("/nonexistent: there is no such folder"), "{}", nowhere.2);
    let emptied = tempfile::tempdir().unwrap();
    let emptied = parts(&mintage(&["audit", "verify", "--folder", emptied.path().to_str().unwrap()], &[]));
    assert!(emptied.0 == Some(1) && emptied.2.contains("or it was emptied"), "{}", emptied.2);
}

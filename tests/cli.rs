//! The `mintage` command as a shell sees it: status, standard output, standard error.

#![cfg(feature = "service")]
#![expect(clippy::unwrap_used, reason = "a test ends where the command does not even start")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

const SECRET: &str = "canary-n4bQgYhMfWWaL-qgxVrQ_w";
const TOKEN: &str = r#"{"access_token":"canary-token","token_type":"Bearer","expires_in":60,"scope":"x"}"#;
const CLIENT: &str = r#"{"id":"shop","type":"confidential","grants":["client_credentials"],"scopes":["read"],"audiences":[],"opens_for":[],
    "format":"jwt","origins":[],"lifetimes":{"access_ttl":300,"absolute":1,"idle":1,"retry_window":1,"rotation_pause":1},
    "rotates":true,"sessions_per_slot":null,"disabled":false,"read_only":false}"#;

/// Gives every connection an answer: a token at the token endpoint, `status` and `body` elsewhere. Says its base URL.
fn deployment(status: u16, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = [0; 16 * 1024];
            let length = connection.read(&mut request).unwrap();
            let (status, body) = if request[..length].starts_with(b"POST /oauth/token ") { (200, TOKEN) } else { (status, body.as_str()) };
            let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
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

//! One client cannot hold the node up, and a stop loses nothing that was accepted.

use std::sync::Arc;

use reqwest::Method;
use tokio::io::AsyncWriteExt;

use crate::app::TestApp;
use crate::wire::{call, connect, raw, read_raw};

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_never_ends_is_cut_off_and_others_are_served_meanwhile() {
    let app = TestApp::start().await;
    let mut slow = connect(&app).await;
    slow.write_all(b"GET /healthz/live HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.expect("it is taken");
    // Not kept: it would be closed for idleness at the very moment at which the slow one is, under the next request.
    app.send(app.request(Method::GET, "/healthz/live").header("connection", "close")).await.must_be(204);
    let end = read_raw(&mut slow).await;
    assert!(end.is_none_or(|answer| answer.status == 408), "closed, not waited for");
    call(&app, Method::GET, "/healthz/live").await.must_be(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_beyond_its_limit_is_refused() {
    let app = TestApp::start().await;
    let long = format!("GET /healthz/live HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\nConnection: close\r\n\r\n", "a".repeat(40 * 1024));
    assert!(raw(&app, long.as_bytes()).await.is_none_or(|answer| answer.status == 431));
    let many: String = (0..1_000).map(|n| format!("X-{n}: 1\r\n")).collect();
    let many = format!("GET /healthz/live HTTP/1.1\r\nHost: x\r\n{many}\r\n");
    assert!(raw(&app, many.as_bytes()).await.is_none_or(|answer| answer.status == 431));
    let fits = format!("GET /healthz/live HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\nConnection: close\r\n\r\n", "a".repeat(16 * 1024));
    assert_eq!(raw(&app, fits.as_bytes()).await.map(|answer| answer.status), Some(204));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_is_refused() {
    let app = TestApp::start().await;
    let texts: [&[u8]; 6] = [
        b"HELO x\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad\x00Name: y\r\n\r\n",
    ];
    for text in texts {
        let mut stream = connect(&app).await;
        let _ = stream.write_all(text).await;
        let _ = stream.shutdown().await;
        let answer = read_raw(&mut stream).await;
        assert!(answer.is_none_or(|answer| matches!(answer.status, 400 | 401 | 415 | 505)), "{}", String::from_utf8_lossy(text));
    }
    call(&app, Method::GET, "/healthz/live").await.must_be(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_their_order() {
    let app = TestApp::start().await;
    let one = |id: &str, more: &str| format!("GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Request-Id: {id}\r\n{more}\r\n");
    let all = format!("{}{}{}", one("first", ""), one("second", ""), one("third", "Connection: close\r\n"));
    let text = raw(&app, all.as_bytes()).await.expect("an answer").text;
    let at = |id: &str| text.find(&format!("x-request-id: {id}")).unwrap_or_else(|| panic!("{id}: {text}"));
    assert!(at("first") < at("second") && at("second") < at("third"));
    assert_eq!(text.matches("HTTP/1.1 404").count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_answers_what_it_has_accepted_and_forgets_nothing() {
    let mut app = TestApp::with("[defaults]\nretry_window = \"30s\"\nrotation_pause = \"0s\"\n").await;
    let mut sessions = Vec::new();
    for n in 0..40 {
        sessions.push(app.open(&format!("user-{n}")).await);
    }
    // Every connection has sent its request before the stop begins: it is accepted.
    let waiting = Arc::new(tokio::sync::Barrier::new(sessions.len() + 1));
    let mut answers = Vec::new();
    for session in &sessions {
        let mut stream = connect(&app).await;
        let body = format!("grant_type=refresh_token&client_id=app&refresh_token={}", session.refresh);
        let request = format!(
            "POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let waiting = waiting.clone();
        answers.push(tokio::spawn(async move {
            stream.write_all(request.as_bytes()).await.expect("it is sent");
            waiting.wait().await;
            read_raw(&mut stream).await.expect("an answer, not a closed door")
        }));
    }
    waiting.wait().await;
    app.stop().await;
    let mut successors = Vec::new();
    for answer in answers {
        let answer = answer.await.expect("no panic");
        assert_eq!(answer.status, 200, "{}", answer.text);
        let body = &answer.text[answer.text.find("\r\n\r\n").expect("a body") + 4..];
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        successors.push(body["refresh_token"].as_str().expect("a successor").to_owned());
    }
    app.restart().await;
    for (session, successor) in sessions.iter().zip(successors) {
        let again = app.refresh(&session.refresh).await.must_be(200);
        assert_eq!(again.text("/refresh_token"), successor, "what was acknowledged is on disk");
        app.refresh(&successor).await.must_be(200);
    }
}

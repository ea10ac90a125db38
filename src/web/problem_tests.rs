use std::sync::Arc;

use axum::extract::Request;
use axum::http::HeaderMap;
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::*;
use crate::ambient::{ManualClock, SystemEntropy};
use crate::policy::EndReason;
use crate::telemetry::Metrics;
use crate::time::Moment;
use crate::web::{Json, Observer, Params, Part, Routes, Site};

struct Seen {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

fn router(surface: Surface, refused: Option<Refused>) -> (Site, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new("tests"));
    let observer = Observer::new(Arc::new(ManualClock::at(Moment::from_seconds(1))), Arc::new(SystemEntropy), metrics.clone());
    let part = Part::new(surface, observer, Arc::default());
    let routes = Routes::new()
        .get("/refused", move || async { refused.map_or_else(|| "good".into_response(), Refused::into_response) })
        .get("/panics", || async { std::hint::black_box(None::<()>).expect("a fault of ours, and a canary") })
        .post("/json", |Json(session): Json<crate::api::NewSession>| async move { session.subject });
    let mut site = Site::new(part.clone());
    site.show(part, routes, &());
    (site, metrics)
}

async fn ask(site: &Site, request: Request) -> Seen {
    let (parts, body) = site.answer(request).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Seen { status: parts.status.as_u16(), headers: parts.headers, body: serde_json::from_slice(&body).unwrap_or_default() }
}

fn request(method: &str, path: &str) -> Request {
    Request::builder().method(method).uri(path).header("host", "tests").body(Body::empty()).unwrap()
}

async fn told(surface: Surface, refused: impl Into<Refused>) -> Seen {
    ask(&router(surface, Some(refused.into())).0, request("GET", "/refused")).await
}

#[tokio::test]
async fn each_refusal_of_an_oauth_endpoint_has_its_word_and_status() {
    let cases = [
        (Refusal::ClientNotAuthenticated, 401, "invalid_client", "client_not_authenticated"),
        (Refusal::GrantNotAllowed, 400, "unauthorized_client", "grant_not_allowed"),
        (Refusal::RefreshTokenInvalid, 400, "invalid_grant", "refresh_token_invalid"),
        (Refusal::RefreshTokenForeign, 400, "invalid_grant", "refresh_token_foreign"),
        (Refusal::RefreshTokenReused, 400, "invalid_grant", "refresh_token_reused"),
        (Refusal::SessionEnded(Some(EndReason::Idle)), 400, "invalid_grant", "session_ended"),
        (Refusal::ScopeNotAllowed, 400, "invalid_scope", "scope_not_allowed"),
        (Refusal::AudienceNotAllowed, 400, "invalid_target", "audience_not_allowed"),
        (Refusal::InsufficientScope("mintage:introspect"), 403, "insufficient_scope", "insufficient_scope"),
    ];
    for (refusal, status, error, code) in cases {
        let seen = told(Surface::OAuth, refusal).await;
        assert_eq!((seen.status, &seen.body["error"], &seen.body["mintage_code"]), (status, &error.into(), &code.into()));
        assert_eq!((seen.header("content-type"), seen.header("cache-control")), (Some("application/json"), Some("no-store")));
        assert_eq!(seen.header("www-authenticate").is_some(), matches!(status, 401 | 403), "{code}");
        let description = seen.body["error_description"].as_str().unwrap();
        assert!(description.bytes().all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{description}");
    }
}

#[tokio::test]
async fn what_is_our_fault_is_503_and_never_invalid_grant() {
    let ours = [
        Unavailable::StoreBusy,
        Unavailable::StoreDown("/secret/path".into()),
        Unavailable::ViewStale,
        Unavailable::NoSigningKey,
        Unavailable::KeyRingBehind,
        Unavailable::KeyFolder("/secret/path".into()),
        Unavailable::AuditTrail("/secret/path".into()),
    ];
    for unavailable in ours {
        for surface in [Surface::OAuth, Surface::Api] {
            let seen = told(surface, Fault::from(unavailable.clone())).await;
            assert_eq!(seen.status, 503);
            assert!(seen.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
            assert!(!seen.body.to_string().contains("secret") && !seen.body.to_string().contains("invalid_grant"));
        }
    }
}

#[tokio::test]
async fn a_bad_bearer_is_challenged_and_not_told_more_than_helps() {
    let cases = [
        (
            Refused::from(Code::BearerMissing),
            401,
            Some("Bearer realm=\"mintage\", DPoP realm=\"mintage\", algs=\"EdDSA Ed25519 ES256 RS256\""),
        ),
        (
            Fault::from(Denial::SenderKey).into(),
            401,
            Some("DPoP realm=\"mintage\", algs=\"EdDSA Ed25519 ES256 RS256\", error=\"invalid_token\""),
        ),
        (Code::BearerMalformed.into(), 400, Some("Bearer realm=\"mintage\", error=\"invalid_request\"")),
        (Fault::from(Denial::Expired).into(), 401, Some("Bearer realm=\"mintage\", error=\"invalid_token\"")),
        (Fault::from(Denial::BadSignature).into(), 401, Some("Bearer realm=\"mintage\", error=\"invalid_token\"")),
        (
            Refusal::InsufficientScope("mintage:keys").into(),
            403,
            Some("Bearer realm=\"mintage\", error=\"insufficient_scope\", scope=\"mintage:keys\""),
        ),
        (Fault::from(Denial::Stale).into(), 503, None),
    ];
    for (refused, status, challenge) in cases {
        let seen = told(Surface::Api, refused.clone()).await;
        assert_eq!((seen.status, seen.header("www-authenticate")), (status, challenge), "{refused:?}");
        assert!(!seen.body.to_string().contains("signature"));
    }
}

#[tokio::test]
async fn a_problem_carries_its_code_its_fields_and_the_request_id() {
    let (router, _) = router(Surface::Api, Some(Refusal::invalid("/lifetime", Code::OutOfRange).into()));
    let mut asked = request("GET", "/refused");
    asked.headers_mut().insert("x-request-id", HeaderValue::from_static("mine-1"));
    let seen = ask(&router, asked).await;
    assert_eq!(seen.header("content-type"), Some("application/problem+json"));
    assert_eq!(seen.header("x-request-id"), Some("mine-1"));
    assert_eq!(
        (&seen.body["code"], &seen.body["status"], &seen.body["request_id"]),
        (&"invalid_request".into(), &400.into(), &"mine-1".into())
    );
    assert_eq!(seen.body["errors"], serde_json::json!([{"pointer": "/lifetime", "code": "out_of_range"}]));
}

#[tokio::test]
async fn a_request_id_that_could_forge_a_log_is_replaced() {
    for wrong in ["", "a b", "a\"b", &"x".repeat(65)] {
        let mut asked = request("GET", "/refused");
        asked.headers_mut().insert("x-request-id", HeaderValue::from_str(wrong).unwrap());
        let seen = ask(&router(Surface::Api, None).0, asked).await;
        assert_ne!(seen.header("x-request-id"), Some(wrong));
        assert_eq!(seen.header("x-request-id").map(str::len), Some(32));
    }
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_refused_in_our_words() {
    let (router, metrics) = router(Surface::Api, None);
    let seen = ask(&router, request("GET", "/nowhere")).await;
    assert_eq!((seen.status, &seen.body["code"]), (404, &"route_not_found".into()));
    let seen = ask(&router, request("DELETE", "/refused")).await;
    assert_eq!((seen.status, &seen.body["code"], seen.header("allow")), (405, &"method_not_allowed".into(), Some("GET,HEAD")));
    let seen = ask(&router, request("OPTIONS", "/refused")).await;
    assert_eq!((seen.status, seen.header("allow")), (204, Some("GET,HEAD")));
    let seen = ask(&router, request("BREW", "/refused")).await;
    assert_eq!(seen.status, 405);
    let page = metrics.render();
    assert!(page.contains("method=\"other\"") && !page.contains("BREW"), "a stranger invents no label");
    assert!(page.contains("route=\"unmatched\"") && !page.contains("nowhere"));
}

#[tokio::test]
async fn a_panic_is_answered_and_its_text_stays_inside() {
    let seen = ask(&router(Surface::Api, None).0, request("GET", "/panics")).await;
    assert_eq!((seen.status, &seen.body["code"]), (500, &"internal_error".into()));
    assert!(!seen.body.to_string().contains("canary"));
}

#[tokio::test]
async fn a_body_is_json_of_the_right_type_and_size() {
    let send = async |content_type: &'static str, body: Vec<u8>| {
        let request = request("POST", "/json");
        let (mut head, _) = request.into_parts();
        head.headers.insert("content-type", HeaderValue::from_static(content_type));
        let request = Request::from_parts(head, Body::from(body));
        ask(&router(Surface::Api, None).0, request).await
    };
    let good = br#"{"subject":"s","client_id":"c"}"#.to_vec();
    assert_eq!(send("application/json", good.clone()).await.status, 200);
    assert_eq!(send("Application/JSON; charset=UTF-8", good.clone()).await.status, 200);
    assert_eq!(send("application/json; charset=latin1", good.clone()).await.status, 415);
    assert_eq!(send("text/plain", good).await.status, 415);
    assert_eq!(send("application/json", vec![b' '; 65 * 1024]).await.status, 413);
    for wrong in [&br#"{"subject":"a","subject":"b","client_id":"c"}"#[..], b"{", b"", b"\xff", b"{} {}", br#"{"a":NaN}"#] {
        let seen = send("application/json", wrong.to_vec()).await;
        assert_eq!((seen.status, &seen.body["code"]), (400, &"invalid_json".into()), "{wrong:?}");
    }
    let deep = format!(r#"{{"subject":"s","client_id":"c","claims":{}1{}}}"#, "[".repeat(50), "]".repeat(50));
    assert_eq!(send("application/json", deep.into_bytes()).await.body["code"], "invalid_json");
}

#[test]
fn parameters_that_repeat_are_named_in_the_refusal() {
    let bad = Params::parse(b"scope=a&scope=b").unwrap_err();
    assert_eq!((bad.name.as_deref(), bad.code), (Some("scope"), Code::Duplicate));
}

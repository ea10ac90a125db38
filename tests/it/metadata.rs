//! What everybody may know: metadata (RFC 8414), key sets, health, metrics, and addresses that are not there.

use reqwest::Method;
use serde_json::Value;

use crate::app::{Answer, ISSUER, TestApp};
use crate::wire::{call, is_problem, part_of};

async fn get(app: &TestApp, path: &str) -> Answer {
    call(app, Method::GET, path).await.must_be(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_names_the_issuer_and_every_endpoint_answers() {
    let app = TestApp::start().await;
    let metadata = get(&app, "/.well-known/oauth-authorization-server").await;
    assert_eq!(metadata.headers["content-type"], "application/json");
    assert_eq!(metadata.body["issuer"], ISSUER, "RFC 8414 §3.3: identical");
    assert_eq!(part_of(&app.admin().await, 1)["iss"], metadata.body["issuer"]);
    let members = metadata.body.as_object().expect("an object");
    let endpoints = members.iter().filter(|(name, _)| name.ends_with("_endpoint") || name.ends_with("_uri"));
    let mut seen = 0;
    for (name, address) in endpoints {
        let path = address.as_str().and_then(|address| address.strip_prefix(ISSUER)).unwrap_or_else(|| panic!("{name}: {address}"));
        let method = if name.ends_with("_uri") { Method::GET } else { Method::POST };
        let answer = call(&app, method.clone(), path).await;
        assert!(!matches!(answer.status.as_u16(), 404 | 405 | 500..), "{name}: {}", answer.status);
        seen += 1;
    }
    assert_eq!(seen, 5, "token, revocation, introspection, JWKS, PASERK");
    let has = |name: &str, value: &str| members[name].as_array().is_some_and(|values| values.contains(&Value::from(value)));
    assert!(has("grant_types_supported", "refresh_token") && has("grant_types_supported", "client_credentials"));
    assert!(has("token_endpoint_auth_methods_supported", "client_secret_basic"));
    assert!(has("token_endpoint_auth_methods_supported", "private_key_jwt"));
    for algorithm in ["EdDSA", "Ed25519", "ES256", "RS256"] {
        assert!(has("token_endpoint_auth_signing_alg_values_supported", algorithm), "{algorithm}");
        assert!(has("dpop_signing_alg_values_supported", algorithm), "{algorithm}");
    }
    assert_eq!(members["response_types_supported"], serde_json::json!([]), "there is no authorization endpoint");
    assert_eq!(
        members["introspection_signing_alg_values_supported"],
        serde_json::json!(["EdDSA"]),
        "what RFC 9701 answers are signed with"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn key_sets_hold_public_keys_and_nothing_else() {
    let app = TestApp::start().await;
    let jwks = get(&app, "/.well-known/jwks.json").await;
    assert_eq!(jwks.headers["content-type"], "application/jwk-set+json");
    let keys = jwks.body["keys"].as_array().expect("keys");
    assert_eq!(keys.len(), 2, "one signs, one stands by");
    for key in keys {
        assert_eq!(
            (&key["kty"], &key["crv"], &key["use"], &key["alg"]),
            (&"OKP".into(), &"Ed25519".into(), &"sig".into(), &"EdDSA".into())
        );
        assert!(key["kid"].is_string() && key["x"].is_string());
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none(), "{private}");
        }
    }
    let paserk = get(&app, "/.well-known/paserk.json").await;
    for key in paserk.body["keys"].as_array().expect("keys") {
        assert!(key["kid"].as_str().is_some_and(|kid| kid.starts_with("k4.pid.")));
        assert!(key["paserk"].as_str().is_some_and(|key| key.starts_with("k4.public.")));
        assert!(!key.to_string().contains("k4.secret") && !key.to_string().contains("k4.local"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn public_documents_may_be_cached_and_asked_for_again() {
    let app = TestApp::start().await;
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/jwks.json", "/.well-known/paserk.json"] {
        let first = get(&app, path).await;
        let caching = first.headers["cache-control"].to_str().expect("text").to_owned();
        let age: u64 = caching.split("max-age=").nth(1).and_then(|age| age.parse().ok()).unwrap_or_else(|| panic!("{caching}"));
        assert!((1..=3_600).contains(&age), "{path}: {caching}");
        let tag = first.headers["etag"].to_str().expect("text").to_owned();
        for sent in [tag.clone(), format!("\"x\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
            let again = app.send(app.request(Method::GET, path).header("if-none-match", sent)).await.must_be(304);
            assert!(again.text.is_empty() && again.headers["etag"] == tag.as_str());
        }
        let other = app.send(app.request(Method::GET, path).header("if-none-match", "\"x\"")).await.must_be(200);
        assert_eq!(other.text, first.text);
        let head = call(&app, Method::HEAD, path).await.must_be(200);
        assert!(head.text.is_empty() && head.headers["etag"] == tag.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_health_metrics_and_the_apis_description() {
    let app = TestApp::start().await;
    call(&app, Method::GET, "/healthz/live").await.must_be(204);
    assert_eq!(get(&app, "/healthz/ready").await.body["ready"], true);
    let served = get(&app, "/openapi.json").await;
    let committed: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).expect("JSON");
    assert!(served.body == committed, "docs/openapi.json is behind");

    app.open("alice").await;
    call(&app, Method::GET, "/nowhere/../%2e%2e/etc").await;
    let metrics = get(&app, "/metrics").await;
    assert!(metrics.headers["content-type"].to_str().is_ok_and(|kind| kind.starts_with("application/openmetrics-text")));
    assert!(metrics.text.ends_with("# EOF\n"), "OpenMetrics ends with its mark");
    let samples = metrics.text.lines().filter(|line| !line.starts_with('#'));
    for line in samples {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        assert!(value.parse::<f64>().is_ok() && series.starts_with("mintage_"), "{line}");
        assert!(series.contains("namespace=\"mintage\""), "{line}");
        assert!(!series.contains("nowhere") && !series.contains("alice"), "what strangers send is no label: {line}");
    }
    assert!(metrics.text.contains("mintage_sessions_opened_total"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_problem() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for path in [
        "/",
        "/nowhere",
        "/v1",
        "/v1/",
        "/v2/sessions",
        "/v1/sessions/",
        "/oauth",
        "/oauth/authorize",
        "/V1/sessions",
        "//v1/sessions",
        "/v1/me/sessions",
    ] {
        is_problem(&app.get(path, &admin).await, 404, "route_not_found");
    }
    let sid = "018f3c2a-0000-7000-8000-000000000000";
    for path in [format!("/v1/sessions/{sid}"), format!("/v1/revocations/{sid}"), "/v1/sessions/x".into(), "/v1/clients/x".into()] {
        is_problem(&app.get(&path, &admin).await, 404, "not_found");
    }
    let rows = [
        ("/v1/sessions", vec![Method::PUT, Method::DELETE, Method::PATCH], "GET"),
        ("/v1/revocations", vec![Method::GET, Method::DELETE], "POST"),
        ("/v1/clients/app", vec![Method::POST, Method::PATCH], "PUT"),
        ("/.well-known/jwks.json", vec![Method::POST, Method::DELETE], "GET"),
        ("/metrics", vec![Method::POST], "GET"),
    ];
    for (path, methods, allowed) in rows {
        for method in methods {
            let answer = app.send(app.request(method.clone(), path).bearer_auth(&admin)).await;
            is_problem(&answer, 405, "method_not_allowed");
            assert!(answer.headers["allow"].to_str().is_ok_and(|allow| allow.contains(allowed)), "{method} {path}");
        }
    }
    let odd = call(&app, Method::from_bytes(b"BREW").expect("a method"), "/v1/sessions").await;
    is_problem(&odd, 405, "method_not_allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_keeps_the_name_that_it_came_with() {
    let app = TestApp::start().await;
    let named = async |id: &str| app.send(app.request(Method::GET, "/nowhere").header("x-request-id", id)).await;
    assert_eq!(named("abc-123_x.y").await.body["request_id"], "abc-123_x.y");
    for strange in ["a b", "a\"b", "", &"a".repeat(65), "<script>"] {
        let answer = named(strange).await;
        is_problem(&answer, 404, "route_not_found");
        assert_ne!(answer.body["request_id"], strange);
    }
}

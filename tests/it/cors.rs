//! Which web origins may read answers (Fetch standard, "CORS protocol").

use reqwest::Method;
use serde_json::json;

use crate::app::{Answer, TestApp};
use crate::wire::node_with;

const ORIGIN: &str = "https://app.example";

fn permission(answer: &Answer) -> Option<&str> {
    assert!(!answer.headers.contains_key("access-control-allow-credentials"), "never with credentials");
    answer.headers.get("access-control-allow-origin").map(|value| value.to_str().expect("text"))
}

fn varies_by_origin(answer: &Answer) -> bool {
    answer.headers.get_all("vary").iter().any(|value| value.to_str().is_ok_and(|text| text.to_lowercase().contains("origin")))
}

async fn preflight(app: &TestApp, path: &str, origin: &str) -> Answer {
    let request = app.request(Method::OPTIONS, path).header("origin", origin);
    app.send(request.header("access-control-request-method", "POST").header("access-control-request-headers", "content-type")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_origin_may_read_what_clients_are_answered() {
    let app = node_with("").await;
    for path in ["/oauth/token", "/oauth/revoke"] {
        let request = app.request(Method::POST, path).header("origin", ORIGIN);
        let answer = app.send(request.form(&[("client_id", "app"), ("grant_type", "refresh_token")])).await;
        assert_eq!(permission(&answer), Some(ORIGIN), "refusals too: {path}");
        assert!(varies_by_origin(&answer));
        let asked = preflight(&app, path, ORIGIN).await.must_be(204);
        assert_eq!(permission(&asked), Some(ORIGIN));
        let header = |name: &str| asked.headers[name].to_str().expect("text").to_lowercase();
        assert!(header("access-control-allow-methods").contains("post"));
        assert!(
            header("access-control-allow-headers").contains("authorization")
                && header("access-control-allow-headers").contains("content-type")
        );
        assert!(varies_by_origin(&asked));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_origin_may() {
    let app = node_with("").await;
    let others = [
        "https://evil.example",
        "https://app.example.evil.example",
        "https://evilapp.example",
        "https://APP.example",
        "https://app.example:444",
        "https://app.example/",
        "http://app.example",
        "https://app.example, https://evil.example",
        "null",
        "*",
        "",
    ];
    for origin in others {
        let request = app.request(Method::POST, "/oauth/token").header("origin", origin);
        let answer = app.send(request.form(&[("client_id", "app")])).await;
        assert_eq!(permission(&answer), None, "{origin}");
        assert!(varies_by_origin(&answer), "a cache must not hand {origin} another's permission");
        let asked = preflight(&app, "/oauth/token", origin).await;
        assert_eq!(permission(&asked), None, "{origin}");
        assert!(!asked.headers.contains_key("access-control-allow-methods"));
    }
    let none = app.form("/oauth/token", &[("client_id", "app")]).await;
    assert!(permission(&none).is_none() && varies_by_origin(&none));
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_read_public_documents_and_nobody_the_management_api() {
    let app = node_with("").await;
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/jwks.json", "/.well-known/paserk.json"] {
        for origin in [ORIGIN, "https://anybody.example", "null"] {
            let answer = app.send(app.request(Method::GET, path).header("origin", origin)).await.must_be(200);
            assert_eq!(permission(&answer), Some("*"), "{path}");
        }
    }
    let admin = app.admin().await;
    for path in ["/v1/sessions", "/v1/clients", "/v1/keys", "/metrics", "/healthz/ready", "/nowhere"] {
        let answer = app.send(app.request(Method::GET, path).header("origin", ORIGIN).bearer_auth(&admin)).await;
        assert_eq!(permission(&answer), None, "{path}");
        assert_eq!(permission(&preflight(&app, path, ORIGIN).await), None, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_counts_from_when_it_is_registered_until_its_client_is_gone() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    assert_eq!(permission(&preflight(&app, "/oauth/token", "https://new.example").await), None);
    let client = json!({ "id": "new", "type": "public", "origins": ["https://new.example"] });
    app.post("/v1/clients", &admin, &client).await.must_be(201);
    assert_eq!(permission(&preflight(&app, "/oauth/token", "https://new.example").await), Some("https://new.example"));
    app.send(app.request(Method::DELETE, "/v1/clients/new").bearer_auth(&admin)).await.must_be(204);
    assert_eq!(permission(&preflight(&app, "/oauth/token", "https://new.example").await), None);
}

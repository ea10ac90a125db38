use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::outbound::OutboundLimits;

/// Answers the token endpoint and then everything else with one status and body; keeps what it was asked.
struct Fake {
    base: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    async fn new(token: (u16, &'static str), other: (u16, &'static str)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let seen = asked.clone();
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 16 * 1024];
                let length = connection.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                let (status, body) = if request.starts_with("POST /oauth/token ") { token } else { other };
                seen.lock().unwrap().push(request);
                let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                connection.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            }
        });
        Self { base, asked }
    }

    fn issuer(&self) -> RemoteIssuer {
        RemoteIssuer::new(&self.base, HttpClient::new(OutboundLimits::default()).unwrap(), "ops:1".into(), Secret::new("s/cret".into()))
            .unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

const TOKEN: (u16, &str) = (200, r#"{"access_token":"tok","token_type":"Bearer","expires_in":60,"scope":"mintage:keys"}"#);

#[tokio::test]
async fn a_call_gets_a_token_of_its_scope_once_and_presents_it() {
    let fake = Fake::new(TOKEN, (200, r#"{"items":[],"new_member":1}"#)).await;
    let issuer = fake.issuer();
    assert!(issuer.keys().await.unwrap().items.is_empty());
    assert!(issuer.keys().await.unwrap().items.is_empty());
    let asked = fake.asked();
    assert_eq!(asked.len(), 3, "one token serves both calls");
    let basic = STANDARD.encode("ops%3A1:s%2Fcret");
    assert!(asked[0].contains(&format!("authorization: Basic {basic}")), "{}", asked[0]);
    assert!(asked[0].ends_with("grant_type=client_credentials&scope=mintage%3Akeys"), "{}", asked[0]);
    assert!(asked[1].starts_with("GET /v1/keys HTTP/1.1") && asked[1].contains("authorization: Bearer tok"), "{}", asked[1]);
}

#[tokio::test]
async fn revoking_a_key_asks_for_both_scopes_that_it_needs() {
    let key = r#"{"kid":"k1","algorithm":"EdDSA","state":"revoked","announced_at":"a","activates_at":"b"}"#;
    let fake = Fake::new(TOKEN, (200, key)).await;
    fake.issuer().revoke_key("k1").await.unwrap();
    assert!(fake.asked()[0].ends_with("&scope=mintage%3Akeys%20mintage%3Arevoke.all"), "{}", fake.asked()[0]);
}

#[tokio::test]
async fn refusals_say_what_to_do_next() {
    let wrong = Fake::new((401, r#"{"error":"invalid_client","mintage_code":"client_not_authenticated"}"#), (500, "")).await;
    let text = wrong.issuer().keys().await.unwrap_err().to_string();
    assert!(text.contains("MINTAGE_CLIENT_SECRET"), "{text}");

    let problem = r#"{"type":"t","title":"The request is not well formed","status":400,"detail":"See `errors`","code":"invalid_request","request_id":"r1","errors":[{"pointer":"/scopes","code":"unknown"}]}"#;
    let refused = Fake::new(TOKEN, (400, problem)).await;
    let text = refused.issuer().clients().await.unwrap_err().to_string();
    assert_eq!(text, "refused (invalid_request): The request is not well formed. See `errors`\n  /scopes: unknown\n  request r1");

    let strange = Fake::new((200, "<html>"), (200, "")).await;
    assert_eq!(strange.issuer().keys().await.unwrap_err(), RemoteFault::Unintelligible(200));
}

#[tokio::test]
async fn what_a_user_names_cannot_change_the_path() {
    let client = r#"{"id":"../keys?x=1","type":"public","grants":[],"scopes":[],"audiences":[],"opens_for":[],"format":"jwt","origins":[],
        "lifetimes":{"access_ttl":1,"absolute":1,"idle":1,"retry_window":1,"rotation_pause":1},"rotates":true,"dpop_bound_access_tokens":false,
        "sessions_per_slot":null,"disabled":false,"read_only":false}"#;
    let fake = Fake::new(TOKEN, (200, client)).await;
    fake.issuer().remove_client("../keys?x=1").await.unwrap();
    let asked = fake.asked();
    for method in ["GET", "DELETE"] {
        let line = format!("{method} /v1/clients/..%2Fkeys%3Fx%3D1 HTTP/1.1");
        assert!(asked.iter().any(|request| request.starts_with(&line)), "{asked:?}");
    }
}

#[tokio::test]
async fn a_client_is_registered_with_a_token_that_may_do_what_it_gives() {
    let fake = Fake::new(TOKEN, (200, "{}")).await;
    let scopes = ["read", "mintage:sessions.open", "mintage:me"].map(str::to_owned).into();
    let body = r#"{"id":"backend","type":"confidential"}"#;
    let client = crate::api::NewClient { scopes, ..serde_json::from_str(body).unwrap() };
    let _ = fake.issuer().add_client(&client).await;
    assert!(fake.asked()[0].ends_with("&scope=mintage%3Aclients%20mintage%3Asessions.open"), "{}", fake.asked()[0]);
}

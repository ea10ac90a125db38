//! Design §5's table: what costs no store call, counted at the store.

use crate::app::{ADMIN_SECRET, TestApp};

/// Calls of the store so far, but for the heartbeat and the following of the log, which the clock makes.
pub(crate) async fn calls(app: &TestApp) -> u64 {
    let metrics = app.metrics().await;
    let counted = metrics.lines().filter(|line| line.starts_with("mintage_store_calls_total"));
    counted
        .filter(|line| !line.contains("heartbeat") && !line.contains("\"log\""))
        .map(|line| line.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok()).unwrap_or_else(|| panic!("{line}")))
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_table_calls_zero_calls_the_store_zero_times() {
    let app = TestApp::start().await;
    let session = app.open("alice").await;
    let expired = app.open("bob").await.access;
    app.pass(std::time::Duration::from_secs(301)).await;
    let fresh = app.refresh(&session.refresh).await.must_be(200);
    let access = fresh.text("/access_token");
    let before = calls(&app).await;
    assert!(before > 0, "the counter counts");

    assert!(app.is_active(&access).await);
    assert!(!app.is_active(&expired).await);
    app.form_as("/oauth/token", "admin", ADMIN_SECRET, &[("grant_type", "client_credentials")]).await.must_be(200);
    for path in ["/.well-known/jwks.json", "/.well-known/paserk.json", "/.well-known/oauth-authorization-server", "/healthz/ready"] {
        app.send(app.request(reqwest::Method::GET, path)).await.must_be(200);
    }
    app.refresh("mrt_junk").await.must_be(400);
    let mut forged = session.refresh.clone();
    forged.replace_range(20..21, if &forged[20..21] == "A" { "B" } else { "A" });
    app.refresh(&forged).await.must_be(400);
    assert!(!app.is_active(&forged).await);
    for bad in ["a.b.c", "v4.public.AAAA", &format!("{access}x"), &"a".repeat(9_000)] {
        assert!(!app.is_active(bad).await);
        app.form("/oauth/revoke", &[("client_id", "app"), ("token", bad)]).await.must_be(200);
        app.get("/v1/sessions", bad).await.must_be(401);
    }
    app.get("/v1/keys", &app.admin().await).await.must_be(200);
    assert_eq!(calls(&app).await, before, "not one call of the store");

    // And what the table calls one, calls it once.
    let before = calls(&app).await;
    app.open("carol").await;
    assert_eq!(calls(&app).await - before, 1, "an opening (its administrator's token costs none)");
    let before = calls(&app).await;
    app.refresh(&fresh.text("/refresh_token")).await.must_be(200);
    assert_eq!(calls(&app).await - before, 1, "a refresh");
    let before = calls(&app).await;
    app.form("/oauth/revoke", &[("client_id", "app"), ("token", &fresh.text("/refresh_token"))]).await.must_be(200);
    assert_eq!(calls(&app).await - before, 1, "a token given back");
}

//! The honest client: it introspects and refreshes, fifty times a second at most, every fifth time on a new connection.

use std::fmt;
use std::time::Duration;

use http::Request;
use mintage::outbound::{HttpClient, OutboundLimits};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::server::SECRET;

/// How to reach the node.
pub(crate) struct Caller {
    pub(crate) base: String,
    pub(crate) certificate: Option<Vec<u8>>,
}

/// How long each request took, before strangers came and while they were there.
#[derive(Default)]
pub(crate) struct Felt {
    pub(crate) before: Vec<Duration>,
    pub(crate) during: Vec<Duration>,
    pub(crate) failures: Vec<String>,
}

/// Until `over`; strangers come when `begun`.
pub(crate) async fn goes_on(caller: Caller, begun: CancellationToken, over: CancellationToken) -> Felt {
    let mut felt = Felt::default();
    let mut http = caller.client();
    let (access, mut refresh) = caller.session(&http).await;
    for turn in 0_u64.. {
        if over.is_cancelled() {
            break;
        }
        if turn % 5 == 0 {
            http = caller.client();
        }
        let began = Instant::now();
        let answer = if turn % 2 == 0 {
            caller.form(&http, "/oauth/introspect", &format!("client_id=admin&client_secret={SECRET}&token={access}")).await
        } else {
            caller.form(&http, "/oauth/token", &format!("grant_type=refresh_token&client_id=app&refresh_token={refresh}")).await
        };
        let latencies = if begun.is_cancelled() { &mut felt.during } else { &mut felt.before };
        latencies.push(began.elapsed());
        match answer {
            Ok(body) if turn % 2 == 0 && body["active"] == true => {}
            Ok(body) if turn % 2 == 1 && body["access_token"].is_string() => {
                if let Some(successor) = body["refresh_token"].as_str() {
                    successor.clone_into(&mut refresh);
                }
            }
            Ok(body) => felt.failures.push(format!("{turn}: {body}")),
            Err(why) => felt.failures.push(format!("{turn}: {why}")),
        }
        sleep(Duration::from_millis(20).saturating_sub(began.elapsed())).await;
    }
    felt
}

impl Caller {
    fn client(&self) -> HttpClient {
        let limits = OutboundLimits::default();
        match &self.certificate {
            Some(pem) => HttpClient::trusting(limits, pem),
            None => HttpClient::new(limits),
        }
        .expect("a client")
    }

    /// Access and refresh token of a session.
    async fn session(&self, http: &HttpClient) -> (String, String) {
        let form = format!("grant_type=client_credentials&client_id=admin&client_secret={SECRET}");
        let admin = self.form(http, "/oauth/token", &form).await.expect("a token");
        let text = |body: &Value, name: &str| body[name].as_str().expect(name).to_owned();
        let request = Request::post(format!("{}/v1/sessions", self.base))
            .header("authorization", format!("Bearer {}", text(&admin, "access_token")))
            .header("content-type", "application/json")
            .body(br#"{"subject":"alice","client_id":"app"}"#.to_vec());
        let answer = http.send(request.expect("a request")).await.expect("an answer");
        let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        // `admin` may look at it: a backend that introspects is its audience.
        (text(&body, "access_token"), text(&body, "refresh_token"))
    }

    async fn form(&self, http: &HttpClient, path: &str, form: &str) -> Result<Value, String> {
        let request = Request::post(format!("{}{path}", self.base)).header("content-type", "application/x-www-form-urlencoded");
        let answer = http.send(request.body(form.as_bytes().to_vec()).expect("a request")).await.map_err(|fault| fault.to_string())?;
        if !answer.status.is_success() {
            return Err(format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body)));
        }
        serde_json::from_slice(&answer.body).map_err(|fault| fault.to_string())
    }
}

impl fmt::Display for Felt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50/p99 {} before, {} during", percentiles(&self.before), percentiles(&self.during))?;
        write!(f, " ({} requests, {} failed)", self.before.len() + self.during.len(), self.failures.len())
    }
}

fn percentiles(latencies: &[Duration]) -> String {
    let mut sorted = latencies.to_vec();
    sorted.sort_unstable();
    let at = |hundredths: usize| sorted.get(sorted.len() * hundredths / 100).map_or(0.0, |time| time.as_secs_f64() * 1_000.0);
    format!("{:.1}/{:.1} ms", at(50), at(99))
}

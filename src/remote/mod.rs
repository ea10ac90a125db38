//! A typed client of our own API: it gets an access token with the scope that a call needs, calls, and turns refusals into sentences that
//! say what to do next.

mod calls;
mod fault;
mod url;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

pub use calls::{AuditFilter, SessionFilter};
pub use fault::{Refused, RemoteFault};

use crate::api::TokenAnswer;
use crate::outbound::{Answer, HttpClient};
use crate::secret::{Secret, without_user};

/// A running deployment, and as whom we speak to it.
#[derive(Debug)]
pub struct RemoteIssuer {
    http: HttpClient,
    base: String,
    client_id: String,
    client_secret: Secret<String>,
    /// By scope, a space between several. Commands are over before a token is.
    tokens: Mutex<BTreeMap<String, Secret<String>>>,
}

impl RemoteIssuer {
    /// Speaks to the deployment at `base` as this client.
    ///
    /// # Errors
    /// [`RemoteFault::BadBase`] unless `base` is `https://host[:port]`, or `http://` on loopback: a secret goes there.
    pub fn new(base: &str, http: HttpClient, client_id: String, client_secret: Secret<String>) -> Result<Self, RemoteFault> {
        let base = url::base(base).ok_or_else(|| RemoteFault::BadBase(without_user(base)))?;
        Ok(Self { http, base, client_id, client_secret, tokens: Mutex::default() })
    }

    /// Calls with a token of this scope and reads the answer.
    async fn call<T: DeserializeOwned>(&self, scope: &str, call: Call<'_, impl Serialize>) -> Result<T, RemoteFault> {
        let answer = self.send(scope, call).await?;
        serde_json::from_slice(&answer.body).map_err(|_| RemoteFault::Unintelligible(answer.status.as_u16()))
    }

    /// Calls with a token of this scope; what a success says is of no interest.
    async fn command(&self, scope: &str, call: Call<'_, impl Serialize>) -> Result<(), RemoteFault> {
        self.send(scope, call).await.map(drop)
    }

    async fn send(&self, scope: &str, call: Call<'_, impl Serialize>) -> Result<Answer, RemoteFault> {
        let mut request = Request::builder()
            .method(call.method)
            .uri(format!("{}{}", self.base, call.path))
            .header(AUTHORIZATION, self.bearer(scope).await?)
            .header(ACCEPT, "application/json, application/problem+json");
        let body = match call.body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                serde_json::to_vec(body).map_err(|_| RemoteFault::BadBase(self.base.clone()))?
            }
            None => Vec::new(),
        };
        let answer = self.exchange(request.body(body)).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(fault::of_problem(&answer, scope, &self.client_id)) }
    }

    /// Calls with a token of this scope, and hands the answer over as it comes.
    async fn download(
        &self,
        scope: &str,
        path: &str,
        take: &mut (dyn FnMut(&[u8]) -> std::io::Result<()> + Send),
    ) -> Result<(), RemoteFault> {
        let request = Request::get(format!("{}{path}", self.base)).header(AUTHORIZATION, self.bearer(scope).await?);
        let request = request.body(Vec::new()).map_err(|_| RemoteFault::BadBase(self.base.clone()))?;
        let refusal = self.http.download(request, take).await.map_err(|fault| RemoteFault::Outbound(self.base.clone(), fault))?;
        refusal.map_or(Ok(()), |answer| Err(fault::of_problem(&answer, scope, &self.client_id)))
    }

    async fn bearer(&self, scope: &str) -> Result<HeaderValue, RemoteFault> {
        self.token(scope).await?.expose(|token| header(&format!("Bearer {token}")))
    }

    async fn token(&self, scope: &str) -> Result<Secret<String>, RemoteFault> {
        if let Some(token) = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(scope) {
            return Ok(token.clone());
        }
        let credentials = self.client_secret.expose(|secret| {
            let pair = Zeroizing::new(format!("{}:{}", url::encode(&self.client_id), url::encode(secret)));
            header(&format!("Basic {}", STANDARD.encode(pair.as_bytes())))
        })?;
        let form = format!("grant_type=client_credentials&scope={}", url::encode(scope));
        let request = Request::post(format!("{}/oauth/token", self.base))
            .header(AUTHORIZATION, credentials)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json");
        let answer = self.exchange(request.body(form.into_bytes())).await?;
        if !answer.status.is_success() {
            return Err(fault::of_oauth(&answer, scope, &self.client_id));
        }
        let tokens: TokenAnswer = serde_json::from_slice(&answer.body).map_err(|_| RemoteFault::Unintelligible(answer.status.as_u16()))?;
        let token = tokens.access_token.into_secret();
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(scope.to_owned(), token.clone());
        Ok(token)
    }

    async fn exchange(&self, request: http::Result<Request<Vec<u8>>>) -> Result<Answer, RemoteFault> {
        let request = request.map_err(|_| RemoteFault::BadBase(self.base.clone()))?;
        self.http.send(request).await.map_err(|fault| RemoteFault::Outbound(self.base.clone(), fault))
    }
}

/// One call of the API.
struct Call<'a, B> {
    method: Method,
    path: String,
    body: Option<&'a B>,
}

impl Call<'_, ()> {
    fn plain(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: None }
    }
}

fn header(text: &str) -> Result<HeaderValue, RemoteFault> {
    let mut value = HeaderValue::from_str(text).map_err(|_| RemoteFault::BadCredentials)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;

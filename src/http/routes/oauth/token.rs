//! `POST /oauth/token`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use tracing::{Span, field};

use crate::api::{Code, Disclosed, TokenAnswer};
use crate::http::client_auth::ClientForm;
use crate::http::openapi::{OAuthRefusals, TokenForm};
use crate::issuer::{ClientCredentialsRequest, Issuer, RefreshRequest, Refusal, Tokens};
use crate::registry::ScopeSet;
use crate::token::dpop::Proof;
use crate::web::{Params, Proven, Refused, answer};

/// Refresh a session, or get a token for the client itself
///
/// The client authenticates with HTTP Basic or in the form, a public client names itself. Every answer to `refresh_token` that has
/// no `refresh_token` means: keep the one you have. With a `DPoP` header (RFC 9449) the access token is bound to the key that it proves.
#[utoipa::path(
    post, path = "/oauth/token", operation_id = "token", tag = "oauth", security((), ("client" = [])),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = TokenAnswer, description = "Tokens (RFC 6749 §5.1)"), OAuthRefusals)
)]
pub(in crate::http) async fn token(
    State(issuer): State<Arc<Issuer>>,
    Proven(proof): Proven,
    ClientForm { caller, mut form }: ClientForm,
) -> Result<Response, Refused> {
    let tokens = match form.text("grant_type").as_deref() {
        Some("refresh_token") => issuer.refresh(&caller, refresh_request(form, proof)?).await?,
        Some("client_credentials") => issuer.client_credentials(&caller, client_credentials_request(form, proof)?).await?,
        Some(_) => return Err(Code::UnsupportedGrantType.into()),
        None => return Err(Refused::field(Code::InvalidRequest, "/grant_type", Code::Required)),
    };
    Ok(answer(&TokenAnswer::from(Told(tokens))).into_response())
}

fn refresh_request(mut form: Params, proof: Option<Proof>) -> Result<RefreshRequest, Refused> {
    let refresh_token = form.take("refresh_token");
    let refresh_token = refresh_token.ok_or_else(|| Refused::field(Code::InvalidRequest, "/refresh_token", Code::Required))?;
    Ok(RefreshRequest { refresh_token, scope: scope(&mut form)?, resources: form.all("resource"), proof })
}

fn client_credentials_request(mut form: Params, proof: Option<Proof>) -> Result<ClientCredentialsRequest, Refused> {
    Ok(ClientCredentialsRequest { scope: scope(&mut form)?, resources: form.all("resource"), proof })
}

fn scope(form: &mut Params) -> Result<Option<ScopeSet>, Refused> {
    form.text("scope").map(|scope| scope.parse()).transpose().map_err(|_| Refusal::ScopeNotAllowed.into())
}

/// Tokens that are about to be handed over: the log learns their ids.
pub(in crate::http) struct Told(pub(in crate::http) Tokens);

impl From<Told> for TokenAnswer {
    fn from(Told(tokens): Told) -> Self {
        let Tokens { access_token, expires_in, refresh_token, refresh_expires_in, scope, token_type, jti, sid } = tokens;
        let span = Span::current();
        span.record("jti", field::display(jti));
        if let Some(sid) = sid {
            span.record("sid", field::display(sid));
        }
        Self {
            access_token: Disclosed::new(access_token),
            token_type: token_type.to_owned(),
            expires_in: expires_in.as_secs(),
            refresh_token: refresh_token.map(Disclosed::new),
            refresh_expires_in: refresh_expires_in.map(|left| left.as_secs()),
            scope,
        }
    }
}

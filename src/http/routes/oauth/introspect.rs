//! `POST /oauth/introspect`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use tracing::Span;

use crate::api::{Code, IntrospectionBody};
use crate::http::client_auth::recognise;
use crate::http::openapi::{OAuthRefusals, TokenNamed};
use crate::issuer::{Asker, Issuer};
use crate::web::{Form, Params, Refused, Visit, bearer};

/// The signed form of the answer (RFC 9701 §5).
const SIGNED: &str = "application/token-introspection+jwt";

/// Ask what a token is worth now
///
/// For clients with their own credentials, or bearers with `mintage:introspect`. With `Accept: application/token-introspection+jwt`
/// the answer is signed.
#[utoipa::path(
    post, path = "/oauth/introspect", operation_id = "introspect", tag = "oauth", security(("client" = []), ("bearer" = [])),
    request_body(content = TokenNamed, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "What it is worth (RFC 7662 §2.2)", content(
            (IntrospectionBody = "application/json"), (String = "application/token-introspection+jwt")
        )),
        OAuthRefusals
    )
)]
pub(in crate::http) async fn introspect(State(issuer): State<Arc<Issuer>>, Form { head, mut params }: Form) -> Result<Response, Refused> {
    let asker = asker(&issuer, &head, &mut params).await?;
    let token = params.take("token").ok_or_else(|| Refused::field(Code::InvalidRequest, "/token", Code::Required))?;
    let introspection = issuer.introspect(&asker, &token).await?;
    if wants_signed(&head.headers) {
        let signed = issuer.introspection_jwt(asker.id(), introspection).await?;
        return Ok(([(CONTENT_TYPE, SIGNED), (VARY, "accept")], signed).into_response());
    }
    Ok(([(CONTENT_TYPE, "application/json"), (VARY, "accept")], introspection.text()).into_response())
}

async fn asker(issuer: &Issuer, head: &Parts, form: &mut Params) -> Result<Asker, Refused> {
    let Some(bearer) = bearer(issuer, &head.headers, &Method::POST, "/oauth/introspect")? else {
        return recognise(issuer, head, form).await.map(Asker::Client);
    };
    if form.has("client_id") || form.has("client_secret") || form.has("client_assertion") || form.has("access_token") {
        return Err(Code::ClientAuthenticationRepeated.into());
    }
    Visit::of(&head.extensions).recognised(&bearer.client_id, true)?;
    Span::current().record("client_id", &bearer.client_id);
    Ok(Asker::Bearer(bearer))
}

fn wants_signed(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    accepted.into_iter().any(|range| {
        let mut parts = range.split(';').map(str::trim);
        parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(SIGNED)) && !parts.any(refuses)
    })
}

/// Whether a parameter of a media range is a weight of nothing: "not acceptable" (RFC 9110 §12.4.2).
fn refuses(parameter: &str) -> bool {
    let weight = parameter.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    weight.and_then(|(_, weight)| weight.trim().parse::<f32>().ok()).is_some_and(|weight| weight <= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_form_is_given_to_who_asks_for_it() {
        let accept = |value| HeaderMap::from_iter([(ACCEPT, value)]);
        assert!(wants_signed(&accept("text/html, Application/Token-Introspection+JWT;q=0.9".parse().unwrap())));
        assert!(!wants_signed(&accept("*/*".parse().unwrap())));
        assert!(!wants_signed(&HeaderMap::new()));
        for refused in ["q=0", " q=0.000", "Q = 0.0", "x=1; q=0"] {
            let value = format!("application/token-introspection+jwt;{refused}, application/json");
            assert!(!wants_signed(&accept(value.parse().unwrap())), "{value}");
        }
        assert!(wants_signed(&accept("application/token-introspection+jwt;q=0.001".parse().unwrap())));
    }
}

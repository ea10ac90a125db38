//! Who sends a request: the Authorization header (RFC 9110 §11.6.2) and the Bearer scheme (RFC 6750).

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Method};
use tracing::Span;

use super::arrival::Arrival;
use super::params::decode;
use super::problem::Refused;
use super::rate_limits::Visit;
use crate::api::Code;
use crate::audit::{Asked, Text};
use crate::issuer::{Bearer, Fault, Issuer, Presented, Refusal};
use crate::token::dpop::{Proof, ProofFault};

/// The bearer of a good access token whose audience is the issuer. What it may do is judged by the verb.
#[derive(Clone, Debug)]
pub struct Authorized(pub Bearer);

impl<S: Sync> FromRequestParts<S> for Authorized
where
    Arc<Issuer>: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        if has_token(parts.uri.query()) {
            return Err(Code::BearerMalformed.into());
        }
        let issuer = Arc::<Issuer>::from_ref(state);
        let bearer = bearer(&issuer, &parts.headers, &parts.method, parts.uri.path())?.ok_or(Code::BearerMissing)?;
        Visit::of(&parts.extensions).recognised(&bearer.client_id, true)?;
        let bearer = Bearer { asked: asked(&parts.extensions), ..bearer };
        let span = Span::current();
        span.record("client_id", &bearer.client_id);
        span.record("jti", tracing::field::display(bearer.jti));
        Ok(Self(bearer))
    }
}

/// Which request it is, for the audit trail.
pub fn asked(extensions: &Extensions) -> Asked {
    let arrival = Arrival::of(extensions);
    Asked { request_id: arrival.map(|arrival| Text::of(arrival.id.as_str())), from: arrival.map(|arrival| arrival.from.0) }
}

/// The key that the sender of a request to the token endpoint proves to hold (RFC 9449 §5), where it sends a proof. Judged before the client
/// is: an assertion is not used up by a request that must be sent again with a nonce.
#[derive(Clone, Debug)]
pub struct Proven(pub Option<Proof>);

impl<S: Sync> FromRequestParts<S> for Proven
where
    Arc<Issuer>: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let Some(proof) = proof(&parts.headers).map_err(Refusal::Unproven)? else { return Ok(Self(None)) };
        let presented = Presented { proof, method: parts.method.as_str(), path: parts.uri.path() };
        Ok(Self(Some(Arc::<Issuer>::from_ref(state).prove(&presented).map_err(Refusal::Unproven)?)))
    }
}

/// Recognises the sender of an access token, where the request brings one: as Bearer, or bound to a key with a proof of it (RFC 9449 §7.1).
pub fn bearer(issuer: &Issuer, headers: &HeaderMap, method: &Method, path: &str) -> Result<Option<Bearer>, Refused> {
    let Some((scheme, token)) = access_token(headers)? else { return Ok(None) };
    let proof = match scheme {
        Scheme::Bearer => None,
        Scheme::Dpop => Some(proof(headers).map_err(Fault::Unproven)?.ok_or(Fault::Unproven(ProofFault::Missing("header")))?),
    };
    let presented = proof.map(|proof| Presented { proof, method: method.as_str(), path });
    Ok(Some(issuer.bearer(token, presented.as_ref())?))
}

/// The one `DPoP` header, where there is one (RFC 9449 §4.3, step 1).
fn proof(headers: &HeaderMap) -> Result<Option<&str>, ProofFault> {
    let mut sent = headers.get_all("dpop").iter();
    match (sent.next(), sent.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => one.to_str().map(Some).map_err(|_| ProofFault::Header),
        (Some(_), Some(_)) => Err(ProofFault::Header),
    }
}

/// How an access token is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scheme {
    Bearer,
    Dpop,
}

/// The token of the Bearer or the DPoP scheme, where the request uses one of them. One header, one scheme: anything else refuses.
fn access_token(headers: &HeaderMap) -> Result<Option<(Scheme, &str)>, Refused> {
    match authorization(headers).map_err(|BadHeader| Refused::from(Code::BearerMalformed))? {
        Some((name, token)) => {
            let scheme = match name {
                _ if name.eq_ignore_ascii_case("bearer") => Scheme::Bearer,
                _ if name.eq_ignore_ascii_case("dpop") => Scheme::Dpop,
                _ => return Ok(None),
            };
            if token.is_empty() { Err(Code::BearerMalformed.into()) } else { Ok(Some((scheme, token))) }
        }
        None => Ok(None),
    }
}

/// Several Authorization headers, or one that is not visible ASCII.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadHeader;

/// Scheme and credentials of the one Authorization header.
pub fn authorization(headers: &HeaderMap) -> Result<Option<(&str, &str)>, BadHeader> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    match (sent.next(), sent.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(BadHeader),
        (Some(one), None) => {
            let text = one.to_str().map_err(|_| BadHeader)?.trim_matches(' ');
            Ok(Some(text.split_once(' ').map_or((text, ""), |(scheme, rest)| (scheme, rest.trim_start_matches(' ')))))
        }
    }
}

/// Whether there is a token in the address, where it would stand in logs and histories (RFC 6750 §5.3, RFC 9700 §4.3.2). However
/// malformed the rest of the query is.
pub fn has_token(query: Option<&str>) -> bool {
    let name = |pair: &str| decode(pair.split('=').next().unwrap_or_default().as_bytes());
    query.is_some_and(|query| query.split('&').any(|pair| name(pair).as_deref() == Some("access_token")))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn the_scheme_is_read_without_regard_to_case() {
        for spelled in ["Bearer abc", "bearer abc", "BEARER  abc"] {
            assert_eq!(access_token(&headers(&[spelled])), Ok(Some((Scheme::Bearer, "abc"))), "{spelled}");
        }
    }

    #[test]
    fn a_bound_token_has_a_scheme_of_its_own() {
        assert_eq!(access_token(&headers(&["dPoP abc"])), Ok(Some((Scheme::Dpop, "abc"))));
        assert_eq!(access_token(&headers(&["DPoP "])), Err(Code::BearerMalformed.into()));
    }

    #[test]
    fn there_is_one_proof_or_none() {
        let of = |values: &[&str]| {
            values.iter().map(|value| ("dpop".parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect::<HeaderMap>()
        };
        assert_eq!(proof(&of(&[])), Ok(None));
        assert_eq!(proof(&of(&["a.b.c"])), Ok(Some("a.b.c")));
        assert_eq!(proof(&of(&["a.b.c", "a.b.c"])), Err(ProofFault::Header));
    }

    #[test]
    fn another_scheme_or_none_is_no_token() {
        assert_eq!(access_token(&headers(&["Basic YTpi"])), Ok(None));
        assert_eq!(access_token(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn two_headers_or_an_empty_token_are_malformed() {
        for wrong in [&["Bearer a", "Bearer a"][..], &["Basic YTpi", "Bearer a"], &["Bearer"], &["Bearer "]] {
            assert_eq!(access_token(&headers(wrong)), Err(Code::BearerMalformed.into()), "{wrong:?}");
        }
        let mut binary = HeaderMap::new();
        binary.insert(AUTHORIZATION, HeaderValue::from_bytes(b"Bearer \xff").unwrap());
        assert_eq!(access_token(&binary), Err(Code::BearerMalformed.into()));
    }

    #[test]
    fn a_token_in_the_query_is_seen_however_it_is_spelled() {
        assert!(has_token(Some("access_token=a")) && has_token(Some("x=1&access%5Ftoken=a")));
        assert!(!has_token(Some("token=a")) && !has_token(None));
    }
}

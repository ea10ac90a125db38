//! Extractors that are strict and whose refusals speak our words; a parser's own text is never shown.

use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use serde::de::DeserializeOwned;

use super::arrival::Arrival;
use super::body;
use super::fields;
use super::params::{BadParams, Params};
use super::problem::Refused;
use crate::api::Code;
use crate::json;

/// What a body of the API may have: claims of 32 members, and the rest of the request around them.
const JSON_LIMITS: json::Limits = json::Limits { depth: 8, members: 128 };

/// A JSON body: UTF-8, no name twice, at most 8 levels deep, no member that is not known.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// As [`Json`], also sent as `application/merge-patch+json` (RFC 7396).
#[derive(Debug)]
pub struct MergePatch<T>(pub T);

/// An `application/x-www-form-urlencoded` body; parameters that nobody takes are ignored (RFC 6749 §3.2). Beside it nothing may stand in the
/// address: addresses are logged everywhere.
#[derive(Debug)]
pub struct Form {
    /// The head of the request that it came in.
    pub head: Parts,
    /// What it says.
    pub params: Params,
}

/// The query of the address.
#[derive(Debug)]
pub struct Query(pub Params);

impl Query {
    /// Refuses parameters that are none of `known`: a misspelled filter must not list everything.
    pub fn only(self, known: &[&str]) -> Result<Params, Refused> {
        match self.0.stranger(known) {
            Some(name) => Err(Refused::field(Code::InvalidQuery, fields::pointer(name), Code::UnknownMember)),
            None => Ok(self.0),
        }
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        json_body(request, &["application/json"]).await.map(Self)
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for MergePatch<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        json_body(request, &["application/json", "application/merge-patch+json"]).await.map(Self)
    }
}

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let (head, body) = request.into_parts();
        if head.uri.query().is_some_and(|query| !query.is_empty()) {
            return Err(Code::InvalidQuery.into());
        }
        body::must_be(&head.headers, &["application/x-www-form-urlencoded"])?;
        let text = body::read(&head.extensions, body).await?;
        let params = Params::parse(&text).map_err(|bad| refused(Code::InvalidForm, bad))?;
        Ok(Self { head, params })
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let query = parts.uri.query().unwrap_or_default();
        Params::parse_filled(query.as_bytes()).map(Self).map_err(|bad| refused(Code::InvalidQuery, bad))
    }
}

/// The last part of an address that names a thing; a name that cannot be one is not found.
#[derive(Clone, Debug)]
pub struct Id<T>(pub T);

impl<S: Sync + Send, T: FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        match named(&parts.extensions) {
            [name] => name.parse().map(Self).map_err(|_| Code::NotFound.into()),
            _ => Err(Code::NotFound.into()),
        }
    }
}

/// The two parts of an address that name a thing of a thing, in their order.
#[derive(Clone, Debug)]
pub struct Ids(pub String, pub String);

impl<S: Sync + Send> FromRequestParts<S> for Ids {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        match named(&parts.extensions) {
            [one, other] => Ok(Self(one.clone(), other.clone())),
            _ => Err(Code::NotFound.into()),
        }
    }
}

fn named(extensions: &Extensions) -> &[String] {
    Arrival::of(extensions).map(|arrival| &arrival.named[..]).unwrap_or_default()
}

/// The `Idempotency-Key` header, at most one.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let mut sent = headers.get_all("idempotency-key").iter();
    match (sent.next().map(|value| value.to_str()), sent.next()) {
        (None, _) => Ok(None),
        (Some(Ok(key)), None) => Ok(Some(key.to_owned())),
        (Some(Err(_)), None) => Err(Refused::field(Code::InvalidRequest, "/Idempotency-Key", Code::Malformed)),
        (Some(_), Some(_)) => Err(Refused::field(Code::InvalidRequest, "/Idempotency-Key", Code::Duplicate)),
    }
}

fn refused(code: Code, bad: BadParams) -> Refused {
    Refused::field(code, bad.name.map(|name| fields::pointer(&name)).unwrap_or_default(), bad.code)
}

async fn json_body<T: DeserializeOwned>(request: Request, types: &[&str]) -> Result<T, Refused> {
    let (head, body) = request.into_parts();
    body::must_be(&head.headers, types)?;
    let text = &body::read(&head.extensions, body).await?;
    json::check(text, JSON_LIMITS).map_err(|_| Refused::from(Code::InvalidJson))?;
    let value = serde_json::from_slice(text).map_err(|_| Refused::from(Code::InvalidJson))?;
    fields::read(value).map_err(|wrong| Refused::field(Code::InvalidRequest, wrong.pointer, wrong.code))
}

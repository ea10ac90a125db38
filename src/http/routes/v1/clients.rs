//! `/v1/clients`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::api::{ClientBody, ClientCreated, ClientList, Code, Disclosed, LifetimesBody, NewClient, ReplaceClient};
use crate::http::openapi::{ApiRefusals, BodyRefusals, Conflict, NotFound};
use crate::issuer::{ClientInfo, Issuer};
use crate::registry::{Client, OpensFor, Overrides, ScopeSet, SecretHash};
use crate::token::assertion::{self, KeysFault};
use crate::web::{Authorized, Id, Json, Refused, answer};

/// List the clients
///
/// Scope `mintage:clients`, as everywhere here.
#[utoipa::path(
    get, path = "/v1/clients", operation_id = "list_clients", tag = "clients", security(("bearer" = [])),
    responses((status = 200, body = ClientList, description = "The clients"), ApiRefusals)
)]
pub(in crate::http) async fn list(State(issuer): State<Arc<Issuer>>, Authorized(by): Authorized) -> Result<Response, Refused> {
    let clients = issuer.clients(&by)?;
    Ok(answer(&ClientList { items: clients.into_iter().map(body_of).collect() }).into_response())
}

/// Register a client
///
/// A confidential client that brings no keys is given a secret, shown in this answer and never again.
#[utoipa::path(
    post, path = "/v1/clients", operation_id = "add_client", tag = "clients", security(("bearer" = [])), request_body = NewClient,
    responses(
        (status = 201, body = ClientCreated, description = "The client", headers(("Location" = String, description = "The client"))),
        Conflict, ApiRefusals, BodyRefusals
    )
)]
pub(in crate::http) async fn add(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    Json(body): Json<NewClient>,
) -> Result<Response, Refused> {
    let added = issuer.add_client(&by, client_of(body)?).await?;
    let at = format!("/v1/clients/{}", added.info.client.id);
    let body = ClientCreated { client: body_of(added.info), client_secret: added.secret.map(Disclosed::new) };
    Ok((StatusCode::CREATED, [(LOCATION, at)], answer(&body)).into_response())
}

/// Show a client
#[utoipa::path(
    get, path = "/v1/clients/{id}", operation_id = "show_client", tag = "clients", security(("bearer" = [])),
    params(("id" = String, Path)),
    responses((status = 200, body = ClientBody, description = "The client"), NotFound, ApiRefusals)
)]
pub(in crate::http) async fn show(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    Id(id): Id<String>,
) -> Result<Response, Refused> {
    let client = issuer.client(&by, &id)?;
    Ok(answer(&body_of(client)).into_response())
}

/// Replace a client's registration
///
/// The whole of it: a member that is left out is an error. Its secrets stay.
#[utoipa::path(
    put, path = "/v1/clients/{id}", operation_id = "replace_client", tag = "clients", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = ReplaceClient,
    responses((status = 200, body = ClientBody, description = "As it is now"), NotFound, Conflict, ApiRefusals, BodyRefusals)
)]
pub(in crate::http) async fn replace(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    Id(id): Id<String>,
    Json(body): Json<ReplaceClient>,
) -> Result<Response, Refused> {
    let client = issuer.replace_client(&by, client_of(named(id, body))?).await?;
    Ok(answer(&body_of(client)).into_response())
}

/// Remove a client
///
/// Its sessions end and its access tokens are void.
#[utoipa::path(
    delete, path = "/v1/clients/{id}", operation_id = "remove_client", tag = "clients", security(("bearer" = [])),
    params(("id" = String, Path)),
    responses((status = 204, description = "It is gone"), NotFound, Conflict, ApiRefusals)
)]
pub(in crate::http) async fn remove(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    Id(id): Id<String>,
) -> Result<StatusCode, Refused> {
    issuer.remove_client(&by, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn named(id: String, body: ReplaceClient) -> NewClient {
    let ReplaceClient { kind, jwks, grants, scopes, audiences, opens_for, format, origins, rotates, sessions_per_slot, disabled, .. } =
        body;
    let ReplaceClient { access_ttl, absolute, idle, retry_window, rotation_pause, dpop_bound_access_tokens, .. } = body;
    NewClient {
        id,
        kind,
        jwks,
        grants,
        scopes,
        audiences,
        opens_for,
        format,
        origins,
        access_ttl,
        absolute,
        idle,
        retry_window,
        rotation_pause,
        rotates,
        dpop_bound_access_tokens,
        sessions_per_slot,
        disabled,
    }
}

fn client_of(body: NewClient) -> Result<Client, Refused> {
    let NewClient { id, kind, jwks, grants, scopes, audiences, opens_for, format, origins, rotates, sessions_per_slot, disabled, .. } =
        body;
    let seconds = |seconds: Option<u64>| seconds.map(Duration::from_secs);
    Ok(Client {
        id,
        kind,
        secrets: Vec::new(),
        dpop_bound: body.dpop_bound_access_tokens,
        keys: jwks.map(|set| keys(&set)).transpose()?.unwrap_or_default(),
        grants,
        scopes: scope_set(&scopes)?,
        audiences,
        opens_for: opens(opens_for)?,
        format,
        origins,
        overrides: Overrides {
            access_ttl: seconds(body.access_ttl),
            absolute: seconds(body.absolute),
            idle: seconds(body.idle),
            retry_window: seconds(body.retry_window),
            rotation_pause: seconds(body.rotation_pause),
        },
        rotates,
        sessions_per_slot,
        disabled,
    })
}

fn keys(set: &Value) -> Result<Vec<String>, Refused> {
    assertion::read_keys(&set.to_string()).map_err(|fault| {
        let (at, code) = match fault {
            KeysFault::Malformed => (None, Code::Malformed),
            KeysFault::Empty => (None, Code::Required),
            KeysFault::TooMany => (None, Code::TooMany),
            KeysFault::Duplicate(at) => (Some(at), Code::Duplicate),
            KeysFault::Private(at) => (Some(at), Code::PrivateKey),
            KeysFault::Key(at, _) => (Some(at), Code::Malformed),
        };
        Refused::field(Code::InvalidRequest, at.map_or("/jwks".to_owned(), |at| format!("/jwks/keys/{at}")), code)
    })
}

fn scope_set(scopes: &BTreeSet<String>) -> Result<ScopeSet, Refused> {
    let set: ScopeSet = scopes.iter().map(String::as_str).collect();
    if set.iter().count() == scopes.len() { Ok(set) } else { Err(Refused::field(Code::InvalidRequest, "/scopes", Code::Malformed)) }
}

fn opens(ids: BTreeSet<String>) -> Result<OpensFor, Refused> {
    match (ids.contains("*"), ids.len()) {
        (false, _) => Ok(OpensFor::These(ids)),
        (true, 1) => Ok(OpensFor::Every),
        (true, _) => Err(Refused::field(Code::InvalidRequest, "/opens_for", Code::Malformed)),
    }
}

fn body_of(info: ClientInfo) -> ClientBody {
    let ClientInfo { client, lifetimes, read_only } = info;
    let Client { id, kind, secrets, keys, grants, scopes, audiences, opens_for, format, origins, overrides, .. } = client;
    let Client { rotates, dpop_bound, sessions_per_slot, disabled, .. } = client;
    let seconds = |lifetime: Option<Duration>| lifetime.map(|lifetime| lifetime.as_secs());
    let keys: Vec<Value> = keys.iter().filter_map(|key| serde_json::from_str(key).ok()).collect();
    ClientBody {
        id,
        kind,
        jwks: (!keys.is_empty()).then(|| json!({ "keys": keys })),
        grants,
        scopes: scopes.iter().map(str::to_owned).collect(),
        audiences,
        opens_for: match opens_for {
            OpensFor::Every => BTreeSet::from(["*".to_owned()]),
            OpensFor::These(ids) => ids,
        },
        format,
        origins,
        access_ttl: seconds(overrides.access_ttl),
        absolute: seconds(overrides.absolute),
        idle: seconds(overrides.idle),
        retry_window: seconds(overrides.retry_window),
        rotation_pause: seconds(overrides.rotation_pause),
        lifetimes: LifetimesBody {
            access_ttl: lifetimes.access_ttl.as_secs(),
            absolute: lifetimes.absolute.as_secs(),
            idle: lifetimes.idle.as_secs(),
            retry_window: lifetimes.retry_window.as_secs(),
            rotation_pause: lifetimes.rotation_pause.as_secs(),
        },
        rotates,
        dpop_bound_access_tokens: dpop_bound,
        sessions_per_slot,
        disabled,
        read_only,
        secret_ids: secrets.iter().map(SecretHash::id).collect(),
    }
}

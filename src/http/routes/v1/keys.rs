//! `/v1/keys`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::api::{AnnounceKey, KeyBody, KeyList, MacKeyBody};
use crate::http::openapi::{ApiRefusals, BodyRefusals, Conflict, NotFound};
use crate::issuer::{Issuer, KeyInfo, MacInfo, RingInfo};
use crate::time::Moment;
use crate::web::{Authorized, Id, Json, Refused, answer};

/// List the signing keys
///
/// Scope `mintage:keys`, as everywhere here.
#[utoipa::path(
    get, path = "/v1/keys", operation_id = "list_keys", tag = "keys", security(("bearer" = [])),
    responses((status = 200, body = KeyList, description = "The keys"), ApiRefusals)
)]
pub(in crate::http) async fn list(State(issuer): State<Arc<Issuer>>, Authorized(by): Authorized) -> Result<Response, Refused> {
    let keys = issuer.keys(&by)?;
    Ok(answer(&list_of(keys)).into_response())
}

/// Announce a new signing key
///
/// It is published at once and signs when others have had the time to learn of it.
#[utoipa::path(
    post, path = "/v1/keys", operation_id = "announce_key", tag = "keys", security(("bearer" = [])), request_body = AnnounceKey,
    responses((status = 201, body = KeyBody, description = "The key"), Conflict, ApiRefusals, BodyRefusals)
)]
pub(in crate::http) async fn announce(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    Json(AnnounceKey { algorithm }): Json<AnnounceKey>,
) -> Result<Response, Refused> {
    let key = issuer.announce_key(&by, algorithm.as_deref()).await?;
    Ok((StatusCode::CREATED, answer(&body_of(key))).into_response())
}

/// Let the announced keys sign at once
#[utoipa::path(
    post, path = "/v1/keys/rotate", operation_id = "rotate_keys", tag = "keys", security(("bearer" = [])),
    responses((status = 200, body = KeyList, description = "The keys as they are now"), Conflict, ApiRefusals)
)]
pub(in crate::http) async fn rotate(State(issuer): State<Arc<Issuer>>, Authorized(by): Authorized) -> Result<Response, Refused> {
    let keys = issuer.rotate_keys(&by).await?;
    Ok(answer(&list_of(keys)).into_response())
}

/// Let the announced MAC key make refresh tokens
///
/// Within two minutes, when every node has read it. Refresh tokens that are out stay good.
#[utoipa::path(
    post, path = "/v1/keys/macs/rotate", operation_id = "rotate_mac_keys", tag = "keys", security(("bearer" = [])),
    responses((status = 200, body = KeyList, description = "The keys as they are now"), ApiRefusals)
)]
pub(in crate::http) async fn rotate_macs(State(issuer): State<Arc<Issuer>>, Authorized(by): Authorized) -> Result<Response, Refused> {
    let keys = issuer.rotate_mac_keys(&by).await?;
    Ok(answer(&list_of(keys)).into_response())
}

/// Stop signing with a key
///
/// What it signed stays good until it expires.
#[utoipa::path(
    post, path = "/v1/keys/{kid}/retire", operation_id = "retire_key", tag = "keys", security(("bearer" = [])),
    params(("kid" = String, Path)),
    responses((status = 200, body = KeyBody, description = "As it is now"), NotFound, Conflict, ApiRefusals)
)]
pub(in crate::http) async fn retire(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    Id(kid): Id<String>,
) -> Result<Response, Refused> {
    let key = issuer.retire_key(&by, &kid).await?;
    Ok(answer(&body_of(key)).into_response())
}

/// Revoke a key
///
/// Everything that it signed is void at once; a standby signs from now on. Needs the scope `mintage:revoke.all` as well.
#[utoipa::path(
    post, path = "/v1/keys/{kid}/revoke", operation_id = "revoke_key", tag = "keys", security(("bearer" = [])),
    params(("kid" = String, Path)),
    responses((status = 200, body = KeyBody, description = "As it is now"), NotFound, Conflict, ApiRefusals)
)]
pub(in crate::http) async fn revoke(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    Id(kid): Id<String>,
) -> Result<Response, Refused> {
    let key = issuer.revoke_key(&by, &kid).await?;
    Ok(answer(&body_of(key)).into_response())
}

fn list_of(ring: RingInfo) -> KeyList {
    let RingInfo { signing, macs, warnings } = ring;
    KeyList { items: signing.into_iter().map(body_of).collect(), macs: macs.into_iter().map(mac_body_of).collect(), warnings }
}

fn mac_body_of(mac: MacInfo) -> MacKeyBody {
    let MacInfo { id, state, announced_at, activates_at, ends_at } = mac;
    MacKeyBody {
        id,
        state: state.to_owned(),
        announced_at: announced_at.to_rfc3339(),
        activates_at: activates_at.to_rfc3339(),
        ends_at: ends_at.map(Moment::to_rfc3339),
    }
}

fn body_of(key: KeyInfo) -> KeyBody {
    let KeyInfo { kid, algorithm, state, announced_at, activates_at, retires_at, ends_at, revoked_at } = key;
    KeyBody {
        kid,
        algorithm: algorithm.to_owned(),
        state: state.to_owned(),
        announced_at: announced_at.to_rfc3339(),
        activates_at: activates_at.to_rfc3339(),
        retires_at: retires_at.map(Moment::to_rfc3339),
        ends_at: ends_at.map(Moment::to_rfc3339),
        revoked_at: revoked_at.map(Moment::to_rfc3339),
    }
}

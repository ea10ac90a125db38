//! Every URL on one screen.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post};
use tokio_util::sync::CancellationToken;

use super::routes::oauth::{introspect, revoke, token};
use super::routes::ops::{health, metrics, openapi};
use super::routes::v1::{audit, backup, claims, client_secrets, clients, keys, revocations, session, sessions};
use super::routes::well_known::{jwks, metadata, paserk};
use crate::issuer::Issuer;
use crate::telemetry::Metrics;
use crate::web::{Observer, Origins, Part, Proxies, RateLimits, Surface, method_not_allowed, no_route, pass};

/// What the surface is made of.
#[derive(Clone)]
pub struct Doors {
    /// The verbs.
    pub issuer: Arc<Issuer>,
    /// What sees every request.
    pub observer: Observer,
    /// Which proxies are believed about where a request comes from.
    pub proxies: Arc<Proxies>,
    /// How often who may ask; `None` is as often as they like.
    pub rate_limits: Option<Arc<RateLimits>>,
    /// Told when the node is about to stop: it is not ready any more.
    pub stopping: CancellationToken,
}

/// A part of the surface: its routes, and their addresses for the API's description to be held against.
pub(super) struct Routes {
    router: Router<Doors>,
    pub(super) paths: Vec<&'static str>,
}

// Every body is read up to 64 KiB and 20 s, every answer comes within 30 s; what a bearer may do is judged by the verb that is asked.

/// Guard: client authentication, or at introspection a Bearer with `mintage:introspect`. CORS: registered origins.
fn oauth() -> Routes {
    Routes::new()
        .at("/oauth/token", post(token::token))
        .at("/oauth/revoke", post(revoke::revoke))
        .at("/oauth/introspect", post(introspect::introspect))
}

/// Guard: none. CORS: anyone.
fn well_known() -> Routes {
    Routes::new()
        .at("/.well-known/oauth-authorization-server", get(metadata::metadata))
        .at("/.well-known/jwks.json", get(jwks::jwks))
        .at("/.well-known/paserk.json", get(paserk::paserk))
}

/// Guard: Bearer, audience the issuer. No CORS.
fn v1() -> Routes {
    Routes::new()
        .at("/v1/sessions", get(sessions::list).post(sessions::open))
        .at("/v1/sessions/claims", post(claims::patch_subject))
        .at("/v1/sessions/{sid}", get(session::show).patch(session::patch).delete(session::end))
        .at("/v1/revocations", post(revocations::revoke))
        .at("/v1/revocations/{id}", get(revocations::show))
        .at("/v1/backup", get(backup::take))
        .at("/v1/keys", get(keys::list).post(keys::announce))
        .at("/v1/keys/rotate", post(keys::rotate))
        .at("/v1/keys/macs/rotate", post(keys::rotate_macs))
        .at("/v1/keys/{kid}/retire", post(keys::retire))
        .at("/v1/keys/{kid}/revoke", post(keys::revoke))
        .at("/v1/clients", get(clients::list).post(clients::add))
        .at("/v1/clients/{id}", get(clients::show).put(clients::replace).delete(clients::remove))
        .at("/v1/clients/{id}/secrets", post(client_secrets::add))
        .at("/v1/clients/{id}/secrets/{secret_id}", delete(client_secrets::remove))
        .at("/v1/audit", get(audit::list))
}

/// Guard: the listener, which is on loopback or for operators.
fn operators() -> Routes {
    Routes::new()
        .at("/healthz/live", get(health::live))
        .at("/healthz/ready", get(health::ready))
        .at("/metrics", get(metrics::metrics))
        .at("/openapi.json", get(openapi::openapi))
}

/// The service itself, for everybody.
pub fn service(doors: &Doors) -> Router {
    finish(everything(doors), doors)
}

/// What operators ask, for a listener of their own, or to be merged into [`service`]'s.
pub fn ops(doors: &Doors) -> Router {
    finish(operators().of(doors.part(Surface::Api)), doors)
}

/// Both on one listener.
pub fn service_and_ops(doors: &Doors) -> Router {
    finish(everything(doors).merge(operators().of(doors.part(Surface::Api))), doors)
}

fn everything(doors: &Doors) -> Router<Doors> {
    let (limits, nonces) = (doors.rate_limits.clone(), Some(doors.issuer.clone()));
    let registered = Some(Origins::Registered(doors.issuer.clone()));
    let v1_part = Part { limits, nonces, ..doors.part(Surface::Api) };
    let oauth_part = Part { surface: Surface::OAuth, origins: registered, ..v1_part.clone() };
    let well_known_part = Part { origins: Some(Origins::Anyone), ..doors.part(Surface::Api) };
    oauth().of(oauth_part).merge(well_known().of(well_known_part)).merge(v1().of(v1_part))
}

fn finish(router: Router<Doors>, doors: &Doors) -> Router {
    let elsewhere = Router::new().fallback(no_route).layer(from_fn_with_state(Arc::new(doors.part(Surface::Api)), pass));
    router.merge(elsewhere).with_state(doors.clone())
}

impl Doors {
    fn part(&self, surface: Surface) -> Part {
        Part::new(surface, self.observer.clone(), self.proxies.clone())
    }
}

impl Routes {
    fn new() -> Self {
        Self { router: Router::new(), paths: Vec::new() }
    }

    fn at(mut self, path: &'static str, methods: MethodRouter<Doors>) -> Self {
        self.paths.push(path);
        Self { router: self.router.route(path, methods), ..self }
    }

    fn of(self, part: Part) -> Router<Doors> {
        self.router.method_not_allowed_fallback(method_not_allowed).layer(from_fn_with_state(Arc::new(part), pass))
    }
}

/// Every address there is.
#[cfg(test)]
pub(super) fn every_path() -> Vec<&'static str> {
    [oauth(), well_known(), v1(), operators()].into_iter().flat_map(|routes| routes.paths).collect()
}

impl FromRef<Doors> for Arc<Issuer> {
    fn from_ref(doors: &Doors) -> Self {
        doors.issuer.clone()
    }
}

impl FromRef<Doors> for CancellationToken {
    fn from_ref(doors: &Doors) -> Self {
        doors.stopping.clone()
    }
}

impl FromRef<Doors> for Arc<Metrics> {
    fn from_ref(doors: &Doors) -> Self {
        doors.observer.metrics.clone()
    }
}

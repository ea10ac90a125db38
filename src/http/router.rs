//! Every URL on one screen.

use std::sync::Arc;

use axum::extract::FromRef;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::routes::oauth::{introspect, revoke, token};
use super::routes::ops::{health, metrics, openapi};
use super::routes::v1::{audit, backup, claims, client_secrets, clients, keys, revocations, session, sessions};
use super::routes::well_known::{jwks, metadata, paserk};
use crate::issuer::Issuer;
use crate::telemetry::Metrics;
use crate::web::{Observer, Origins, Part, Proxies, RateLimits, Site, Surface};

type Routes = crate::web::Routes<Doors>;

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
    /// Verbs that go on although nobody waits for their answers.
    pub let_go: TaskTracker,
}

// Every body is read up to 64 KiB and 20 s, every answer comes within 30 s; what a bearer may do is judged by the verb that is asked.

/// Guard: client authentication, or at introspection a Bearer with `mintage:introspect`. CORS: registered origins.
fn oauth() -> Routes {
    Routes::new().post("/oauth/token", token::token).post("/oauth/revoke", revoke::revoke).post("/oauth/introspect", introspect::introspect)
}

/// Guard: none. CORS: anyone.
fn well_known() -> Routes {
    Routes::new()
        .get("/.well-known/oauth-authorization-server", metadata::metadata)
        .get("/.well-known/jwks.json", jwks::jwks)
        .get("/.well-known/paserk.json", paserk::paserk)
}

/// Guard: Bearer, audience the issuer. No CORS.
fn v1() -> Routes {
    Routes::new()
        .get("/v1/sessions", sessions::list)
        .post("/v1/sessions", sessions::open)
        .post("/v1/sessions/claims", claims::patch_subject)
        .get("/v1/sessions/{sid}", session::show)
        .patch("/v1/sessions/{sid}", session::patch)
        .delete("/v1/sessions/{sid}", session::end)
        .post("/v1/revocations", revocations::revoke)
        .get("/v1/revocations/{id}", revocations::show)
        .get("/v1/backup", backup::take)
        .get("/v1/keys", keys::list)
        .post("/v1/keys", keys::announce)
        .post("/v1/keys/rotate", keys::rotate)
        .post("/v1/keys/macs/rotate", keys::rotate_macs)
        .post("/v1/keys/{kid}/retire", keys::retire)
        .post("/v1/keys/{kid}/revoke", keys::revoke)
        .get("/v1/clients", clients::list)
        .post("/v1/clients", clients::add)
        .get("/v1/clients/{id}", clients::show)
        .put("/v1/clients/{id}", clients::replace)
        .delete("/v1/clients/{id}", clients::remove)
        .post("/v1/clients/{id}/secrets", client_secrets::add)
        .delete("/v1/clients/{id}/secrets/{secret_id}", client_secrets::remove)
        .get("/v1/audit", audit::list)
}

/// Guard: the listener, which is on loopback or for operators.
fn operators() -> Routes {
    Routes::new()
        .get("/healthz/live", health::live)
        .get("/healthz/ready", health::ready)
        .get("/metrics", metrics::metrics)
        .get("/openapi.json", openapi::openapi)
}

/// The service itself, for everybody.
pub fn service(doors: &Doors) -> Site {
    let mut site = Site::new(doors.part(Surface::Api));
    let (limits, nonces) = (doors.rate_limits.clone(), Some(doors.issuer.clone()));
    let registered = Some(Origins::Registered(doors.issuer.clone()));
    let v1_part = Part { limits, nonces, ..doors.part(Surface::Api) };
    let oauth_part = Part { surface: Surface::OAuth, origins: registered, ..v1_part.clone() };
    let well_known_part = Part { origins: Some(Origins::Anyone), ..doors.part(Surface::Api) };
    site.show(oauth_part, oauth(), doors);
    site.show(well_known_part, well_known(), doors);
    site.show(v1_part, v1(), doors);
    site
}

/// What operators ask, for a listener of their own.
pub fn ops(doors: &Doors) -> Site {
    let mut site = Site::new(doors.part(Surface::Api));
    site.show(doors.part(Surface::Api), operators(), doors);
    site
}

/// Both on one listener.
pub fn service_and_ops(doors: &Doors) -> Site {
    let mut site = service(doors);
    site.show(doors.part(Surface::Api), operators(), doors);
    site
}

impl Doors {
    fn part(&self, surface: Surface) -> Part {
        Part { let_go: self.let_go.clone(), ..Part::new(surface, self.observer.clone(), self.proxies.clone()) }
    }
}

/// Every address there is.
#[cfg(test)]
pub(super) fn every_path() -> Vec<&'static str> {
    [oauth(), well_known(), v1(), operators()].iter().flat_map(Routes::paths).collect()
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

//! What an access token says (RFC 9068 §2.2), whatever format carries it.

mod custom;

pub use custom::{Custom, CustomFault, is_reserved};

use crate::id::{Jti, Origin, Sid};
use crate::time::Moment;

/// The claims of an access token. Moments count whole seconds here: no format carries less.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    /// `iss`: who issued it.
    pub issuer: String,
    /// `sub`: the user, or the client itself where there is no user.
    pub subject: String,
    /// `aud`: whom it is for. We mint exactly one; a token read may name several.
    pub audience: Vec<String>,
    /// `exp`: from here on it is dead.
    pub expires_at: Moment,
    /// `iat`.
    pub issued_at: Moment,
    /// `nbf`: not good before. We never mint it.
    pub not_before: Option<Moment>,
    /// `jti`.
    pub jti: Jti,
    /// `client_id` (RFC 8693 §4.3): whom it was issued to.
    pub client_id: String,
    /// `sid`: its session, where it has one.
    pub sid: Option<Sid>,
    /// `scope` (RFC 8693 §4.2): tokens separated by spaces.
    pub scope: Option<String>,
    /// `auth_time`: when the user was authenticated, in seconds since the Unix epoch.
    pub auth_time: Option<u64>,
    /// `acr`.
    pub acr: Option<String>,
    /// `amr` (RFC 8176); empty when not known.
    pub amr: Vec<String>,
    /// `cnf.jkt` (RFC 9449 §6.1): the thumbprint of the key that its sender must prove to hold.
    pub sender_key: Option<String>,
    /// `act` (RFC 8693 §4.1): the compact text of a JSON object.
    pub actor: Option<String>,
    /// The session's custom claims.
    pub custom: Custom,
}

impl Claims {
    /// What revocation judges this token by, given the key that signed it.
    pub fn origin<'a>(&'a self, kid: &'a str) -> Origin<'a> {
        Origin { jti: self.jti, sid: self.sid, subject: &self.subject, client: &self.client_id, kid }
    }
}

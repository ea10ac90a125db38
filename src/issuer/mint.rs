//! Making an access token: claims, lifetime, signature.

use std::time::Duration;

use super::{Fault, Issuer, Refusal, Unavailable};
use crate::claims::{Claims, Custom};
use crate::id::{Jti, Sid, Stamp};
use crate::keyring::{KeyRing, Signature, SigningKey};
use crate::policy::Session;
use crate::registry::{Client, ScopeSet, TokenFormat};
use crate::secret::Secret;
use crate::time::Moment;
use crate::token::{jwt, paseto};

/// What a token is to say; the rest is the issuer's to add.
pub(super) struct Minting<'a> {
    pub(super) subject: &'a str,
    pub(super) client: &'a Client,
    pub(super) audience: &'a str,
    pub(super) scope: &'a ScopeSet,
    pub(super) stamp: Stamp,
    /// The session that it belongs to: its claims, and its end as the latest expiry.
    pub(super) session: Option<&'a Session>,
    /// The thumbprint of the key that it is bound to.
    pub(super) sender_key: Option<&'a str>,
}

/// A token that was made.
pub(super) struct Minted {
    pub(super) token: Secret<String>,
    pub(super) jti: Jti,
    pub(super) sid: Option<Sid>,
    pub(super) expires_in: Duration,
    pub(super) is_bound: bool,
}

/// The key that is to sign for a client, picked before the store is asked: what could refuse, refuses first.
pub(super) struct Signer {
    ring: std::sync::Arc<KeyRing>,
    kid: String,
}

impl Signer {
    fn key(&self) -> Result<&SigningKey, Fault> {
        self.ring.key(&self.kid).map(|held| &held.key).ok_or_else(|| Unavailable::NoSigningKey.into())
    }

    /// The one seam at which bytes are signed; a key that lives elsewhere would be asked here. Local keys answer at once.
    #[expect(clippy::unused_async, reason = "a key in a KMS or a PKCS#11 token answers later")]
    async fn sign(&self, bytes: &[u8]) -> Result<Signature, Fault> {
        self.key()?.sign(bytes).map_err(|_| Unavailable::NoSigningKey.into())
    }
}

impl Issuer {
    /// The key that signs this client's tokens now.
    pub(super) fn signer(&self, format: TokenFormat) -> Result<Signer, Fault> {
        let ring = self.ring.load_full();
        let kid = ring.signer(format == TokenFormat::Paseto, self.now()).map(|held| held.key.verifying().kid().to_owned());
        kid.map(|kid| Signer { ring, kid }).ok_or_else(|| Unavailable::NoSigningKey.into())
    }

    /// Makes and signs one access token (RFC 9068 §2.2; PASETO v4.public with the same claims).
    ///
    /// A client that has been disabled or removed since it asked gets none: what voided its tokens may lie below this stamp.
    pub(super) async fn mint(&self, minting: &Minting<'_>, signer: &Signer) -> Result<Minted, Fault> {
        if self.registry.load().client(&minting.client.id).is_none() {
            return Err(Refusal::ClientNotAuthenticated.into());
        }
        let claims = self.claims(minting)?;
        let key = signer.key()?.verifying();
        let token = match minting.client.format {
            TokenFormat::Jwt => {
                let input = jwt::signing_input(&claims, key);
                let signature = signer.sign(input.as_bytes()).await?;
                jwt::finish(input, &signature)
            }
            TokenFormat::Paseto => {
                let registry = self.registry.load_full();
                let input = paseto::signing_input(&claims, key.kid(), registry.implicit(minting.audience).as_bytes());
                let signature = signer.sign(input.signed()).await?;
                paseto::finish(&input, &signature)
            }
        };
        let expires_in = claims.expires_at.since(claims.issued_at);
        Ok(Minted { token: Secret::new(token), jti: claims.jti, sid: claims.sid, expires_in, is_bound: claims.sender_key.is_some() })
    }

    /// Signs another kind of JWT, which says so in its `typ`.
    pub(super) async fn sign_typed(&self, typ: &str, payload: &str) -> Result<String, Fault> {
        let signer = self.signer(TokenFormat::Jwt)?;
        let key = signer.key()?.verifying();
        let input = jwt::signing_input_typed(typ, key, payload);
        let signature = signer.sign(input.as_bytes()).await?;
        Ok(jwt::finish(input, &signature))
    }

    fn claims(&self, minting: &Minting<'_>) -> Result<Claims, Fault> {
        let Minting { subject, client, audience, scope, stamp, session, sender_key } = *minting;
        let issued_at = Moment::from_seconds(self.now().seconds());
        let custom = match session {
            Some(session) => Custom::parse(&session.claims)
                .map_err(|_| Unavailable::StoreDown(format!("the record of session {} has unreadable claims", session.sid)))?,
            None => Custom::default(),
        };
        Ok(Claims {
            issuer: self.policy.issuer.clone(),
            subject: subject.to_owned(),
            audience: vec![audience.to_owned()],
            expires_at: self.expiry(client, issued_at, session.map(|session| session.expires_at)),
            issued_at,
            not_before: None,
            jti: Jti::new(stamp, &self.random()),
            client_id: client.id.clone(),
            sid: session.map(|session| session.sid),
            scope: (!scope.is_empty()).then(|| scope.to_string()),
            auth_time: session.and_then(|session| session.auth_time),
            acr: session.and_then(|session| session.acr.clone()),
            amr: session.map(|session| session.amr.clone()).unwrap_or_default(),
            sender_key: sender_key.map(str::to_owned),
            actor: None,
            custom,
        })
    }

    /// `iat` and the lifetime, less up to 5 % in whole seconds so that refreshes do not come in waves, and never later than the session's end.
    /// The shortest lifetime of one second stays one.
    fn expiry(&self, client: &Client, issued_at: Moment, end: Option<Moment>) -> Moment {
        let lifetime = self.registry.load().lifetimes(client).access_ttl;
        let [coarse, fine] = self.drawn.bytes::<2>();
        let jitter = lifetime.mul_f64(0.05 * f64::from(u16::from_be_bytes([coarse, fine])) / f64::from(u16::MAX));
        let jitter = Duration::from_secs(jitter.as_secs());
        let expires_at = issued_at.plus(lifetime.saturating_sub(jitter)).min(end.unwrap_or(Moment::MAX));
        Moment::from_seconds(expires_at.seconds())
    }
}

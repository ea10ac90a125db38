//! Opening a session: a trusted backend has authenticated a user and gets a pair of tokens.

use std::sync::Arc;

use super::mint::{Minting, Signer};
use super::{Bearer, Fault, Issuer, OpenAnswer, OpenRequest, Refusal, Tokens, Unavailable};
use crate::api::Code;
use crate::claims::{Custom, CustomFault};
use crate::id::Stamp;
use crate::policy::Session;
use crate::registry::{Client, Grant, Lifetimes, ScopeSet, management};
use crate::revocation::Revocation;
use crate::secret::Secret;
use crate::store::{Open, Opened, Store};
use crate::time::Moment;
use crate::token::b64;
use crate::token::refresh::{RefreshToken, hash_secret};

impl Issuer {
    pub(super) async fn open_session(&self, by: &Bearer, request: OpenRequest) -> Result<OpenAnswer, Fault> {
        by.must_have(management::SESSIONS_OPEN)?;
        let client = self.openable(by, &request)?;
        let lifetimes = self.registry.load().lifetimes(&client);
        let mac_key = self.ring.load().current_mac(self.now()).map(|mac| mac.id).ok_or(Unavailable::NoSigningKey)?;
        let secret = Secret::new(self.entropy.bytes::<16>());
        let session = self.session_to_open(&request, &client, &lifetimes, mac_key, &secret)?;
        let signer = self.signer(client.format)?;
        let idempotency = self.idempotency_of_open(by, &request, mac_key, &secret)?;
        let known = self.known(&request.subject, &client.id);
        let open = Open {
            session,
            lifetime: request.lifetime.unwrap_or(lifetimes.absolute),
            random: self.random(),
            sessions_per_slot: client.sessions_per_slot,
            idempotency,
        };
        let (session, stamp, secret) = match self.store.open(open, known).await? {
            Opened::New { session, stamp, displaced } => {
                self.metrics.opened();
                self.merge(&displaced);
                for gone in &displaced {
                    if let Revocation::Session(sid) = gone.revocation {
                        self.session_was_displaced(by, &session.subject, sid);
                    }
                }
                (session, stamp, secret)
            }
            Opened::Again { session, stamp, sealed } => {
                let secret = self.secret_again(&session, &sealed, &request)?;
                (session, stamp, secret)
            }
            Opened::KeyReused => return Err(Refusal::IdempotencyKeyReused.into()),
        };
        let tokens = self.first_pair(&session, stamp, secret, &client, &signer).await?;
        Ok(OpenAnswer { session: *session, tokens })
    }

    /// The secret of a session that the same `Idempotency-Key` opened before; the caller alone can unseal it.
    fn secret_again(&self, session: &Session, sealed: &[u8], request: &OpenRequest) -> Result<Secret<[u8; 16]>, Fault> {
        if let Some(ended) = &session.ended {
            return Err(Refusal::SessionEnded(Some(ended.reason)).into());
        }
        self.unseal(sealed, request.idempotency_key.as_deref().unwrap_or_default())
    }

    async fn first_pair(
        &self,
        session: &Session,
        stamp: Stamp,
        secret: Secret<[u8; 16]>,
        client: &Client,
        signer: &Signer,
    ) -> Result<Tokens, Fault> {
        let audience = session.audience.first().cloned().unwrap_or_default();
        let sender_key = session.sender_key.as_deref();
        let minting = Minting {
            subject: &session.subject,
            client,
            audience: &audience,
            scope: &session.scope,
            stamp,
            session: Some(session),
            sender_key,
        };
        let minted = self.mint(&minting, signer).await?;
        self.metrics.minted("open", client.format.name());
        let refresh_token = self.write_refresh_token(&RefreshToken::new(session.mac_key, session.sid, session.generation, secret))?;
        Ok(Tokens::pair(minted, refresh_token, session, session.scope.clone(), self.now()))
    }

    /// The text of a refresh token, under the MAC key that its session names.
    pub(super) fn write_refresh_token(&self, token: &RefreshToken) -> Result<Secret<String>, Fault> {
        token.write(&self.ring.load()).ok_or_else(|| self.want_ring())
    }

    /// The client that the session is for, if the asker may open for it and it may have what is asked.
    fn openable(&self, by: &Bearer, request: &OpenRequest) -> Result<Arc<Client>, Fault> {
        let registry = self.registry.load();
        let opener = registry.client(&by.client_id).ok_or(Refusal::ClientNotOpenable)?;
        if !opener.opens_for.allows(&request.client_id) {
            return Err(Refusal::ClientNotOpenable.into());
        }
        let client = registry.client(&request.client_id).ok_or_else(|| Refusal::invalid("/client_id", Code::UnknownClient))?;
        if !client.grants.contains(&Grant::RefreshToken) {
            return Err(Refusal::invalid("/client_id", Code::ClientCannotRefresh).into());
        }
        let scope = request.scope.clone().unwrap_or_default();
        if scope.management_scope().is_some() || !scope.is_within(&client.scopes) {
            return Err(Refusal::ScopeNotAllowed.into());
        }
        if request.audience.iter().flatten().any(|audience| !client.audiences.contains(audience)) {
            return Err(Refusal::AudienceNotAllowed.into());
        }
        Ok(client.clone())
    }

    fn session_to_open(
        &self,
        request: &OpenRequest,
        client: &Client,
        lifetimes: &Lifetimes,
        mac_key: u8,
        secret: &Secret<[u8; 16]>,
    ) -> Result<Session, Fault> {
        check_fields(request, client, lifetimes, self.now())?;
        let claims = request.claims.as_deref().map(Custom::parse).transpose().map_err(|fault| claims_refusal(&fault))?.unwrap_or_default();
        let scope = request.scope.clone().unwrap_or_else(|| session_scopes(client));
        check_scope(&scope)?;
        let unset = Moment::default();
        Ok(Session {
            sid: crate::id::Sid::new(crate::id::Stamp::ZERO, &[0; 10]),
            subject: request.subject.clone(),
            client_id: client.id.clone(),
            opened_at: unset,
            last_refreshed_at: unset,
            expires_at: unset,
            idle: lifetimes.idle,
            generation: 0,
            rotated_at: unset,
            mac_key,
            secret_hash: hash_secret(secret),
            audience: request.audience.clone().unwrap_or_else(|| client.audiences.clone()),
            opened_scope: scope.clone(),
            scope,
            claims: claims.text().to_owned(),
            auth_time: request.auth_time,
            acr: request.acr.clone(),
            amr: request.amr.clone(),
            sender_key: request.sender_key.clone(),
            device: request.device.clone(),
            slot: request.slot.clone(),
            upstream: request.upstream.clone(),
            ended: None,
        })
    }
}

/// What a client's sessions may have: all its scopes but those of the management API.
fn session_scopes(client: &Client) -> ScopeSet {
    client.scopes.iter().filter(|scope| !scope.starts_with(management::PREFIX) || *scope == management::ME).collect()
}

/// The refusal that a fault in custom claims becomes.
pub(super) fn claims_refusal(fault: &CustomFault) -> Fault {
    match fault {
        CustomFault::TooLarge | CustomFault::TooMany => Refusal::ClaimsTooLarge.into(),
        CustomFault::Reserved(name) => {
            Refusal::invalid(format!("/claims/{}", name.replace('~', "~0").replace('/', "~1")), Code::ReservedClaim).into()
        }
        CustomFault::NotAnObject => Refusal::invalid("/claims", Code::WrongType).into(),
        CustomFault::TooDeep => Refusal::invalid("/claims", Code::TooDeep).into(),
        CustomFault::Malformed | CustomFault::DuplicateName => Refusal::invalid("/claims", Code::Malformed).into(),
    }
}

const MAX_SUBJECT: usize = 255;
const MAX_TEXT: usize = 255;
const MAX_SCOPE: usize = 1024;
const MAX_USER_AGENT: usize = 1024;

fn check_fields(request: &OpenRequest, client: &Client, lifetimes: &Lifetimes, now: Moment) -> Result<(), Refusal> {
    check_subject(&request.subject)?;
    if request.audience.as_ref().unwrap_or(&client.audiences).is_empty() {
        return Err(Refusal::invalid("/audience", Code::Required));
    }
    check_lengths(request)?;
    if request.auth_time.is_some_and(|at| at == 0 || at > now.seconds() + 10) {
        return Err(Refusal::invalid("/auth_time", Code::OutOfRange));
    }
    if client.dpop_bound && request.sender_key.is_none() {
        return Err(Refusal::invalid("/cnf", Code::Required));
    }
    if request.lifetime.is_some_and(|lifetime| lifetime.as_secs() == 0 || lifetime > lifetimes.absolute) {
        return Err(Refusal::invalid("/lifetime", Code::OutOfRange));
    }
    Ok(())
}

/// Any text of 1 to 255 bytes: the application chooses.
pub(super) fn check_subject(subject: &str) -> Result<(), Refusal> {
    match subject.len() {
        0 => Err(Refusal::invalid("/subject", Code::Required)),
        1..=MAX_SUBJECT => Ok(()),
        _ => Err(Refusal::invalid("/subject", Code::TooLong)),
    }
}

/// A token must stay within what verifiers read (8 KiB), whatever else is in it.
pub(super) fn check_scope(scope: &ScopeSet) -> Result<(), Refusal> {
    if scope.to_string().len() > MAX_SCOPE { Err(Refusal::invalid("/scope", Code::TooLong)) } else { Ok(()) }
}

fn check_lengths(request: &OpenRequest) -> Result<(), Refusal> {
    let device = request.device.as_ref();
    let texts = [
        ("/acr", request.acr.as_deref(), MAX_TEXT),
        ("/slot", request.slot.as_deref(), MAX_TEXT),
        ("/device/name", device.and_then(|device| device.name.as_deref()), MAX_TEXT),
        ("/device/user_agent", device.and_then(|device| device.user_agent.as_deref()), MAX_USER_AGENT),
        ("/device/ip", device.and_then(|device| device.ip.as_deref()), MAX_TEXT),
        ("/upstream/iss", request.upstream.as_ref().map(|upstream| upstream.iss.as_str()), MAX_TEXT),
        ("/upstream/sid", request.upstream.as_ref().and_then(|upstream| upstream.sid.as_deref()), MAX_TEXT),
    ];
    if let Some((pointer, ..)) = texts.iter().find(|(_, text, most)| text.is_some_and(|text| text.len() > *most)) {
        return Err(Refusal::invalid(*pointer, Code::TooLong));
    }
    if request.amr.len() > 8 || request.amr.iter().any(|method| method.len() > 32) {
        return Err(Refusal::invalid("/amr", Code::TooLong));
    }
    let is_plain = |text: &String| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !request.amr.iter().chain(&request.acr).all(is_plain) {
        return Err(Refusal::invalid(if request.amr.iter().all(is_plain) { "/acr" } else { "/amr" }, Code::Malformed));
    }
    if request.sender_key.as_ref().is_some_and(|key| b64::decode_array::<32>(key).is_none()) {
        return Err(Refusal::invalid("/cnf/jkt", Code::Malformed));
    }
    Ok(())
}

impl Tokens {
    /// A pair for a session.
    pub(super) fn pair(
        minted: super::mint::Minted,
        refresh_token: Secret<String>,
        session: &Session,
        scope: ScopeSet,
        now: Moment,
    ) -> Self {
        Self {
            refresh_token: Some(refresh_token),
            refresh_expires_in: Some(session.idle_expires_at().since(now)),
            ..Self::access_only(minted, scope)
        }
    }

    /// An access token alone.
    pub(super) fn access_only(minted: super::mint::Minted, scope: ScopeSet) -> Self {
        let super::mint::Minted { token, jti, sid, expires_in, is_bound } = minted;
        let token_type = if is_bound { "DPoP" } else { "Bearer" };
        Self { access_token: token, expires_in, refresh_token: None, refresh_expires_in: None, scope, token_type, jti, sid }
    }
}

//! Refreshing: one atomic step in the store, by one rule (design §3).

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::mint::{Minted, Minting, Signer};
use super::proof::check_bound;
use super::{Caller, Fault, Issuer, RefreshRequest, Refusal, Tokens, Unavailable};
use crate::id::Stamp;
use crate::policy::rotation::{Above, Request};
use crate::policy::{EndReason, Session};
use crate::registry::{Client, Grant, ScopeSet};
use crate::revocation::Cause;
use crate::store::{Granted, Refreshed, Store};
use crate::time::whole_millis;
use crate::token::dpop::Proof;
use crate::token::refresh::{RefreshFault, RefreshToken};

impl Issuer {
    /// `grant_type=refresh_token` (RFC 6749 §6). One store call; a malformed or forged token costs none.
    pub async fn refresh(&self, caller: &Caller, request: RefreshRequest) -> Result<Tokens, Fault> {
        let client = &caller.client;
        if !client.grants.contains(&Grant::RefreshToken) {
            return Err(Refusal::GrantNotAllowed.into());
        }
        check_bound(client, request.proof.as_ref())?;
        let token = self.read_refresh_token(&request.refresh_token)?;
        let audience = picked(client, &request.resources)?;
        if request.scope.as_ref().is_some_and(|asked| !asked.is_within(&client.scopes)) {
            return Err(Refusal::ScopeNotAllowed.into());
        }
        let signer = self.signer(client.format)?;
        self.fresh_view()?;
        let question = self.question(caller, &token, &request, audience)?;
        if let Some(proof) = &request.proof {
            self.first_use(proof).map_err(Refusal::Unproven)?;
        }
        let ended = self.view.void_session(token.sid, "", &client.id);
        // The subject is the store's to know; what this node knows of the client and of everything goes along.
        let known = self.known("", &client.id);
        let (how, session, stamp) = match self.store.refresh(question, known).await? {
            Refreshed::Granted { how, session, stamp } => (how, session, stamp),
            other => return Err(self.not_granted(other, &token, caller)),
        };
        self.still_alive(&session, ended)?;
        self.metrics.refreshed(name(how));
        if how == Granted::Healed {
            tracing::warn!(sid = %session.sid, "the store was behind a refresh token: it has gone back in time, and follows the token");
        }
        let (minted, scope) = self.mint_anew(client, &request, &session, stamp, &signer).await?;
        match how {
            Granted::Kept | Granted::Healed => Ok(Tokens::access_only(minted, scope)),
            Granted::Rotated | Granted::Retried => {
                let successor = self.write_refresh_token(&token.successor(session.generation, session.mac_key))?;
                Ok(Tokens::pair(minted, successor, &session, scope, self.now()))
            }
        }
    }

    /// The fresh access token, and its scope.
    async fn mint_anew(
        &self,
        client: &Client,
        request: &RefreshRequest,
        session: &Session,
        stamp: Stamp,
        signer: &Signer,
    ) -> Result<(Minted, ScopeSet), Fault> {
        let sender_key = request.proof.as_ref().map(Proof::thumbprint).or(session.sender_key.as_deref());
        // What is asked for has been judged. What was taken from the client since the session was opened is gone at once.
        let scope = request.scope.as_ref().unwrap_or(&session.scope).intersection(&client.scopes);
        let default = session.audience.iter().map(String::as_str).find(|held| may_have(client, held));
        let audience = picked(client, &request.resources)?.or(default).ok_or(Refusal::AudienceNotAllowed)?;
        let minting = Minting { subject: &session.subject, client, audience, scope: &scope, stamp, session: Some(session), sender_key };
        let minted = self.mint(&minting, signer).await?;
        self.metrics.minted("refresh_token", client.format.name());
        Ok((minted, scope))
    }

    /// Checks the MAC of a refresh token, before anything else of it is believed.
    pub(super) fn read_refresh_token(&self, text: &crate::secret::Secret<String>) -> Result<RefreshToken, Fault> {
        text.expose(|text| RefreshToken::read(text, &self.ring.load())).map_err(|fault| match fault {
            RefreshFault::Malformed | RefreshFault::Forged => Refusal::RefreshTokenInvalid.into(),
            RefreshFault::UnknownMacKey(id) => self.unknown_mac(id),
        })
    }

    /// A token names a MAC key that is not loaded. Only the next one can be that of another node: nobody has any other. The ring is read again in
    /// the background, once. When it has been read since the key was first asked for, and so lately that an announced key would be in it, there
    /// is no such key: whoever asks again is told so, however long he waited.
    fn unknown_mac(&self, id: u8) -> Fault {
        if super::mac_keys::next_id(&self.ring.load()) != Some(id) {
            return Refusal::RefreshTokenInvalid.into();
        }
        let reads = self.ring_reads.load(Ordering::Acquire);
        let mut first_sought = self.mac_sought.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, sought) = first_sought.filter(|(of, _)| *of == id).unwrap_or((id, reads));
        *first_sought = Some((id, sought));
        let read_ago = whole_millis(self.clock.monotonic()).saturating_sub(self.ring_read_at.load(Ordering::Acquire));
        if reads > sought && u128::from(read_ago) < super::mac_keys::KNOWN_AFTER.as_millis() {
            return Refusal::RefreshTokenInvalid.into();
        }
        self.want_ring()
    }

    /// Has the ring read again in the background: something names a key that is not loaded.
    pub(super) fn want_ring(&self) -> Fault {
        if !self.ring_wanted.swap(true, Ordering::AcqRel) {
            tracing::warn!("a key is named that is not loaded: the key folder is read again");
        }
        Unavailable::KeyRingBehind.into()
    }

    fn question(&self, caller: &Caller, token: &RefreshToken, request: &RefreshRequest, audience: Option<&str>) -> Result<Request, Fault> {
        let client: &Client = &caller.client;
        let lifetimes = self.registry.load().lifetimes(client);
        let next_mac_key = self.ring.load().current_mac(self.now()).map(|mac| mac.id).ok_or(Unavailable::NoSigningKey)?;
        Ok(Request {
            sid: token.sid,
            generation: token.generation,
            mac_key: token.mac_key,
            secret_hash: token.secret_hash(),
            client_id: client.id.clone(),
            authenticated: caller.authenticated,
            sender_key: request.proof.as_ref().map(|proof| proof.thumbprint().to_owned()),
            scope: request.scope.clone(),
            audience: audience.map(str::to_owned),
            rotates: client.rotates,
            retry_window: lifetimes.retry_window,
            rotation_pause: lifetimes.rotation_pause,
            next_mac_key,
        })
    }

    fn not_granted(&self, refreshed: Refreshed, token: &RefreshToken, caller: &Caller) -> Fault {
        let refusal = match refreshed {
            Refreshed::Granted { .. } | Refreshed::Gone(None) => Refusal::SessionEnded(None),
            Refreshed::Gone(Some(reason)) => Refusal::SessionEnded(Some(reason)),
            Refreshed::Foreign => Refusal::RefreshTokenForeign,
            Refreshed::Refused(Above::Scope) => Refusal::ScopeNotAllowed,
            Refreshed::Refused(Above::Audience) => Refusal::AudienceNotAllowed,
            Refreshed::Reused { session, entry } => {
                self.merge(&[entry]);
                self.reuse_was_detected(caller, &session);
                self.metrics.ended(EndReason::RefreshTokenReused.name());
                tracing::warn!(
                    sid = %session.sid,
                    client_id = session.client_id,
                    generation = token.generation,
                    reason = EndReason::RefreshTokenReused.name(),
                    "a superseded refresh token was presented: the session has been ended"
                );
                Refusal::RefreshTokenReused
            }
        };
        self.metrics.refreshed(match refusal {
            Refusal::RefreshTokenReused => "reused",
            Refusal::RefreshTokenForeign => "foreign",
            Refusal::SessionEnded(_) => "gone",
            _ => "refused",
        });
        refusal.into()
    }

    /// This node may know of a revocation that the store has lost: every doubt is resolved towards "revoked". `ended` is what it knew of
    /// the session itself before the store was asked: whoever loses the race to this answer does not take it back.
    fn still_alive(&self, session: &Session, ended: Option<Cause>) -> Result<(), Refusal> {
        let epochs = self.view.epochs(&session.subject, &session.client_id);
        match ended.or_else(|| epochs.void_session(session.sid.stamp())) {
            None => Ok(()),
            Some(cause) => Err(Refusal::SessionEnded(Some(EndReason::of(cause)))),
        }
    }
}

/// One token has one audience (RFC 8707 allows to repeat the parameter, not to get a token for several).
pub(super) fn only_one(resources: &[String]) -> Result<Option<&str>, Refusal> {
    let mut resources = resources.iter().map(String::as_str);
    let first = resources.next();
    if resources.any(|other| Some(other) != first) { Err(Refusal::AudienceNotAllowed) } else { Ok(first) }
}

fn picked<'a>(client: &Client, resources: &'a [String]) -> Result<Option<&'a str>, Refusal> {
    match only_one(resources)? {
        Some(asked) if !may_have(client, asked) => Err(Refusal::AudienceNotAllowed),
        asked => Ok(asked),
    }
}

fn may_have(client: &Client, audience: &str) -> bool {
    client.audiences.iter().any(|held| held == audience)
}

fn name(how: Granted) -> &'static str {
    match how {
        Granted::Kept => "kept",
        Granted::Rotated => "rotated",
        Granted::Retried => "retried",
        Granted::Healed => "healed",
    }
}

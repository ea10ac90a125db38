//! DPoP at our own endpoints (RFC 9449): what a request must prove before its sender counts as the holder of a key.

use std::sync::PoisonError;

use super::{Fault, Issuer, Refusal};
use crate::registry::Client;
use crate::token::dpop::{self, Proof, ProofFault, nonce};

/// A proof as it came, and the request that it came with.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// The `DPoP` header.
    pub proof: &'a str,
    /// The method.
    pub method: &'a str,
    /// The path of the address; scheme and host are the issuer's, whatever the request's `Host` says.
    pub path: &'a str,
}

impl Issuer {
    /// Judges a proof, its nonce included. Whether it came before is asked when all else is well, by the verb.
    pub fn prove(&self, presented: &Presented<'_>) -> Result<Proof, ProofFault> {
        let now = self.judging().wall;
        let address = format!("{}{}", self.policy.issuer.trim_end_matches('/'), presented.path);
        let proof = dpop::check(presented.proof, presented.method, &address, now)?;
        let is_fresh = proof.nonce().is_some_and(|nonce| nonce::is_fresh(&self.ring.load(), nonce, now));
        if is_fresh { Ok(proof) } else { Err(ProofFault::Nonce) }
    }

    /// The nonce that proofs are to carry now; none while no MAC key is in use.
    pub fn dpop_nonce(&self) -> Option<String> {
        self.ring.load().current_mac(self.now()).map(|key| nonce::issue(key, self.judging().wall))
    }

    /// Refuses a proof that this node has taken before. Called when everything else is good: who cannot do anything fills no memory.
    pub(super) fn first_use(&self, proof: &Proof) -> Result<(), ProofFault> {
        let mut seen = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_first(proof.id(), self.judging().wall) { Ok(()) } else { Err(ProofFault::Replayed) }
    }
}

/// What a client may ask of the token endpoint with this proof, or without one.
pub(super) fn check_bound(client: &Client, proof: Option<&Proof>) -> Result<(), Fault> {
    if client.dpop_bound && proof.is_none() { Err(Refusal::ProofRequired.into()) } else { Ok(()) }
}

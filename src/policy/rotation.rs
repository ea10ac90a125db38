//! The rotation rule: given a session and a refresh token with a good MAC, what happens?
//!
//! One pure function, called inside the store's atomic step. Everything that could make the issuer refuse is judged before it or in it, never after.

use std::time::Duration;

use super::session::{EndReason, Session, State};
use crate::id::Sid;
use crate::registry::ScopeSet;
use crate::revocation::Epochs;
use crate::time::Moment;

/// A heartbeat further away than this, in either direction, means that the store was down or its clock jumped.
pub const STEADY_WITHIN: Duration = Duration::from_secs(5);

/// A refresh, as the store sees it: the token's parts, who presents it, and what is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The session that the token names.
    pub sid: Sid,
    /// The generation that the token names.
    pub generation: u32,
    /// The MAC key that the token was made under.
    pub mac_key: u8,
    /// SHA-256 of the session secret in the token.
    pub secret_hash: [u8; 32],
    /// Who presents it.
    pub client_id: String,
    /// Whether the client proved who it is.
    pub authenticated: bool,
    /// The thumbprint of the key that the sender proved to hold.
    pub sender_key: Option<String>,
    /// The scope asked for; none asks for all that the session has.
    pub scope: Option<ScopeSet>,
    /// The audience asked for; none asks for the session's first.
    pub audience: Option<String>,
    /// Whether the client's refresh tokens rotate at all; whoever proves nothing rotates all the same.
    pub rotates: bool,
    /// See [`crate::registry::Lifetimes::retry_window`].
    pub retry_window: Duration,
    /// See [`crate::registry::Lifetimes::rotation_pause`].
    pub rotation_pause: Duration,
    /// The MAC key under which a new refresh token would be made.
    pub next_mac_key: u8,
}

/// Store time, as far as ages need it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreTime {
    /// Now, raw.
    pub now: Moment,
    /// When the last heartbeat was written.
    pub last_heartbeat: Moment,
    /// Since when heartbeats have come without a gap or a jump.
    pub steady_since: Moment,
}

impl StoreTime {
    /// How old something is that began at `began`: time in which the store was down, or its clock wrong, does not count.
    ///
    /// A beginning in the future is new when a heartbeat would not have noticed the step back, else it counts from the steady time.
    pub fn age(&self, began: Moment) -> Duration {
        let stepped_back = began > self.now && began.since(self.now) <= STEADY_WITHIN;
        if self.is_unsteady() || stepped_back {
            return Duration::ZERO;
        }
        let began = if began > self.now { self.steady_since } else { began.max(self.steady_since) };
        self.now.since(began)
    }

    /// Whether the last heartbeat is too far away to trust ages: the next heartbeat begins a new steady time.
    pub fn is_unsteady(&self) -> bool {
        self.now.since(self.last_heartbeat) > STEADY_WITHIN || self.last_heartbeat.since(self.now) > STEADY_WITHIN
    }
}

/// What the rule says: the rows of the table, in its order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The session is over or unknown.
    Gone(EndReason),
    /// Not this session's token, or not this client's: the session is left untouched.
    Foreign,
    /// More was asked than the session has (RFC 6749 §6); nothing is written.
    Refused(Above),
    /// The token rotated a moment ago: a fresh access token, and the client keeps the refresh token that it has.
    Kept,
    /// A new pair.
    Rotated,
    /// The same successor again.
    Retried,
    /// Theft: the session ends.
    Reused,
    /// The store has gone back in time, the token has not: the session follows the token.
    Healed,
}

/// What was more than the session has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Above {
    /// `invalid_scope`.
    Scope,
    /// `invalid_target`.
    Audience,
}

/// Judges one refresh. Changes nothing.
pub fn judge(session: &Session, request: &Request, epochs: Epochs, time: StoreTime) -> Outcome {
    if let State::Ended(reason) = session.state(time.now, epochs) {
        return Outcome::Gone(reason);
    }
    if is_foreign(session, request) {
        return Outcome::Foreign;
    }
    if request.scope.as_ref().is_some_and(|scope| !scope.is_within(&session.scope)) {
        return Outcome::Refused(Above::Scope);
    }
    if request.audience.as_ref().is_some_and(|audience| !session.audience.contains(audience)) {
        return Outcome::Refused(Above::Audience);
    }
    by_generation(session, request, time.age(session.rotated_at))
}

fn is_foreign(session: &Session, request: &Request) -> bool {
    let other_secret = !bool::from(subtle::ConstantTimeEq::ct_eq(&session.secret_hash[..], &request.secret_hash[..]));
    let other_sender = !request.authenticated && session.sender_key.is_some() && session.sender_key != request.sender_key;
    other_secret || session.client_id != request.client_id || other_sender
}

fn by_generation(session: &Session, request: &Request, age: Duration) -> Outcome {
    let (presented, current) = (request.generation, session.generation);
    let proves_itself = request.authenticated || session.sender_key.is_some();
    if presented > current {
        return Outcome::Healed;
    }
    if presented == current {
        let resting = current > 0 && age < request.rotation_pause;
        let at_the_end = current == u32::MAX;
        let keeps_it = !request.rotates && proves_itself;
        return if resting || at_the_end || keeps_it { Outcome::Kept } else { Outcome::Rotated };
    }
    let in_window = age < request.retry_window || (proves_itself && !request.retry_window.is_zero());
    if presented == current - 1 && in_window { Outcome::Retried } else { Outcome::Reused }
}

/// Moves the session as the outcome says. Returns whether the record has changed and must be written.
pub fn apply(outcome: Outcome, session: &mut Session, request: &Request, now: Moment) -> bool {
    match outcome {
        Outcome::Gone(_) | Outcome::Foreign | Outcome::Refused(_) => false,
        Outcome::Kept | Outcome::Retried => touch(session, now),
        Outcome::Rotated => {
            session.generation += 1;
            begin(session, request.next_mac_key, now);
            true
        }
        Outcome::Healed => {
            session.generation = request.generation;
            begin(session, request.mac_key, now);
            true
        }
        Outcome::Reused => {
            session.ended = Some(super::Ended { reason: EndReason::RefreshTokenReused, by: "mintage".to_owned(), at: now });
            true
        }
    }
}

fn begin(session: &mut Session, mac_key: u8, now: Moment) {
    session.rotated_at = now;
    session.last_refreshed_at = now;
    session.mac_key = mac_key;
}

/// The window never slides, and an active session never idles out: one write in a tenth of the idle time.
fn touch(session: &mut Session, now: Moment) -> bool {
    let due = now.since(session.last_refreshed_at) > session.idle / 10;
    if due {
        session.last_refreshed_at = now;
    }
    due
}

#[cfg(test)]
#[path = "rotation_tests.rs"]
mod tests;

//! Is this token good for this audience now? One rule for both formats; no library's own judgement of claims is asked.

use std::fmt;
use std::time::Duration;

use crate::claims::Claims;
use crate::time::{CLOCK_AHEAD, Moment};

/// The most that a leeway can forgive, whatever is configured.
pub const MAX_LEEWAY: Duration = Duration::from_secs(60);
/// The longest `exp − iat` that is accepted unless something else is configured: it caps what a stolen signing key can mint.
pub const DEFAULT_MAX_TTL: Duration = Duration::from_secs(24 * 3_600);

/// What a token must be, to be good here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expectation {
    /// The one issuer, compared byte for byte.
    pub issuer: String,
    /// Whom the token must be for.
    pub audience: Audience,
    /// How long past `exp` it is still accepted, at most [`MAX_LEEWAY`].
    pub leeway: Duration,
    /// The longest accepted `exp − iat`.
    pub max_ttl: Duration,
    /// How the token was presented.
    pub sender: Sender,
}

/// Whom a token must be for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Audience {
    /// For at least one of these, byte for byte (RFC 7519 §4.1.3).
    OneOf(Vec<String>),
    /// For anyone: only for who answers questions about tokens, never for who serves them.
    Any,
}

/// How a token was presented.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sender {
    /// As Bearer: a token that is bound to a key is refused (RFC 9449 §7.1).
    Bearer,
    /// With proof that the sender holds the key of this thumbprint: the token must be bound to that very key.
    Key(String),
    /// Not presented but asked about (introspection).
    Unchecked,
}

/// Why a genuine token is not good here and now.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ClaimFault {
    /// Another issuer's.
    Issuer,
    /// For somebody else.
    Audience,
    /// `exp` is now or earlier, or not after `iat`.
    Expired,
    /// `iat` or `nbf` is too far ahead.
    NotYetValid,
    /// It would live longer than any token may.
    LifetimeTooLong,
    /// Bound to a key that the sender has not proven to hold.
    SenderKey,
}

impl fmt::Display for ClaimFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Issuer => "another issuer's token",
            Self::Audience => "a token for another audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not valid yet",
            Self::LifetimeTooLong => "a longer lifetime than any token may have",
            Self::SenderKey => "bound to a key that the sender has not proven to hold",
        })
    }
}

impl Expectation {
    /// Tokens of `issuer` for `audience`, as Bearer, without leeway, living at most [`DEFAULT_MAX_TTL`].
    pub fn new(issuer: impl Into<String>, audience: Audience) -> Self {
        Self { issuer: issuer.into(), audience, leeway: Duration::ZERO, max_ttl: DEFAULT_MAX_TTL, sender: Sender::Bearer }
    }

    /// The same, for a token that was presented so.
    #[must_use]
    pub fn presented(self, sender: Sender) -> Self {
        Self { sender, ..self }
    }

    /// Judges claims whose signature is good.
    ///
    /// # Errors
    /// The first [`ClaimFault`] in the order of that list.
    pub fn judge(&self, claims: &Claims, now: Moment) -> Result<(), ClaimFault> {
        if claims.issuer != self.issuer {
            return Err(ClaimFault::Issuer);
        }
        if !self.audience.includes_one_of(&claims.audience) {
            return Err(ClaimFault::Audience);
        }
        self.judge_time(claims, now)?;
        if self.sender.holds(claims.sender_key.as_deref()) { Ok(()) } else { Err(ClaimFault::SenderKey) }
    }

    /// Judges the dates alone: what can change for a token that was found good before.
    ///
    /// # Errors
    /// `Expired`, `NotYetValid` or `LifetimeTooLong`.
    pub fn judge_time(&self, claims: &Claims, now: Moment) -> Result<(), ClaimFault> {
        let leeway = self.leeway.min(MAX_LEEWAY);
        if claims.expires_at <= claims.issued_at || claims.expires_at.plus(leeway) <= now {
            return Err(ClaimFault::Expired);
        }
        let begins = claims.not_before.unwrap_or_default().max(claims.issued_at);
        if begins > now.plus(CLOCK_AHEAD.max(leeway)) {
            return Err(ClaimFault::NotYetValid);
        }
        if claims.expires_at.since(claims.issued_at) > self.max_ttl {
            return Err(ClaimFault::LifetimeTooLong);
        }
        Ok(())
    }
}

impl Audience {
    /// This one audience.
    pub fn one(audience: impl Into<String>) -> Self {
        Self::OneOf(vec![audience.into()])
    }

    fn includes_one_of(&self, named: &[String]) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(ours) => ours.iter().any(|our| named.contains(our)),
        }
    }
}

impl Sender {
    fn holds(&self, bound_to: Option<&str>) -> bool {
        match self {
            Self::Bearer => bound_to.is_none(),
            Self::Key(proven) => bound_to == Some(proven),
            Self::Unchecked => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Custom;
    use crate::id::{Jti, Stamp};

    const NOW: Moment = Moment::from_seconds(1_800_000_000);

    fn claims() -> Claims {
        Claims {
            issuer: "https://id.example".into(),
            subject: "alice".into(),
            audience: vec!["https://api.example".into()],
            expires_at: NOW.plus(Duration::from_secs(300)),
            issued_at: NOW,
            not_before: None,
            jti: Jti::new(Stamp::from_millis(NOW.millis()), &[1; 10]),
            client_id: "app".into(),
            sid: None,
            scope: None,
            auth_time: None,
            acr: None,
            amr: vec![],
            sender_key: None,
            actor: None,
            custom: Custom::default(),
        }
    }

    fn expectation() -> Expectation {
        Expectation::new("https://id.example", Audience::one("https://api.example"))
    }

    fn at(seconds: i64) -> Moment {
        let by = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { NOW.minus(by) } else { NOW.plus(by) }
    }

    #[test]
    fn the_issuer_is_compared_byte_for_byte() {
        assert_eq!(expectation().judge(&claims(), NOW), Ok(()));
        for other in ["https://id.example/", "https://ID.example", "https://id.exampl", "https://id.example.evil", ""] {
            let token = Claims { issuer: other.into(), ..claims() };
            assert_eq!(expectation().judge(&token, NOW), Err(ClaimFault::Issuer), "{other}");
        }
    }

    #[test]
    fn one_common_audience_is_enough_and_none_is_too_few() {
        let of = |named: &[&str]| Claims { audience: named.iter().map(|&name| name.into()).collect(), ..claims() };
        let two = Expectation { audience: Audience::OneOf(vec!["b".into(), "https://api.example".into()]), ..expectation() };
        assert_eq!(two.judge(&of(&["a", "b"]), NOW), Ok(()));
        for wrong in [&["https://api.example/"][..], &["https://api.exampl"], &["https://API.example"], &[""], &[]] {
            assert_eq!(two.judge(&of(wrong), NOW), Err(ClaimFault::Audience), "{wrong:?}");
        }
        let nobody = Expectation { audience: Audience::OneOf(vec![]), ..expectation() };
        assert_eq!(nobody.judge(&of(&["a"]), NOW), Err(ClaimFault::Audience));
        let any = Expectation { audience: Audience::Any, ..expectation() };
        assert_eq!(any.judge(&of(&[]), NOW), Ok(()));
    }

    #[test]
    fn a_token_is_dead_at_exp_and_a_leeway_must_be_configured() {
        assert_eq!(expectation().judge(&claims(), at(300).minus(Duration::from_millis(1))), Ok(()));
        assert_eq!(expectation().judge(&claims(), at(300)), Err(ClaimFault::Expired));
        let lenient = Expectation { leeway: Duration::from_secs(5), ..expectation() };
        assert_eq!(lenient.judge(&claims(), at(304)), Ok(()));
        assert_eq!(lenient.judge(&claims(), at(305)), Err(ClaimFault::Expired));
        let endless = Expectation { leeway: Duration::MAX, ..expectation() };
        assert_eq!(endless.judge(&claims(), at(359)), Ok(()));
        assert_eq!(endless.judge(&claims(), at(360)), Err(ClaimFault::Expired), "no leeway is above a minute");
    }

    #[test]
    fn clocks_may_differ_by_ten_seconds() {
        assert_eq!(expectation().judge(&claims(), at(-10)), Ok(()));
        assert_eq!(expectation().judge(&claims(), at(-11)), Err(ClaimFault::NotYetValid));
        let later = Claims { not_before: Some(at(60)), ..claims() };
        assert_eq!(expectation().judge(&later, at(49)), Err(ClaimFault::NotYetValid));
        assert_eq!(expectation().judge(&later, at(50)), Ok(()));
        let lenient = Expectation { leeway: MAX_LEEWAY, ..expectation() };
        assert_eq!(lenient.judge(&later, NOW), Ok(()));
    }

    #[test]
    fn a_lifetime_above_the_maximum_is_refused_and_so_is_none_at_all() {
        let living = |seconds| Claims { expires_at: at(seconds), ..claims() };
        assert_eq!(expectation().judge(&living(86_400), NOW), Ok(()));
        assert_eq!(expectation().judge(&living(86_401), NOW), Err(ClaimFault::LifetimeTooLong));
        let short = Expectation { max_ttl: Duration::from_secs(60), ..expectation() };
        assert_eq!(short.judge(&living(61), NOW), Err(ClaimFault::LifetimeTooLong));
        assert_eq!(expectation().judge(&living(0), at(-5)), Err(ClaimFault::Expired), "exp is iat: it never lived");
        assert_eq!(expectation().judge(&living(-1), at(-5)), Err(ClaimFault::Expired));
    }

    #[test]
    fn a_bound_token_needs_its_key_and_is_never_bearer() {
        let bound = Claims { sender_key: Some("thumb".into()), ..claims() };
        let as_key = |key: &str| expectation().presented(Sender::Key(key.into()));
        assert_eq!(as_key("thumb").judge(&bound, NOW), Ok(()));
        assert_eq!(as_key("Thumb").judge(&bound, NOW), Err(ClaimFault::SenderKey));
        assert_eq!(expectation().judge(&bound, NOW), Err(ClaimFault::SenderKey));
        assert_eq!(as_key("thumb").judge(&claims(), NOW), Err(ClaimFault::SenderKey), "a proof cannot bind what was not bound");
        assert_eq!(expectation().presented(Sender::Unchecked).judge(&bound, NOW), Ok(()));
    }
}

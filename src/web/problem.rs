//! The one map from what went wrong to the wire. Each row has a public half, which strangers see, and a private half, which the log sees.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::request_id::RequestId;
use crate::api::{Code, FieldFault, OAuthError, Problem};
use crate::issuer::{Fault, Refusal, Unavailable};
use crate::token::FOREIGN_ALGORITHMS;
use crate::verify::Denial;

/// Why a request is not answered as it wanted.
#[derive(Clone, PartialEq, Debug)]
pub enum Refused {
    /// A verb of the issuer says so.
    Issuer(Fault),
    /// The request did not get as far as a verb; which fields are wrong, where fields are.
    Web(Code, Vec<FieldFault>),
    /// Too often; when it may be asked again.
    Limited(Code, Duration),
}

/// Which dialect a part of the surface speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Surface {
    /// RFC 6749 §5.2 and `mintage_code`.
    OAuth,
    /// RFC 9457.
    Api,
}

/// What the log is told of a refusal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Told {
    /// The public half.
    pub(super) code: Code,
    /// The private half, where there is one.
    pub(super) why: Option<String>,
}

impl Refused {
    /// A refusal with one wrong field.
    pub fn field(code: Code, pointer: impl Into<String>, fault: Code) -> Self {
        Self::Web(code, vec![FieldFault { pointer: pointer.into(), code: fault.name().to_owned() }])
    }

    /// The code that answers, logs and metrics speak.
    pub fn code(&self) -> Code {
        match self {
            Self::Web(code, _) | Self::Limited(code, _) => *code,
            Self::Issuer(fault) => fault.code(),
        }
    }

    fn errors(&self) -> Vec<FieldFault> {
        match self {
            Self::Web(_, errors) => errors.clone(),
            Self::Issuer(Fault::Refused(Refusal::Invalid(faults))) => {
                faults.iter().map(|(pointer, code)| FieldFault { pointer: pointer.clone(), code: code.name().to_owned() }).collect()
            }
            Self::Issuer(Fault::Refused(Refusal::Unsupported(what))) => {
                vec![FieldFault { pointer: format!("/{what}"), code: Code::Unsupported.name().to_owned() }]
            }
            Self::Issuer(_) | Self::Limited(..) => Vec::new(),
        }
    }

    /// For the operator's log alone.
    fn why(&self) -> Option<String> {
        match self {
            Self::Issuer(Fault::Denied(denial)) => Some(denial.name().to_owned()),
            Self::Issuer(Fault::Unproven(fault) | Fault::Refused(Refusal::Unproven(fault))) => Some(fault.to_string()),
            Self::Issuer(Fault::Unavailable(unavailable)) => Some(unavailable.to_string()),
            Self::Issuer(Fault::Refused(Refusal::SessionEnded(Some(reason)))) => Some(reason.name().to_owned()),
            Self::Issuer(Fault::Refused(Refusal::ClientAssertion(why))) => Some(why.clone()),
            Self::Issuer(Fault::Refused(Refusal::KeyState(state))) => Some((*state).to_owned()),
            Self::Issuer(Fault::Refused(_)) | Self::Limited(..) => None,
            Self::Web(_, errors) => errors.first().map(|error| format!("{} {}", error.pointer, error.code)),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Issuer(Fault::Unavailable(unavailable)) => Some(unavailable.retry_after().as_secs()),
            Self::Issuer(Fault::Denied(Denial::Stale)) => Some(Unavailable::ViewStale.retry_after().as_secs()),
            Self::Limited(_, wait) => Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
            Self::Web(Code::TimedOut, _) => Some(1),
            Self::Issuer(Fault::Denied(_) | Fault::Unproven(_) | Fault::Refused(_)) | Self::Web(..) => None,
        }
    }

    /// RFC 6750 §3, RFC 7617, RFC 9449 §7.1: always there with 401; no error code where no credentials were sent.
    fn challenge(&self) -> Option<String> {
        if let Self::Issuer(Fault::Unproven(_) | Fault::Denied(Denial::SenderKey)) = self {
            let error = oauth_word(self.code()).0;
            return Some(format!("DPoP realm=\"mintage\", algs=\"{}\", error=\"{error}\"", FOREIGN_ALGORITHMS.join(" ")));
        }
        match self.code() {
            Code::BearerMissing => {
                Some(format!("Bearer realm=\"mintage\", DPoP realm=\"mintage\", algs=\"{}\"", FOREIGN_ALGORITHMS.join(" ")))
            }
            Code::BearerMalformed => Some("Bearer realm=\"mintage\", error=\"invalid_request\"".to_owned()),
            Code::TokenExpired | Code::TokenRevoked | Code::TokenInvalid => {
                Some("Bearer realm=\"mintage\", error=\"invalid_token\"".to_owned())
            }
            Code::ClientNotAuthenticated => Some("Basic realm=\"mintage\", charset=\"UTF-8\"".to_owned()),
            _ => match self {
                Self::Issuer(Fault::Refused(Refusal::InsufficientScope(scope))) => {
                    Some(format!("Bearer realm=\"mintage\", error=\"insufficient_scope\", scope=\"{scope}\""))
                }
                _ => None,
            },
        }
    }
}

/// The word of RFC 6749 §5.2, RFC 6750 §3.1 or RFC 8707 §2, and whether it fixes the status at 400.
fn oauth_word(code: Code) -> (&'static str, bool) {
    match code {
        Code::ClientNotAuthenticated => ("invalid_client", false),
        Code::GrantNotAllowed => ("unauthorized_client", true),
        Code::RefreshTokenInvalid | Code::RefreshTokenForeign | Code::RefreshTokenReused | Code::SessionEnded => ("invalid_grant", true),
        Code::ScopeNotAllowed | Code::UnknownScope => ("invalid_scope", true),
        Code::AudienceNotAllowed => ("invalid_target", true),
        Code::UnsupportedGrantType => ("unsupported_grant_type", true),
        Code::BearerMissing | Code::TokenExpired | Code::TokenRevoked | Code::TokenInvalid => ("invalid_token", false),
        Code::DpopProofInvalid | Code::DpopProofRequired => ("invalid_dpop_proof", true),
        Code::DpopNonceWanted => ("use_dpop_nonce", true),
        Code::InsufficientScope => ("insufficient_scope", false),
        Code::StoreBusy | Code::StoreDown | Code::ViewStale | Code::NoSigningKey | Code::KeyRingBehind | Code::KeyFolder => {
            ("temporarily_unavailable", false)
        }
        Code::AuditTrail | Code::TooManyFailures | Code::TooManyRequests | Code::TimedOut => ("temporarily_unavailable", false),
        Code::InternalError => ("server_error", false),
        Code::InvalidRequest | Code::InvalidJson | Code::InvalidForm | Code::InvalidQuery | Code::UnsupportedMediaType => {
            ("invalid_request", false)
        }
        Code::BodyTooLarge | Code::RequestTimeout | Code::RouteNotFound | Code::MethodNotAllowed | Code::Unsupported => {
            ("invalid_request", false)
        }
        Code::ClientAuthenticationRepeated | Code::BearerMalformed | Code::ClientNotOpenable | Code::ClaimsTooLarge => {
            ("invalid_request", false)
        }
        Code::IdempotencyKeyReused | Code::NotFound | Code::ClientExists | Code::ClientReadOnly => ("invalid_request", false),
        Code::KeyState | Code::TooManyKeys | Code::NoStandby => ("invalid_request", false),
        Code::Required | Code::UnknownMember | Code::WrongType | Code::Malformed | Code::TooLong | Code::TooMany => {
            ("invalid_request", false)
        }
        Code::PrivateKey | Code::TooDeep | Code::OutOfRange | Code::Duplicate | Code::ReservedClaim | Code::UnknownClient => {
            ("invalid_request", false)
        }
        Code::NotForPublicClients | Code::ClientCannotRefresh | Code::CannotChange | Code::BeyondYourOwn => ("invalid_request", false),
        Code::OnlyForEpochs | Code::ClientBeyondYours | Code::TooManySecrets => ("invalid_request", false),
        Code::LastSecret | Code::NoAuditTrail => ("invalid_request", false),
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Issuer(fault)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Issuer(refusal.into())
    }
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Self::Web(code, Vec::new())
    }
}

impl IntoResponse for Refused {
    /// The refusal travels inside until a [`Part`](super::Part) writes it down in the dialect of its surface.
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes a refusal down, where the answer is one.
pub(super) fn render(surface: Surface, method: &Method, id: &RequestId, response: &mut Response) {
    let Some(refused) = response.extensions_mut().remove::<Refused>() else { return };
    if *method == Method::OPTIONS && refused.code() == Code::MethodNotAllowed {
        // RFC 9110 §9.3.7; `Allow` is there.
        *response.status_mut() = StatusCode::NO_CONTENT;
        return;
    }
    write(response, surface, &refused, id);
    response.extensions_mut().insert(Told { code: refused.code(), why: refused.why() });
}

fn write(response: &mut Response, surface: Surface, refused: &Refused, id: &RequestId) {
    let code = refused.code();
    let (word, is_400) = oauth_word(code);
    let challenge = refused.challenge();
    let usual = code.status().unwrap_or(400);
    let (status, media_type, body) = match surface {
        // At the token endpoint the proof is part of the request; beside an access token it is a credential, and challenged.
        Surface::OAuth => (if is_400 && challenge.is_none() { 400 } else { usual }, "application/json", oauth_body(refused, word)),
        Surface::Api => (usual, "application/problem+json", problem_body(refused, usual, id)),
    };
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    if let Some(challenge) = challenge.and_then(|challenge| HeaderValue::try_from(challenge).ok()) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = refused.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    *response.body_mut() = Body::from(body);
}

fn oauth_body(refused: &Refused, word: &'static str) -> Vec<u8> {
    let code = refused.code();
    let about = refused.errors().first().map(|error| format!(" ({}: {})", error.pointer.trim_start_matches('/'), error.code));
    // RFC 6749 §5.2 keeps quotation marks and backslashes out of the description.
    let text = format!("{}{}. {}", code.title(), about.unwrap_or_default(), code.advice());
    let error_description = Some(text.chars().map(|c| if matches!(c, ' ' | '!' | '#'..='[' | ']'..='~') { c } else { '\'' }).collect());
    serde_json::to_vec(&OAuthError { error: word.to_owned(), error_description, mintage_code: code.name().to_owned() }).unwrap_or_default()
}

fn problem_body(refused: &Refused, status: u16, id: &RequestId) -> Vec<u8> {
    let code = refused.code();
    serde_json::to_vec(&Problem {
        kind: format!("urn:mintage:code:{}", code.name()),
        title: code.title().to_owned(),
        status,
        detail: code.advice().to_owned(),
        code: code.name().to_owned(),
        request_id: id.as_str().to_owned(),
        errors: refused.errors(),
    })
    .unwrap_or_default()
}

#[cfg(test)]
#[path = "problem_tests.rs"]
mod tests;

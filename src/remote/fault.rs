//! What went wrong, in a sentence that says what to do next.

use std::fmt;

use http::header::WWW_AUTHENTICATE;

use crate::api::{FieldFault, OAuthError, Problem};
use crate::outbound::{Answer, OutboundFault};

/// Why a call gave nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RemoteFault {
    /// Not a URL that a secret may be sent to.
    BadBase(String),
    /// The id or the secret holds characters that no header can carry.
    BadCredentials,
    /// No answer from this base URL.
    Outbound(String, OutboundFault),
    /// The deployment refused.
    Refused(Box<Refused>),
    /// An answer that is not Mintage's; its status.
    Unintelligible(u16),
}

/// A refusal, as the deployment words it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// A code of the closed list.
    pub code: String,
    /// What it means.
    pub title: String,
    /// What to do next.
    pub advice: String,
    /// Which fields are wrong, and how.
    pub errors: Vec<FieldFault>,
    /// To find the request in the log.
    pub request_id: Option<String>,
}

/// Reads a refusal of the token endpoint.
pub(super) fn of_oauth(answer: &Answer, scope: &str, client_id: &str) -> RemoteFault {
    let Ok(error) = serde_json::from_slice::<OAuthError>(&answer.body) else {
        return RemoteFault::Unintelligible(answer.status.as_u16());
    };
    let advice = match error.error.as_str() {
        "invalid_client" => "Check MINTAGE_CLIENT_ID and MINTAGE_CLIENT_SECRET".to_owned(),
        "invalid_scope" => format!("Register the client {client_id:?} for the scope {scope}"),
        "unauthorized_client" => format!("Register the client {client_id:?} for the grant client_credentials"),
        _ => "See the code in docs/codes.md".to_owned(),
    };
    let title = error.error_description.unwrap_or(error.error);
    RemoteFault::Refused(Box::new(Refused {
        status: answer.status.as_u16(),
        code: error.mintage_code,
        title,
        advice,
        errors: Vec::new(),
        request_id: None,
    }))
}

/// Reads a refusal under `/v1`.
pub(super) fn of_problem(answer: &Answer, scope: &str, client_id: &str) -> RemoteFault {
    let Ok(problem) = serde_json::from_slice::<Problem>(&answer.body) else {
        return RemoteFault::Unintelligible(answer.status.as_u16());
    };
    let Problem { title, status, detail, code, request_id, errors, .. } = problem;
    let wanted = lacking(answer).unwrap_or_else(|| scope.to_owned());
    let advice = if code == "insufficient_scope" { format!("Register the client {client_id:?} for the scope {wanted}") } else { detail };
    RemoteFault::Refused(Box::new(Refused { status, code, title, advice, errors, request_id: Some(request_id) }))
}

/// The scope that the refusal itself names (RFC 6750 §3).
fn lacking(answer: &Answer) -> Option<String> {
    let challenge = answer.headers.get(WWW_AUTHENTICATE)?.to_str().ok()?;
    let named = challenge.split_once("scope=\"")?.1.split_once('"')?.0;
    (!named.is_empty()).then(|| named.to_owned())
}

impl fmt::Display for RemoteFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadBase(url) => {
                write!(f, "{url:?} is no URL that a secret may be sent to: use https://host[:port] (http only on loopback)")
            }
            Self::BadCredentials => {
                f.write_str("the client id or secret cannot be sent: check MINTAGE_CLIENT_ID and MINTAGE_CLIENT_SECRET")
            }
            Self::Outbound(_, fault @ OutboundFault::NotKept(_)) => write!(f, "{fault}: make room, or name another place with --to"),
            Self::Outbound(base, fault @ OutboundFault::Untrusted(_)) => {
                write!(f, "{base}: {fault}; name the certificates to trust with --ca or MINTAGE_CA_FILE")
            }
            Self::Outbound(base, fault) => write!(f, "{base} does not answer: {fault}; is it running, and is MINTAGE_URL right?"),
            Self::Refused(refused) => refused.fmt(f),
            Self::Unintelligible(status) => {
                write!(f, "the answer (status {status}) is not Mintage's: is MINTAGE_URL right, its http:// or https:// too?")
            }
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused ({}): {}. {}", self.code, self.title.trim_end_matches('.'), self.advice)?;
        for error in &self.errors {
            write!(f, "\n  {}: {}", error.pointer, error.code)?;
        }
        match &self.request_id {
            Some(id) => write!(f, "\n  request {id}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RemoteFault {}

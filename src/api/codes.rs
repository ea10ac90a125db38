//! The closed list of codes that answers, logs and metrics speak. `docs/codes.md` is made from it.

/// Writes the list down once, and from it the enum, its names and what is said about each.
macro_rules! codes {
    ($($code:ident $name:literal $status:literal $title:literal $advice:literal)+) => {
        /// What is wrong, for programs. Names are never changed and never used twice.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code {
            $(#[doc = $title] $code,)+
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$code,)+];

            /// The name on the wire, in logs and in metrics.
            pub const fn name(self) -> &'static str {
                self.parts().0
            }

            /// The HTTP status of an answer with this code; `None` for codes that only say what is wrong with one field.
            pub const fn status(self) -> Option<u16> {
                match self.parts().1 {
                    0 => None,
                    status => Some(status),
                }
            }

            /// What it means.
            pub const fn title(self) -> &'static str {
                self.parts().2
            }

            /// What to do next.
            pub const fn advice(self) -> &'static str {
                self.parts().3
            }

            const fn parts(self) -> (&'static str, u16, &'static str, &'static str) {
                match self {
                    $(Self::$code => ($name, $status, $title, $advice),)+
                }
            }
        }
    };
}

codes! {
    // the request as such
    InvalidRequest "invalid_request" 400 "The request is not well formed" "See `errors` for the fields that are wrong."
    InvalidJson "invalid_json" 400 "The body is not JSON as we take it" "Send one JSON object in UTF-8, no name twice, at most 8 levels deep."
    InvalidForm "invalid_form" 400 "The body is not a form as we take it" "Send `application/x-www-form-urlencoded` in UTF-8; no parameter but `resource` and `audience` may repeat."
    InvalidQuery "invalid_query" 400 "The query is not as we take it" "Name each parameter once, and only those that the endpoint knows."
    UnsupportedMediaType "unsupported_media_type" 415 "The body has another content type" "Send the content type that the endpoint takes."
    BodyTooLarge "body_too_large" 413 "The body is too large" "Send at most 64 KiB."
    RequestTimeout "request_timeout" 408 "The request took too long to arrive" "Send it again over a faster connection."
    RouteNotFound "route_not_found" 404 "There is nothing at this address" "Look the address up in the API's description."
    MethodNotAllowed "method_not_allowed" 405 "This address does not take that method" "See the `Allow` header."
    Unsupported "unsupported" 400 "This is not supported" "Leave out what `errors` names."
    UnsupportedGrantType "unsupported_grant_type" 400 "This grant type is not supported" "Use `refresh_token` or `client_credentials`."
    TimedOut "timed_out" 503 "The answer took too long" "Ask again after `Retry-After`; it is safe to repeat."
    InternalError "internal_error" 500 "Something went wrong on our side" "Ask again later; give the request id to the operator if it lasts."

    TooManyFailures "too_many_failures" 429 "Too much that is not ours came from this address" "Ask again after `Retry-After`, with the right credentials."
    TooManyRequests "too_many_requests" 429 "The client asks too often" "Ask again after `Retry-After`, and less often from then on."

    // who asks
    ClientNotAuthenticated "client_not_authenticated" 401 "The client is unknown or has not proved who it is" "Check the client id and its secret; in HTTP Basic each is form-encoded (RFC 6749, 2.3.1)."
    ClientAuthenticationRepeated "client_authentication_repeated" 400 "The client presents itself in more than one way" "Use the Authorization header or the form, not both."
    BearerMissing "bearer_missing" 401 "No access token came with the request" "Send `Authorization: Bearer` with an access token for the issuer."
    BearerMalformed "bearer_malformed" 400 "The access token came in a way that we do not take" "Send one Authorization header, and no token in the query or the body."
    TokenExpired "token_expired" 401 "The access token has expired" "Get a new one."
    TokenRevoked "token_revoked" 401 "The access token has been revoked" "Get a new one; if that is refused too, sign in again."
    TokenInvalid "token_invalid" 401 "The access token is not good for this" "Get one for this audience from this issuer; the log says more."
    DpopProofInvalid "dpop_proof_invalid" 401 "The DPoP proof is not good for this request" "Make a new proof for each request: for its method, its address at the issuer, its access token, with the right time."
    DpopNonceWanted "dpop_nonce_wanted" 401 "The DPoP proof carries no nonce of ours, or an old one" "Repeat the request with a new proof that carries the nonce of the `DPoP-Nonce` header."
    DpopProofRequired "dpop_proof_required" 400 "The client gets only tokens that are bound to a key" "Send a `DPoP` header with a proof."
    InsufficientScope "insufficient_scope" 403 "The access token lacks a scope" "Ask for the scope that `WWW-Authenticate` names, with a client that is registered for it."

    // grants and sessions
    GrantNotAllowed "grant_not_allowed" 403 "The client may not use this grant" "Have it registered for the grant."
    RefreshTokenInvalid "refresh_token_invalid" 400 "This is no refresh token of ours" "Sign in again."
    RefreshTokenForeign "refresh_token_foreign" 400 "The refresh token belongs to someone else" "Use the refresh token that this client was given."
    RefreshTokenReused "refresh_token_reused" 400 "A superseded refresh token was presented: the session has been ended" "Sign in again, and look for a leak."
    SessionEnded "session_ended" 409 "The session is over" "Sign in again."
    ScopeNotAllowed "scope_not_allowed" 403 "The scope is wider than what may be had" "Ask for less."
    AudienceNotAllowed "audience_not_allowed" 403 "The audience is not one that may be had" "Ask for one audience that the session and the client may have."
    ClientNotOpenable "client_not_openable" 403 "Sessions of this client may be neither opened nor changed" "Name a client of the asker's `opens_for`, or add it there."
    ClaimsTooLarge "claims_too_large" 400 "The custom claims are too large" "Keep them within 2 KiB and 32 members."
    IdempotencyKeyReused "idempotency_key_reused" 422 "This Idempotency-Key came with another request before" "Use a new key for a new request."

    // things
    NotFound "not_found" 404 "There is no such thing" "Check the id; what ended long ago is forgotten."
    ClientExists "client_exists" 409 "A client of this id exists already" "Choose another id, or change the one that is there."
    ClientReadOnly "client_read_only" 409 "The client stands in the configuration file" "Change it there."
    ClientBeyondYours "client_beyond_yours" 403 "The client may do something that the asker may not" "Ask with a token that has its scopes, of a client that has its audiences and `opens_for`."
    TooManySecrets "too_many_secrets" 409 "The client has two secrets already" "Remove the one that nothing uses any more, then add one."
    LastSecret "last_secret" 409 "The client has no other secret" "Add one first; or remove the client."
    NoAuditTrail "no_audit_trail" 404 "No audit trail is kept here" "Switch it on with `audit.enabled`; what happened before is not in it."
    KeyState "key_state" 409 "The key's state does not allow this" "Look at the key's state with `mintage keys list`."
    TooManyKeys "too_many_keys" 409 "Enough keys are announced or kept already" "Let them take over with `mintage keys rotate`, or retire one; keys that are over go after a day."
    NoStandby "no_standby" 409 "No announced key can take over" "Import one with `mintage keys import`, or announce one."

    // ours
    StoreBusy "store_busy" 503 "The store's queue is full" "Ask again after `Retry-After`; nothing was done."
    StoreDown "store_down" 503 "The store does not answer" "Ask again after `Retry-After`; it is safe to repeat."
    ViewStale "view_stale" 503 "Revocations are not known well enough to answer" "Ask again after `Retry-After`."
    NoSigningKey "no_signing_key" 503 "No key may sign now" "Ask again after `Retry-After`; the operator must look at the keys."
    KeyRingBehind "key_ring_behind" 503 "A key is not loaded yet" "Ask again after `Retry-After`."
    KeyFolder "key_folder" 503 "The folder of keys cannot be used" "Ask again after `Retry-After`; the operator must look at the folder."
    AuditTrail "audit_trail" 503 "The audit trail cannot be written or read" "Ask again after `Retry-After`; nothing was done. The operator must look at the folder."

    // one field
    Required "required" 0 "The member is missing or empty" "Give it."
    UnknownMember "unknown_member" 0 "There is no such member" "Leave it out, or correct its name."
    WrongType "wrong_type" 0 "The value is of another type" "Look the type up in the API's description."
    Malformed "malformed" 0 "The value is not written as it should be" "Correct its form."
    TooLong "too_long" 0 "The value is too long" "Shorten it."
    TooMany "too_many" 0 "There are too many values" "Give fewer."
    PrivateKey "private_key" 0 "A private key stands where only a public one belongs" "Give the public part, and replace the key: it has been sent about."
    TooDeep "too_deep" 0 "The value is nested too deeply" "Flatten it."
    OutOfRange "out_of_range" 0 "The value is outside what is allowed" "Choose one inside the range."
    Duplicate "duplicate" 0 "The same thing stands there twice" "Give it once."
    ReservedClaim "reserved_claim" 0 "The claim's name is reserved" "Choose another name."
    UnknownClient "unknown_client" 0 "No such client is registered, or it is disabled" "Register or enable it, or correct its id."
    UnknownScope "unknown_scope" 0 "There is no such `mintage:` scope" "Look the scopes up in the API's description."
    NotForPublicClients "not_for_public_clients" 0 "Only a confidential client may have this" "Make the client confidential, or leave it out."
    ClientCannotRefresh "client_cannot_refresh" 0 "The client may not use refresh tokens, so it cannot have sessions" "Give it the grant `refresh_token`."
    CannotChange "cannot_change" 0 "This cannot be changed" "Leave it as it is, or make a new one."
    BeyondYourOwn "beyond_your_own" 0 "More than the asker has itself" "Give nothing that you do not have."
    OnlyForEpochs "only_for_epochs" 0 "Only subjects, clients and `all` know this extent" "Leave it out."
}

impl Code {
    /// The code of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }
}

/// `docs/codes.md`: the list, for people.
pub fn codes_page() -> String {
    let rows = |of_answers: bool| -> String {
        Code::ALL
            .iter()
            .filter(|code| code.status().is_some() == of_answers)
            .map(|code| {
                let status = code.status().map(|status| format!(" {status} |")).unwrap_or_default();
                format!("| `{}` |{status} {} | {} |\n", code.name(), code.title(), code.advice())
            })
            .collect()
    };
    format!(
        "<!-- Made from src/api/codes.rs: UPDATE_DOCS=1 cargo test --lib api:: -->\n# Codes\n\n\
         Every refusal names one code of this closed list: in `code` under `/v1`, in `mintage_code` at the OAuth endpoints, \
         and in logs and metrics. Names are never changed and never used twice. \
         The OAuth endpoints answer 400 where RFC 6749 §5.2 says so, whatever the status below.\n\n## Answers\n\n\
         | code | status | what it means | what to do next |\n| --- | --- | --- | --- |\n{}\n## One field\n\n\
         These stand in `errors[].code`, beside the JSON pointer of the field.\n\n\
         | code | what it means | what to do next |\n| --- | --- | --- |\n{}",
        rows(true),
        rows(false)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_has_one_name_that_leads_back_to_it() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for &code in Code::ALL {
            assert_eq!(Code::named(code.name()), Some(code));
            assert!(code.name().bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()), "{}", code.name());
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a switch of the developer's, read by the test alone")]
    fn the_page_of_codes_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/codes.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, codes_page()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == codes_page(), "docs/codes.md is behind: UPDATE_DOCS=1 cargo test --lib api::");
    }
}

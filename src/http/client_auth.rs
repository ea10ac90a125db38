//! How a client presents itself (RFC 6749 §2.3): exactly one method.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tracing::Span;

use crate::api::Code;
use crate::issuer::{Caller, Credentials, Issuer, Refusal};
use crate::secret::Secret;
use crate::web::{BadHeader, Form, Params, Reader, Refused, Visit, asked, authorization, decode};

/// The one kind of assertion that we take (RFC 7523 §2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A form that a recognised client sent; what authenticated the client has been taken out of it.
#[derive(Debug)]
pub(super) struct ClientForm {
    pub(super) caller: Caller,
    pub(super) form: Params,
}

impl<S: Sync> FromRequest<S> for ClientForm
where
    Arc<Issuer>: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let Form { head, params: mut form } = Form::from_request(request, state).await?;
        let caller = recognise(&Arc::from_ref(state), &head, &mut form).await?;
        Ok(Self { caller: Caller { asked: asked(&head.extensions), ..caller }, form })
    }
}

/// Recognises the client by the one method that it uses.
pub(super) async fn recognise(issuer: &Issuer, head: &Parts, form: &mut Params) -> Result<Caller, Refused> {
    let visit = Visit::of(&head.extensions);
    let credentials = credentials(&head.headers, form)?;
    visit.may_present(|| issuer.named_by(&credentials), !matches!(credentials, Credentials::Public { .. }))?;
    let caller = issuer.authenticate(&credentials).await?;
    Reader::of(&head.extensions).must_be_of(&caller.client.origins);
    visit.recognised(&caller.client.id, caller.authenticated)?;
    Span::current().record("client_id", &caller.client.id);
    Ok(caller)
}

/// Takes the credentials out of header and form.
fn credentials(headers: &HeaderMap, form: &mut Params) -> Result<Credentials, Refused> {
    let header = authorization(headers).map_err(|BadHeader| Refused::from(Code::ClientAuthenticationRepeated))?;
    let named = form.text("client_id");
    let secret = form.take("client_secret");
    let assertion = (form.take("client_assertion"), form.text("client_assertion_type"));
    if assertion != (None, None) {
        if header.is_some() || secret.is_some() {
            return Err(Code::ClientAuthenticationRepeated.into());
        }
        let (Some(assertion), Some(ASSERTION_TYPE)) = (assertion.0, assertion.1.as_deref()) else {
            return Err(Refusal::ClientNotAuthenticated.into());
        };
        return Ok(Credentials::Assertion { client_id: named, assertion });
    }
    match (header, secret, named) {
        (Some(_), Some(_), _) => Err(Code::ClientAuthenticationRepeated.into()),
        (Some((scheme, encoded)), None, named) => {
            let (client_id, secret) = basic(scheme, encoded).ok_or(Refusal::ClientNotAuthenticated)?;
            if named.is_some_and(|named| named != client_id) {
                return Err(Code::ClientAuthenticationRepeated.into());
            }
            Ok(Credentials::Secret { client_id, secret })
        }
        (None, Some(secret), Some(client_id)) => Ok(Credentials::Secret { client_id, secret }),
        (None, None, Some(client_id)) => Ok(Credentials::Public { client_id }),
        (None, _, None) => Err(Refusal::ClientNotAuthenticated.into()),
    }
}

/// RFC 7617, its two halves form-encoded as RFC 6749 §2.3.1 has it.
fn basic(scheme: &str, encoded: &str) -> Option<(String, Secret<String>)> {
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = Secret::new(STANDARD.decode(encoded).ok()?);
    pair.expose(|pair| {
        let at = pair.iter().position(|&byte| byte == b':')?;
        Some((decode(&pair[..at])?, Secret::new(decode(&pair[at + 1..])?)))
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::AUTHORIZATION;

    use super::*;

    fn basic_header(pair: &str) -> HeaderMap {
        let value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).unwrap();
        HeaderMap::from_iter([(AUTHORIZATION, value)])
    }

    fn presented(headers: &HeaderMap, form: &str) -> Result<(String, Option<String>), Code> {
        match credentials(headers, &mut Params::parse(form.as_bytes()).unwrap()) {
            Ok(Credentials::Secret { client_id, secret }) => Ok((client_id, Some(secret.expose(String::clone)))),
            Ok(Credentials::Public { client_id }) => Ok((client_id, None)),
            Ok(Credentials::Assertion { client_id, assertion }) => {
                Ok((client_id.unwrap_or_default(), Some(assertion.expose(|text| format!("assertion {text}")))))
            }
            Err(refused) => Err(refused.code()),
        }
    }

    fn both(id: &str, secret: &str) -> Result<(String, Option<String>), Code> {
        Ok((id.to_owned(), Some(secret.to_owned())))
    }

    #[test]
    fn each_of_the_three_methods_is_taken() {
        let nothing = HeaderMap::new();
        assert_eq!(presented(&basic_header("a:s"), ""), both("a", "s"));
        assert_eq!(presented(&basic_header("a:s"), "client_id=a"), both("a", "s"), "naming oneself again is no second method");
        assert_eq!(presented(&nothing, "client_id=a&client_secret=s"), both("a", "s"));
        assert_eq!(presented(&nothing, "client_id=a"), Ok(("a".to_owned(), None)));
    }

    #[test]
    fn basic_credentials_are_form_decoded() {
        assert_eq!(presented(&basic_header("a%3Ab:s%2B+%25:x"), ""), both("a:b", "s+ %:x"));
        assert_eq!(presented(&basic_header("a:s%"), ""), Err(Code::ClientNotAuthenticated));
    }

    #[test]
    fn two_methods_are_refused() {
        assert_eq!(presented(&basic_header("a:s"), "client_id=a&client_secret=s"), Err(Code::ClientAuthenticationRepeated));
        assert_eq!(presented(&basic_header("a:s"), "client_id=b"), Err(Code::ClientAuthenticationRepeated));
        let mut twice = basic_header("a:s");
        twice.append(AUTHORIZATION, HeaderValue::from_static("Basic YTpz"));
        assert_eq!(presented(&twice, ""), Err(Code::ClientAuthenticationRepeated));
    }

    #[test]
    fn an_assertion_comes_with_its_type_and_alone() {
        let nothing = HeaderMap::new();
        let typed = format!("client_assertion=x&client_assertion_type={ASSERTION_TYPE}");
        assert_eq!(presented(&nothing, &typed), both("", "assertion x"));
        assert_eq!(presented(&nothing, &format!("{typed}&client_id=a")), both("a", "assertion x"));
        assert_eq!(presented(&nothing, &format!("{typed}&client_secret=s")), Err(Code::ClientAuthenticationRepeated));
        assert_eq!(presented(&basic_header("a:s"), &typed), Err(Code::ClientAuthenticationRepeated));
        for untyped in [
            "client_assertion=x&client_id=a",
            &format!("client_id=a&client_assertion_type={ASSERTION_TYPE}"),
            &typed.replace("jwt", "saml2"),
        ] {
            assert_eq!(presented(&nothing, untyped), Err(Code::ClientNotAuthenticated), "{untyped}");
        }
    }

    #[test]
    fn no_method_or_another_is_not_authenticated() {
        let nothing = HeaderMap::new();
        assert_eq!(presented(&nothing, ""), Err(Code::ClientNotAuthenticated));
        assert_eq!(presented(&nothing, "client_secret=s"), Err(Code::ClientNotAuthenticated));
        for wrong in ["Bearer abc", "Basic", "Basic %%%", "Basic YQ=="] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(wrong).unwrap())]);
            assert_eq!(presented(&headers, "client_id=a"), Err(Code::ClientNotAuthenticated), "{wrong}");
        }
    }
}

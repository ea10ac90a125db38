//! The API's description, made from the handlers' own. `docs/openapi.json` is a copy, held against it by a test.

use std::collections::BTreeMap;

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoResponses, Modify, OpenApi, ToSchema};

use super::routes;
use crate::api;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Mintage",
        description = "Short-lived access tokens that anyone can verify offline and that can still be taken back. Codes: docs/codes.md."
    ),
    paths(
        routes::oauth::token::token, routes::oauth::revoke::revoke, routes::oauth::introspect::introspect,
        routes::well_known::metadata::metadata, routes::well_known::jwks::jwks, routes::well_known::paserk::paserk,
        routes::v1::sessions::open, routes::v1::sessions::list, routes::v1::claims::patch_subject,
        routes::v1::session::show, routes::v1::session::patch, routes::v1::session::end,
        routes::v1::revocations::revoke, routes::v1::revocations::show,
        routes::v1::backup::take,
        routes::v1::keys::list, routes::v1::keys::announce, routes::v1::keys::rotate, routes::v1::keys::rotate_macs, routes::v1::keys::retire, routes::v1::keys::revoke,
        routes::v1::clients::list, routes::v1::clients::add, routes::v1::clients::show, routes::v1::clients::replace,
        routes::v1::clients::remove,
        routes::v1::client_secrets::add, routes::v1::client_secrets::remove,
        routes::v1::audit::list,
        routes::ops::health::live, routes::ops::health::ready, routes::ops::metrics::metrics, routes::ops::openapi::openapi,
    ),
    components(schemas(api::Problem, api::OAuthError)),
    modifiers(&Guards)
)]
struct Description;

/// The description as JSON, the same bytes for the same build.
pub fn document() -> String {
    Description::openapi().to_pretty_json().map(|text| text + "\n").unwrap_or_default()
}

/// How a caller shows who it is.
struct Guards;

impl Modify for Guards {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let components = description.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An access token for the issuer, got by `client_credentials` with `mintage:` scopes only."))
            .build();
        let client = HttpBuilder::new()
            .scheme(HttpAuthScheme::Basic)
            .description(Some("`client_id` and `client_secret`, each form-encoded (RFC 6749 §2.3.1); or both in the form."))
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("client", SecurityScheme::Http(client));
    }
}

/// What any route of the API can answer instead.
pub(super) struct ApiRefusals;
/// What a route that reads a body can answer as well.
pub(super) struct BodyRefusals;
/// What a route that names a thing can answer as well.
pub(super) struct NotFound;
/// What a route can answer as well when the thing does not allow it.
pub(super) struct Conflict;
/// What an OAuth endpoint can answer instead.
pub(super) struct OAuthRefusals;

const BAD: (&str, &str) = ("400", "Not well formed");
const UNAUTHENTICATED: (&str, &str) = ("401", "Nobody that we know; `WWW-Authenticate` says what is wanted");
const FORBIDDEN: (&str, &str) = ("403", "More than the caller may have");
const SLOW: (&str, &str) = ("408", "The body came too slowly");
const LARGE: (&str, &str) = ("413", "The body is too large");
const TYPE: (&str, &str) = ("415", "The body has another content type");
const OFTEN: (&str, &str) = ("429", "Too often: ask again after `Retry-After`");
const OURS: (&str, &str) = ("500", "Something went wrong on our side");
const LATER: (&str, &str) = ("503", "Not now: ask again after `Retry-After`");

type Responses = BTreeMap<String, RefOr<Response>>;

impl IntoResponses for ApiRefusals {
    fn responses() -> Responses {
        problems(&[BAD, UNAUTHENTICATED, FORBIDDEN, OFTEN, OURS, LATER])
    }
}

impl IntoResponses for BodyRefusals {
    fn responses() -> Responses {
        problems(&[SLOW, LARGE, TYPE])
    }
}

impl IntoResponses for NotFound {
    fn responses() -> Responses {
        problems(&[("404", "There is no such thing")])
    }
}

impl IntoResponses for Conflict {
    fn responses() -> Responses {
        problems(&[("409", "Its state does not allow it")])
    }
}

impl IntoResponses for OAuthRefusals {
    fn responses() -> Responses {
        let all = [BAD, UNAUTHENTICATED, FORBIDDEN, SLOW, LARGE, TYPE, OFTEN, OURS, LATER];
        refusals(&all, "application/json", "OAuthError")
    }
}

fn problems(rows: &[(&str, &str)]) -> Responses {
    refusals(rows, "application/problem+json", "Problem")
}

fn refusals(rows: &[(&str, &str)], media_type: &str, schema: &str) -> Responses {
    let response = |about: &str| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
        ResponseBuilder::new().description(about).content(media_type, content).build()
    };
    rows.iter().map(|(status, about)| ((*status).to_owned(), RefOr::T(response(about)))).collect()
}

/// The form of the token endpoint. It is read by hand; this is its description.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a form that is read parameter by parameter")]
pub(super) struct TokenForm {
    /// `refresh_token` or `client_credentials`.
    grant_type: String,
    /// With `refresh_token`.
    refresh_token: Option<String>,
    /// Space-delimited; never wider than what may be had.
    scope: Option<String>,
    /// The audience of the access token (RFC 8707); one may be had at a time.
    resource: Option<Vec<String>>,
    /// Of a client that does not use HTTP Basic.
    client_id: Option<String>,
    /// Of a confidential client that does not use HTTP Basic.
    client_secret: Option<String>,
    /// Of a client with keys: a JWT that it signs for this one request (RFC 7523 §2.2).
    client_assertion: Option<String>,
    /// With `client_assertion`: `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    client_assertion_type: Option<String>,
}

/// The form that names a token.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a form that is read parameter by parameter")]
pub(super) struct TokenNamed {
    /// The token.
    token: String,
    /// Not needed: our tokens say what they are.
    token_type_hint: Option<String>,
    /// Of a client that does not use HTTP Basic.
    client_id: Option<String>,
    /// Of a confidential client that does not use HTTP Basic.
    client_secret: Option<String>,
    /// Of a client with keys: a JWT that it signs for this one request (RFC 7523 §2.2).
    client_assertion: Option<String>,
    /// With `client_assertion`: `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    client_assertion_type: Option<String>,
}

/// A JWK set (RFC 7517 §5).
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a document that the issuer writes")]
pub(super) struct JwkSet {
    /// The keys.
    #[schema(value_type = Vec<Object>)]
    keys: Vec<()>,
}

/// A set of PASERKs.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a document that the issuer writes")]
pub(super) struct PaserkSet {
    /// The keys.
    keys: Vec<PaserkKey>,
}

/// One PASETO key.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a document that the issuer writes")]
pub(super) struct PaserkKey {
    /// `k4.pid.…`
    kid: String,
    /// `k4.public.…`
    paserk: String,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::router::every_path;

    #[test]
    fn every_address_is_described_and_no_other() {
        let described: BTreeSet<_> = Description::openapi().paths.paths.into_keys().collect();
        let routed: BTreeSet<_> = every_path().into_iter().map(str::to_owned).collect();
        assert_eq!(described, routed);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a switch of the developer's, read by the test alone")]
    fn the_description_in_docs_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, document()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == document(), "docs/openapi.json is behind: UPDATE_DOCS=1 cargo test --lib http::");
    }
}

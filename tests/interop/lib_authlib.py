"""Authlib as an OAuth client of the running node, and as a verifier of its tokens."""

import os
import warnings
from importlib.metadata import version

import requests
from authlib.integrations.requests_client import OAuth2Session, OAuthError
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from joserfc import errors, jwk, jwt

from checks import Checks
from mintage import AUDIENCE


def run(world):
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback
    warnings.filterwarnings("ignore", message="EdDSA is deprecated")  # RFC 9864 prefers another name; the algorithm is the same
    checks = Checks("Authlib", f"{version('Authlib')} (joserfc {version('joserfc')})")
    for node in world.nodes:
        verifies(checks, node, world)
    speaks(checks, world.nodes[0])
    return checks


def verifies(checks, node, world):
    """joserfc is what Authlib reads JWTs with."""
    name = node.algorithm
    keys = jwk.KeySet.import_key_set(node.get("/.well-known/jwks.json"))

    def claims_of(token, issuer=node.issuer, audience=AUDIENCE):
        read = jwt.decode(token, keys, algorithms=[name])
        registry = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": issuer}, aud={"essential": True, "value": audience}, exp={"essential": True}
        )
        registry.validate(read.claims)
        return read.claims

    tokens = world.tokens[name]
    refused = (errors.JoseError, ValueError)
    checks.check(f"{name}: takes the token of a session", lambda: claims_of(tokens["session"])["sub"] == "alice")
    for what, token in world.bent_jwts[name].items():
        checks.refuses(f"{name}: refuses: {what}", lambda token=token: claims_of(token), refused)
    checks.refuses(f"{name}: refuses another audience", lambda: claims_of(tokens["session"], audience="https://other.example"), refused)
    checks.refuses(f"{name}: refuses another issuer", lambda: claims_of(tokens["session"], issuer="https://other.example"), refused)
    checks.refuses(f"{name}: refuses an expired token", lambda: claims_of(tokens["expired"]), refused)
    checks.refuses(f"{name}: refuses the token of another issuer", lambda: claims_of(world.foreign(name)), refused)


def speaks(checks, node):
    found = AuthorizationServerMetadata(requests.get(get_well_known_url(node.issuer, external=True), timeout=30).json())
    # RFC 8414 §2 requires the member, and where there is no authorization endpoint its list is empty: Authlib alone refuses that.
    some = AuthorizationServerMetadata(found | {"response_types_supported": found["response_types_supported"] or ["none"]})
    checks.check("discovery: the metadata is valid (RFC 8414)", some.validate)
    checks.check("discovery: the issuer is the one that was asked", lambda: found["issuer"] == node.issuer)

    def client(client_id, method="client_secret_basic", **more):
        return OAuth2Session(
            client_id, node.secrets.get(client_id), token_endpoint_auth_method=method, revocation_endpoint_auth_method=method, **more
        )

    token_at, revoke_at, introspect_at = (found[f"{name}_endpoint"] for name in ("token", "revocation", "introspection"))
    for method in ("client_secret_basic", "client_secret_post"):
        checks.check(
            f"client_credentials by {method}",
            lambda method=method: client("web", method).fetch_token(token_at, grant_type="client_credentials")["token_type"] == "Bearer",
        )
    checks.check(
        "client_credentials with a narrower scope",
        lambda: client("web").fetch_token(token_at, grant_type="client_credentials", scope="read")["scope"] == "read",
    )
    checks.check("an odd secret by client_secret_post", lambda: client("odd", "client_secret_post").fetch_token(token_at, grant_type="client_credentials"))
    wrong = OAuth2Session("web", "0" * 64)
    checks.refuses("a wrong secret", lambda: wrong.fetch_token(token_at, grant_type="client_credentials"), OAuthError)

    for client_id, method in (("app", "none"), ("web", "client_secret_basic"), ("web", "client_secret_post")):
        who = f"{client_id} by {method}"
        session = client(client_id, method)
        opened = node.open(client_id)
        first = session.refresh_token(token_at, refresh_token=opened["refresh_token"])
        checks.check(f"refresh: a new pair for {who}", lambda: first["refresh_token"] != opened["refresh_token"])
        second = session.refresh_token(token_at, refresh_token=first["refresh_token"])
        # Within the rotation pause no new one comes (RFC 6749 §6), and the library keeps the one it has.
        checks.check(f"refresh: {who} keeps its refresh token", lambda: second["refresh_token"] == first["refresh_token"])
        checks.check(f"refresh: {who} has a fresh access token", lambda: second["access_token"] != first["access_token"])

        def active(token):
            answer = client("api").introspect_token(introspect_at, token=token)
            return answer.status_code == 200 and answer.json()["active"]

        checks.check("introspection: an access token is active", lambda: active(second["access_token"]))
        revoked = session.revoke_token(revoke_at, token=second["refresh_token"], token_type_hint="refresh_token")
        checks.check(f"revocation: {who} is answered 200", lambda: revoked.status_code == 200)
        checks.check("introspection: its access token is not active any more", lambda: not active(second["access_token"]))
        checks.refuses(
            f"refresh: {who} is refused after revocation",
            lambda: session.refresh_token(token_at, refresh_token=second["refresh_token"]),
            OAuthError,
        )
    calls_the_api(checks, node, client, token_at)


def calls_the_api(checks, node, client, token_at):
    """The library renews its token by itself."""
    session = client("backend", token_endpoint=token_at, grant_type="client_credentials")
    session.fetch_token(token_at, grant_type="client_credentials")
    checks.check("a call to /v1 with the library's Bearer", lambda: session.get(f"{node.issuer}/v1/sessions").status_code == 200)
    session.token["expires_at"] = 1
    checks.check("a call to /v1 renews the token by itself", lambda: session.get(f"{node.issuer}/v1/sessions").status_code == 200)

"""PyJWT verifies our JWTs through the published key set, as README.md shows it."""

from importlib.metadata import version

import jwt

from checks import Checks
from mintage import AUDIENCE

REQUIRED = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"]


def run(world):
    checks = Checks("PyJWT", version("PyJWT"))
    for node in world.nodes:
        if node.algorithm == "Ed25519":  # the day it learns the name of RFC 9864, this fails: then drop it
            algorithm = node.algorithm
            checks.refuses("knows no Ed25519", lambda: jwt.get_algorithm_by_name(algorithm), NotImplementedError)
        else:
            of_node(checks, node, world)
    return checks


def of_node(checks, node, world):
    name = node.algorithm
    keys = jwt.PyJWKClient(f"{node.issuer}/.well-known/jwks.json")

    def claims_of(token, issuer=node.issuer, audience=AUDIENCE):
        if jwt.get_unverified_header(token).get("typ") != "at+jwt":
            raise jwt.InvalidTokenError("not an access token")
        options = {"require": REQUIRED}
        return jwt.decode(token, keys.get_signing_key_from_jwt(token), algorithms=[name], issuer=issuer, audience=audience, options=options)

    tokens = world.tokens[name]
    for kind in ("session", "client"):
        checks.check(f"{name}: takes the token of a {kind}", lambda kind=kind: claims_of(tokens[kind])["iss"] == node.issuer)
    checks.check(f"{name}: reads the session's own claims", lambda: claims_of(tokens["session"])["role"] == "reader")
    refused = jwt.PyJWTError
    for what, token in world.bent_jwts[name].items():
        checks.refuses(f"{name}: refuses: {what}", lambda token=token: claims_of(token), refused)
    checks.refuses(f"{name}: refuses another audience", lambda: claims_of(tokens["session"], audience="https://other.example"), jwt.InvalidAudienceError)
    checks.refuses(f"{name}: refuses another issuer", lambda: claims_of(tokens["session"], issuer="https://other.example"), jwt.InvalidIssuerError)
    checks.refuses(f"{name}: refuses an expired token", lambda: claims_of(tokens["expired"]), jwt.ExpiredSignatureError)
    checks.refuses(f"{name}: refuses the token of another issuer", lambda: claims_of(world.foreign(name)), refused)

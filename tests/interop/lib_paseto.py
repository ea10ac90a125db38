"""pyseto verifies our PASETO tokens through the published set of PASERKs."""

import json
from datetime import UTC, datetime
from importlib.metadata import version

import pyseto

from bent import decoded
from checks import Checks
from mintage import AUDIENCE, IMPLICIT, IMPLICIT_AUDIENCE


def run(world):
    checks = Checks("pyseto", version("pyseto"))
    node = world.nodes[0]
    published = node.get("/.well-known/paserk.json")["keys"]
    keys = {key["kid"]: pyseto.Key.from_paserk(key["paserk"]) for key in published}

    def claims_of(token, implicit="", audience=AUDIENCE):
        kid = json.loads(decoded(token.split(".")[3]))["kid"] if token.count(".") == 3 else published[0]["kid"]
        if kid not in keys:
            raise pyseto.VerifyError("no such key")
        claims = pyseto.decode(keys[kid], token, implicit_assertion=implicit, deserializer=json).payload
        if claims["aud"] != audience or claims["iss"] != node.issuer or datetime.fromisoformat(claims["exp"]) <= datetime.now(UTC):
            raise pyseto.VerifyError("a claim is not as it must be")
        return claims

    checks.check("each k4.pid is the id of its key", lambda: all(key.to_paserk_id() == kid for kid, key in keys.items()))
    tokens = world.pasetos
    checks.check("takes the token of a session", lambda: claims_of(tokens["session"])["sub"] == "alice")
    checks.check("takes a token with the implicit assertion", lambda: claims_of(tokens["implicit"], IMPLICIT, IMPLICIT_AUDIENCE)["sub"] == "alice")
    refused = (pyseto.PysetoError, ValueError)
    checks.refuses("refuses it without the implicit assertion", lambda: claims_of(tokens["implicit"], "", IMPLICIT_AUDIENCE), refused)
    checks.refuses("refuses an implicit assertion that is not there", lambda: claims_of(tokens["session"], IMPLICIT), refused)
    for what, token in world.bent_pasetos.items():
        checks.refuses(f"refuses: {what}", lambda token=token: claims_of(token), refused)
    checks.refuses("refuses an expired token", lambda: claims_of(tokens["expired"]), refused)
    checks.refuses("refuses the token of another issuer", lambda: claims_of(tokens["foreign"]), refused)
    return checks

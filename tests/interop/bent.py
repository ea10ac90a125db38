"""Tokens that nobody may accept: each is a good one, bent in one place."""

import base64
import hmac
import json

import pyseto
from cryptography.hazmat.primitives.asymmetric import ed25519
from joserfc import jwk, jwt


def changed(text, at):
    """The same with another character at `at`."""
    other = "A" if text[at] != "A" else "B"
    return text[:at] + other + text[at + 1 :]


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def jwts(good, published):
    """Bent forms of an access token whose key is published as `published`; by name."""
    header, payload, signature = good.split(".")
    names = json.loads(decoded(header))
    claims = json.loads(decoded(payload))
    lifted = encoded(json.dumps(claims | {"sub": "mallory"}).encode())
    table = {
        "another subject under the old signature": f"{header}.{lifted}.{signature}",
        "alg none, no signature": f"{encoded(json.dumps(names | {'alg': 'none'}).encode())}.{payload}.",
        "alg none, the old signature": f"{encoded(json.dumps(names | {'alg': 'none'}).encode())}.{payload}.{signature}",
        "HS256 with the published key as the secret": hs256(names, payload, json.dumps(published).encode()),
        "HS256 with the bytes of the published key as the secret": hs256(names, payload, decoded(published.get("x") or published["n"])),
        "HS256 with an empty secret": hs256(names, payload, b""),
        "signed by a stranger under our kid": jwt.encode(names, claims, stranger(names["alg"]), algorithms=[names["alg"]]),
        "two parts": f"{header}.{payload}",
        "nothing": "",
    }
    for part, text in enumerate((header, payload, signature)):
        for at in (1, len(text) // 2, len(text) - 2):
            parts = [header, payload, signature]
            parts[part] = changed(text, at)
            table[f"character {at} of part {part + 1} changed"] = ".".join(parts)
    return table


def hs256(names, payload, secret):
    """By hand: libraries refuse to make such a thing."""
    signed = f"{encoded(json.dumps(names | {'alg': 'HS256'}).encode())}.{payload}"
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), 'sha256'))}"


def stranger(alg):
    """A key that is not ours."""
    if alg == "ES256":
        return jwk.ECKey.generate_key("P-256")
    if alg == "RS256":
        return jwk.RSAKey.generate_key(2048)
    return jwk.OKPKey.generate_key("Ed25519")


def pasetos(good):
    """Bent forms of a v4.public token with a footer; by name."""
    version, purpose, payload, footer = good.split(".")
    raw = decoded(payload)
    claims, signature = raw[:-64], raw[-64:]
    secret = pyseto.Key.from_asymmetric_key_params(4, d=ed25519.Ed25519PrivateKey.generate().private_bytes_raw())
    lifted = json.dumps(json.loads(claims) | {"sub": "mallory"}).encode()
    table = {
        "another subject under the old signature": f"v4.public.{encoded(lifted + signature)}.{footer}",
        "its footer taken away": f"v4.public.{payload}",
        "another purpose": f"v4.local.{payload}.{footer}",
        "another version": f"v2.public.{payload}.{footer}",
        "signed by a stranger under our footer": pyseto.encode(secret, claims, footer=decoded(footer)).decode(),
        "nothing": "",
    }
    for at in (1, len(payload) // 2, len(payload) - 2):
        table[f"character {at} of the payload changed"] = f"{version}.{purpose}.{changed(payload, at)}.{footer}"
    for at in (1, len(footer) // 2, len(footer) - 2):
        table[f"character {at} of the footer changed"] = f"{version}.{purpose}.{payload}.{changed(footer, at)}"
    return table

"""Verifies our tokens with PyJWT: `python verify.py FILE SECONDS` prints one line of JSON, nanoseconds of a processor each."""

import json
import statistics
import sys
import time

import jwt

TURNS, AT_ONCE = 20, 16

document = json.load(open(sys.argv[1]))
keys = {name: jwt.PyJWK(document[name]["jwk"]) for name in ("eddsa", "es256")}


def verify(name, algorithm):
    token = document[name]["token"]
    required = {"require": ["exp", "aud", "iss", "sub", "jti", "client_id"]}
    for _ in range(AT_ONCE):
        jwt.decode(token, keys[name], algorithms=[algorithm], issuer=document["issuer"], audience=document["audience"], options=required)


def turn(seconds, *what):
    rounds, began = 0, time.process_time()
    while (taken := time.process_time() - began) < seconds:
        verify(*what)
        rounds += AT_ONCE
    return taken * 1e9 / rounds


kinds = {"EdDSA": ("eddsa", "EdDSA"), "ES256": ("es256", "ES256")}
turns = [{name: turn(float(sys.argv[2]) / TURNS, *what) for name, what in kinds.items()} for _ in range(TURNS)]
print(json.dumps({name: statistics.median(taken[name] for taken in turns) for name in kinds}))

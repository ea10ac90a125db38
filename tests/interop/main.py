"""Starts nodes and lets the libraries of other languages at them. Run it by tests/interop/run."""

import argparse
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import document
import examples
import lib_authlib
import lib_paseto
import lib_pyjwt
from bent import decoded, jwts, pasetos
from checks import Checks
from mintage import AUDIENCE, IMPLICIT, IMPLICIT_AUDIENCE, Mintage, until

ALGORITHMS = ("EdDSA", "ES256", "Ed25519", "RS256")
PROGRAMS = ("jose", "oauth4webapi", "openid-client", "paseto")
EXAMPLES = Path(__file__).parents[2] / "examples"


class World:
    """What all libraries are shown: a node for each algorithm, good tokens and bent ones."""

    def __init__(self, nodes):
        self.nodes = nodes
        self.tokens = {node.algorithm: self.some_tokens(node) for node in nodes}
        first = nodes[0]
        self.pasetos = {
            "session": first.open("paseto-app")["access_token"],
            "implicit": first.open("paseto-app", audience=[IMPLICIT_AUDIENCE])["access_token"],
            "expired": first.open("paseto-brief")["access_token"],
            "foreign": nodes[1].open("paseto-app")["access_token"],
        }
        self.bent_jwts = {node.algorithm: jwts(self.tokens[node.algorithm]["session"], key_of(node, self.tokens)) for node in nodes}
        self.bent_pasetos = pasetos(self.pasetos["session"])
        for tokens in self.tokens.values():
            until(json.loads(decoded(tokens["expired"].split(".")[1]))["exp"] + 2)

    @staticmethod
    def some_tokens(node):
        claims = {"role": "reader"}
        return {
            "session": node.open("app", claims=claims)["access_token"],
            "client": node.token("web"),
            "expired": node.open("brief")["access_token"],
        }

    def foreign(self, algorithm):
        """A good token of another node."""
        return next(tokens["session"] for name, tokens in self.tokens.items() if name != algorithm)

    def for_programs(self):
        """The same as JSON."""
        return json.dumps({
            "audience": AUDIENCE, "implicit": IMPLICIT, "implicitAudience": IMPLICIT_AUDIENCE,
            "nodes": [
                {"issuer": node.issuer, "algorithm": node.algorithm, "secrets": node.secrets, "tokens": self.tokens[node.algorithm],
                 "foreign": self.foreign(node.algorithm), "bent": self.bent_jwts[node.algorithm]}
                for node in self.nodes
            ],
            "pasetos": self.pasetos, "bentPasetos": self.bent_pasetos,
        })


def key_of(node, tokens):
    """The published key of the node's tokens."""
    kid = json.loads(decoded(tokens[node.algorithm]["session"].split(".")[0]))["kid"]
    return next(key for key in node.get("/.well-known/jwks.json")["keys"] if key["kid"] == kid)


def run_program(name, folder, world):
    """A program for Node says `version …`, then `ok …` or `FAILED …` for each check."""
    environment = os.environ | {"INTEROP": world.for_programs(), "NODE_OPTIONS": ""}
    command = ["node", str(folder / f"{name}.mjs")]
    ended = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    lines = [line.split(" ", 1) for line in ended.stdout.splitlines() if " " in line]
    checks = Checks(name, next((rest for word, rest in lines if word == "version"), "(did not start)"))
    for word, rest in lines:
        if word == "ok":
            checks.passed += 1
        elif word == "FAILED":
            checks.fail(rest, "see below")
    if ended.returncode != 0 or checks.failed:
        checks.fail(f"the program ended with {ended.returncode}", ended.stderr)
    return checks


def everything(binary, installed, requests_each):
    with contextlib.ExitStack() as stack:
        world = World([stack.enter_context(Mintage(binary, algorithm)) for algorithm in ALGORITHMS])
        for library in (lib_pyjwt, lib_authlib, lib_paseto):
            yield library.run(world)
        for name in PROGRAMS:
            yield run_program(name, installed / "node", world)
        node = world.nodes[0]
        yield examples.run("express-login", ["node", "server.js"], installed / "express-login", node, dict(os.environ))
        uvicorn = [str(installed / "fastapi-login" / "bin" / "uvicorn"), "server:app", "--port", "0"]
        yield examples.run("fastapi-login", uvicorn, EXAMPLES / "fastapi-login", node, dict(os.environ))
    with Mintage(binary) as node:
        yield document.run(node, requests_each)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--binary", required=True)
    arguments.add_argument("--installed", type=Path, required=True)
    arguments.add_argument("--requests-each", type=int, required=True, help="to each operation of the API's description")
    given = arguments.parse_args()
    reports = [checks.report() for checks in everything(given.binary, given.installed, given.requests_each)]
    sys.exit(0 if all(reports) else 1)


main()

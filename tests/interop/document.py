"""Holds the running server against its own description: for every operation, requests that fit it and requests that do not.

No answer may be a 5xx, and none may have a status, a content type, a header or a body that the description does not have.
"""

import time
from collections import Counter, defaultdict
from importlib.metadata import version

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks as conformance

from checks import Checks
from mintage import AUDIENCE

SEED = 20261121
HELD = [
    not_a_server_error,
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_headers_conformance,
    conformance.response_schema_conformance,
]
# These take away what others need, so they come last.
LAST = ("DELETE /v1/clients/{id}", "POST /v1/keys/rotate", "POST /v1/keys/{kid}/retire", "POST /v1/revocations", "POST /v1/keys/{kid}/revoke")
# By which member a target of a revocation is named.
NAMED_BY = {"token": "jti", "session": "sid", "subject": "subject", "client": "client_id", "key": "kid"}


def run(node, examples):
    """`examples` requests for each operation."""
    checks = Checks("schemathesis", f"{version('schemathesis')}, seed {SEED}, {examples} requests an operation")
    document = schemathesis.openapi.from_dict(node.get("/openapi.json"))
    operations = sorted((found.ok() for found in document.get_all_operations()), key=lambda operation: (operation.label in LAST, operation.label))
    table = defaultdict(Counter)
    began = time.monotonic()
    for operation in operations:
        statuses = table[operation.label]
        checks.check(operation.label, lambda operation=operation, statuses=statuses: hold(node, operation, examples, statuses))
        # At once: a long run shows how far it is.
        counts = "  ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
        print(f"  {operation.label:44} {sum(statuses.values()):5}  {counts}", flush=True)
    sent = sum(sum(statuses.values()) for statuses in table.values())
    print(f"  {sent} requests to {len(operations)} operations in {time.monotonic() - began:.0f} s, seed {SEED}")
    return checks


def hold(node, operation, examples, statuses):
    fitting = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    either = st.one_of(fitting, operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)) if may_be_wrong(operation) else fitting
    real = things(node)

    @seed(SEED)
    @settings(max_examples=examples, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(case=either, about=st.sampled_from(["anything", "what there is", "nothing else"]), ours=st.sampled_from([True] * 7 + [False]))
    def one(case, about, ours):
        if about != "anything":
            with_things_that_are(case, real, about == "nothing else")
        answer = case.call(base_url=node.issuer, session=node.http, headers=credentials(node, case) if ours else None, timeout=30)
        statuses[answer.status_code] += 1
        try:
            case.validate_response(answer, checks=HELD)
        except FailureGroup as group:
            raise AssertionError("\n".join(str(failure) for failure in group.exceptions)) from None

    one()


def may_be_wrong(operation):
    """Whether there is anything in a request that could be wrong."""
    return bool(operation.body or operation.query or operation.path_parameters or operation.headers)


def credentials(node, case):
    """Of a client at the OAuth endpoints, elsewhere a fresh Bearer: an earlier request may have voided the last one."""
    if case.operation.path in ("/oauth/token", "/oauth/revoke", "/oauth/introspect"):
        return {"Authorization": requests.auth._basic_auth_str("web", node.secrets["web"])}
    return {"Authorization": f"Bearer {node.token('backend')}"}


def things(node):
    """What there is, by the names that the description uses: free text alone would only ever find nothing."""
    opened = node.open("web")
    bearer = {"Authorization": f"Bearer {node.token('backend')}"}
    keys = node.http.get(f"{node.issuer}/v1/keys", headers=bearer, timeout=30).json()["items"]
    announced = next((key for key in keys if key["state"] == "announced"), None) or node.http.post(
        f"{node.issuer}/v1/keys", json={"algorithm": "ES256"}, headers=bearer, timeout=30
    ).json()
    shop = {"id": "shop", "type": "public", "grants": ["refresh_token"], "scopes": ["read"], "audiences": [AUDIENCE]}
    node.http.post(f"{node.issuer}/v1/clients", json=shop, headers=bearer, timeout=30)
    voided = {"target": {"type": "subject", "subject": "nobody"}}
    revocation = node.http.post(f"{node.issuer}/v1/revocations", json=voided, headers=bearer, timeout=30).json()
    return {
        "sid": opened["session"]["sid"], "jti": opened["session"]["sid"], "token": opened["access_token"], "refresh_token": opened["refresh_token"],
        "subject": "alice", "client_id": "web", "scope": "read", "audience": [AUDIENCE], "resource": [AUDIENCE], "grant_type": "refresh_token",
        "kid": announced["kid"], "algorithm": "ES256", "id": revocation["id"], "type": "public", "grants": ["refresh_token"], "scopes": ["read"],
        "audiences": [AUDIENCE], "origins": ["https://shop.example"], "opens_for": [], "rotates": True, "disabled": False, "format": "jwt",
    }


def with_things_that_are(case, real, nothing_else):
    """The same request about things that exist; with `nothing_else` the other members of its body are left out."""
    if case.operation.path == "/v1/clients":
        real = real | {"id": "another-shop"}
    elif "/clients" in case.operation.path:
        real = real | {"id": "shop"}
    body = case.body if isinstance(case.body, dict) else {}
    target = body["target"] if isinstance(body.get("target"), dict) else {}
    if nothing_else:
        for name in set(body) - set(real) - {"id", "target", "extent", "claims"}:
            if case.method == "PUT":
                body[name] = None  # it wants every member
            else:
                del body[name]
        for name in set(target) - {"type", NAMED_BY.get(target.get("type"))}:
            del target[name]
    for part in (case.path_parameters, case.query, body, target):
        if isinstance(part, dict):
            part.update({name: real[name] for name in part if name in real and not (part is target and name == "type")})

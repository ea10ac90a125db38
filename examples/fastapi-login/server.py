"""A login backend: it checks the password itself, has Mintage open the session, and hands the token pair to the app."""

import hashlib
import hmac
import os
import time
import uuid
from typing import Annotated
from urllib.parse import quote

import httpx
from fastapi import Body, FastAPI, HTTPException, Request, Response

CLIENT_ID, CLIENT_SECRET = os.environ.get("MINTAGE_CLIENT_ID", "admin"), os.environ["MINTAGE_CLIENT_SECRET"]
APP = os.environ.get("APP", "app")  # the client at which users have their sessions
MINTAGE = httpx.Client(base_url=os.environ.get("MINTAGE_URL", "http://127.0.0.1:8080"), timeout=5)

# DEMO: one user, password "correct horse battery staple". Yours are in your database, each with a salt of its own.
USERS = {"alice": ("5f1c3a9e7b2d48606a94c1e08d73b25f", "fc79e28f79432d2ea875c0eded7aad386197420b31b2c0b8fbe8c1117f26d6bb")}
NOBODY = ("0" * 32, "0" * 64)  # an unknown name costs as much time as a known one

app = FastAPI()
own = {"token": "", "until": 0.0}  # our own access token, kept until shortly before it expires


def knows(name, password):
    salt, expected = USERS.get(name, NOBODY)
    found = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), n=2**14, r=8, p=5, dklen=32)
    return hmac.compare_digest(found, bytes.fromhex(expected)) and name in USERS


def mintage(path, again=True, **request):
    """Asks once more when no answer came. That is safe: nothing here has more effect the second time than the first."""
    try:
        answer = MINTAGE.post(path, **request)
    except httpx.TransportError:
        if again:
            return mintage(path, again=False, **request)
        raise HTTPException(503, "not now", {"Retry-After": "1"}) from None
    if answer.status_code == 503:
        raise HTTPException(503, "not now", {"Retry-After": answer.headers.get("Retry-After", "1")})
    return answer


def own_token():
    if time.monotonic() >= own["until"]:
        pair = quote(CLIENT_ID, safe=""), quote(CLIENT_SECRET, safe="")  # RFC 6749 §2.3.1
        form = {"grant_type": "client_credentials", "scope": "mintage:sessions.open"}
        answer = mintage("/oauth/token", auth=pair, data=form).raise_for_status().json()
        own.update(token=answer["access_token"], until=time.monotonic() + answer["expires_in"] - 30)
    return own["token"]


def open_session(session):
    key = str(uuid.uuid4())  # a lost answer leaves no second session
    for _ in range(2):
        headers = {"Authorization": f"Bearer {own_token()}", "Idempotency-Key": key}
        answer = mintage("/v1/sessions", json=session, headers=headers)
        if answer.status_code != 401:
            break
        own["until"] = 0.0  # our token has been revoked
    return answer.raise_for_status().json()


@app.post("/login")
def login(name: Annotated[str, Body()], password: Annotated[str, Body(max_length=1000)], request: Request, response: Response):
    if not knows(name, password):
        raise HTTPException(401, "wrong name or password")
    # Behind a proxy, run uvicorn with --forwarded-allow-ips: else this is the proxy's address.
    device = {"user_agent": request.headers.get("user-agent", "")[:255], "ip": request.client.host}
    opened = open_session({"subject": name, "client_id": APP, "device": device})
    response.headers["Cache-Control"] = "no-store"
    return {name: opened[name] for name in ("access_token", "expires_in", "refresh_token")}  # the app refreshes at Mintage


@app.post("/logout", status_code=204)
def logout(refresh_token: Annotated[str, Body(embed=True)]):
    mintage("/oauth/revoke", data={"client_id": APP, "token": refresh_token}).raise_for_status()  # ends the session

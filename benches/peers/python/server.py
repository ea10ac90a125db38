"""A token service as one writes it in an afternoon with FastAPI, PyJWT and SQLite: `python server.py FOLDER`."""

import hashlib
import secrets
import sqlite3
import sys
import time
from pathlib import Path
from typing import Annotated

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends, FastAPI, Form, HTTPException, Request
from fastapi.security import HTTPBasic, HTTPBasicCredentials

ISSUER, API = "http://127.0.0.1", "https://api.example"
KEY = Ed25519PrivateKey.generate()
database = sqlite3.connect(Path(sys.argv[1]) / "peer.sqlite", isolation_level=None)
database.executescript("""
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE sessions (sid TEXT PRIMARY KEY, subject TEXT, token_hash BLOB UNIQUE, ended INTEGER DEFAULT 0) WITHOUT ROWID;
""")
app = FastAPI()


def hashed(token):
    return hashlib.sha256(token.encode()).digest()


def pair(sid, subject, refresh_token):
    now = int(time.time())
    whose = {"iss": ISSUER, "sub": subject, "aud": API, "client_id": "app", "sid": sid, "scope": "read write"}
    claims = whose | {"exp": now + 300, "iat": now, "jti": secrets.token_hex(16)}
    access_token = jwt.encode(claims, KEY, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": "1"})
    return {"access_token": access_token, "token_type": "Bearer", "expires_in": 300, "refresh_token": refresh_token}


@app.post("/open")
async def open_session(request: Request):
    sid, subject, token = secrets.token_hex(16), f"user {(await request.body()).decode()}", secrets.token_urlsafe(32)
    database.execute("INSERT INTO sessions (sid, subject, token_hash) VALUES (?, ?, ?)", (sid, subject, hashed(token)))
    return pair(sid, subject, token)


@app.post("/token")
async def refresh(grant_type: Annotated[str, Form()], client_id: Annotated[str, Form()], refresh_token: Annotated[str, Form()]):
    successor = secrets.token_urlsafe(32)
    change = "UPDATE sessions SET token_hash = ? WHERE token_hash = ? AND NOT ended RETURNING sid, subject"  # synced before it returns
    row = database.execute(change, (hashed(successor), hashed(refresh_token))).fetchone()
    if row is None or grant_type != "refresh_token" or client_id != "app":
        raise HTTPException(400, "invalid_grant")
    return pair(*row, successor)


@app.post("/introspect")
async def introspect(caller: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())], token: Annotated[str, Form()]):
    if not secrets.compare_digest(caller.password, "secret-of-the-api"):
        raise HTTPException(401, "invalid_client")
    try:
        claims = jwt.decode(token, KEY.public_key(), algorithms=["EdDSA"], issuer=ISSUER, audience=API)
    except jwt.InvalidTokenError:
        return {"active": False}
    row = database.execute("SELECT ended FROM sessions WHERE sid = ?", (claims["sid"],)).fetchone()
    return {"active": True, **claims} if row == (0,) else {"active": False}


class Server(uvicorn.Server):
    """Says where it listens, in the words of Mintage."""

    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        host, port = self.servers[0].sockets[0].getsockname()
        print(f"listening on http://{host}:{port}", file=sys.stderr, flush=True)


Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", access_log=False)).run()

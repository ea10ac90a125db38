"""The real binary with a configuration of its own, in a temporary folder, on a free port; and what a login backend asks of it."""

import os
import re
import secrets
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import requests

KEYS = Path(__file__).parents[1] / "keys"
AUDIENCE = "https://api.example"
IMPLICIT_AUDIENCE = "https://paseto.example"
IMPLICIT = "paseto.example, production"
# HTTP Basic carries these only when both halves are form-encoded first (RFC 6749 §2.3.1).
ODD_SECRET = "+/%:=& " + "Zk3vQ9xU7mB2rL8wJ5nC1hF6yD4sG0pA"

CONFIGURATION = """
[signing]
algorithm = "{algorithm}"

[defaults]
access_ttl = "30m"                # the libraries take turns with the same tokens, on slow machines too

[[resource_servers]]
audience = "{implicit_audience}"
implicit = "{implicit}"

[[clients]]                       # opens sessions, and administers
id = "backend"
type = "confidential"
secret_file = "{dir}/backend"
grants = ["client_credentials"]
scopes = ["mintage:sessions.open", "mintage:sessions.read", "mintage:sessions.update", "mintage:revoke", "mintage:revoke.all",
          "mintage:keys", "mintage:clients", "mintage:introspect", "mintage:audit"]
opens_for = ["*"]

[[clients]]                       # where users are
id = "app"
type = "public"
scopes = ["read", "write"]
audiences = ["{audience}"]

[[clients]]                       # the same on a server, with a secret
id = "web"
type = "confidential"
secret_file = "{dir}/web"
grants = ["refresh_token", "client_credentials"]
scopes = ["read", "write"]
audiences = ["{audience}"]

[[clients]]                       # the same with a secret that must be encoded
id = "odd"
type = "confidential"
secret_file = "{dir}/odd"
grants = ["client_credentials"]
scopes = ["read"]
audiences = ["{audience}"]

[[clients]]                       # its tokens expire at once
id = "brief"
type = "public"
scopes = ["read"]
audiences = ["{audience}"]
access_ttl = "1s"

[[clients]]
id = "paseto-app"
type = "public"
scopes = ["read"]
audiences = ["{audience}", "{implicit_audience}"]
format = "paseto"

[[clients]]
id = "paseto-brief"
type = "public"
scopes = ["read"]
audiences = ["{audience}"]
format = "paseto"
access_ttl = "1s"

[[clients]]                       # a resource server: introspects what is meant for it
id = "api"
type = "confidential"
secret_file = "{dir}/api"
grants = []
audiences = ["{audience}"]
"""


class Mintage:
    """A running node; `with` stops it."""

    def __init__(self, binary, algorithm="EdDSA", extra=""):
        self.algorithm = algorithm
        self.folder = tempfile.TemporaryDirectory(prefix="mintage-interop-")
        folder = Path(self.folder.name)
        self.secrets = {name: secrets.token_hex(32) for name in ("backend", "web", "api")} | {"odd": ODD_SECRET}
        for name, secret in self.secrets.items():
            path = folder / name
            path.touch(mode=0o600)
            path.write_text(secret + "\n")
        text = CONFIGURATION.format(
            algorithm=algorithm, dir=folder, audience=AUDIENCE, implicit_audience=IMPLICIT_AUDIENCE, implicit=IMPLICIT
        )
        (folder / "mintage.toml").write_text(text + extra)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MINTAGE_")}
        if algorithm == "RS256":  # such keys are not made, but brought: one to sign, one to stand by
            for name in ("rsa-2048-a.pem", "rsa-2048-b.pem"):
                pem = folder / name
                pem.touch(mode=0o600)
                pem.write_text((KEYS / name).read_text())
                subprocess.run([binary, "keys", "import", pem, "--config", "mintage.toml"], cwd=folder, env=environment, check=True, capture_output=True)
        self.process = subprocess.Popen(
            [binary, "serve", "--config", "mintage.toml", "--listen", "127.0.0.1:0"],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        self.log = []
        self.issuer = None
        self.http = requests.Session()  # one connection for thousands of requests
        self.http.trust_env = False
        ready = threading.Event()
        threading.Thread(target=self._read, args=(ready,), daemon=True).start()
        if not ready.wait(60) or self.issuer is None:
            raise RuntimeError("mintage did not start:\n" + "".join(self.log))

    def _read(self, ready):
        for line in self.process.stderr:
            self.log.append(line)
            del self.log[:-400]
            if found := re.search(r"listening on (http://[0-9.:]+)", line):
                self.issuer = found[1]
                ready.set()
        ready.set()  # it has ended

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.close()
        self.process.terminate()
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
            self.folder.cleanup()

    def token(self, client_id):
        """An access token for a client itself; of `backend`, for /v1."""
        form = {"grant_type": "client_credentials"}
        answer = self.http.post(f"{self.issuer}/oauth/token", data=form, auth=(client_id, self.secrets[client_id]), timeout=30)
        answer.raise_for_status()
        return answer.json()["access_token"]

    def open(self, client_id, **more):
        """Opens a session as a login backend does."""
        headers = {"Authorization": f"Bearer {self.token('backend')}"}
        body = {"subject": "alice", "client_id": client_id} | more
        answer = self.http.post(f"{self.issuer}/v1/sessions", json=body, headers=headers, timeout=30)
        if answer.status_code != 201:
            raise RuntimeError(f"{answer.status_code} {answer.text}")
        return answer.json()

    def get(self, path):
        """A public document."""
        answer = self.http.get(self.issuer + path, timeout=30)
        answer.raise_for_status()
        return answer.json()


def until(when):
    """Sleeps until the wall clock has passed `when`, in seconds since the epoch."""
    while (left := when - time.time()) >= 0:
        time.sleep(left + 0.05)

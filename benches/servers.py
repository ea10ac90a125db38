"""The servers that are measured: how each is started, opened, refreshed and asked about a token. All listen on a free port of loopback, keep what
they know in a folder of their own, and say `listening on http://…` on standard error."""

import base64
import json
import os
import re
import secrets
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

PEERS = Path(__file__).resolve().parent / "peers"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
CONFIGURATION = """
[defaults]
access_ttl = "30m"
rotation_pause = "0s"             # so that every refresh rotates

[log]
level = "{level}"

[[clients]]
id = "backend"
type = "confidential"
secret_file = "backend"
grants = ["client_credentials"]
scopes = ["mintage:sessions.open"]
opens_for = ["app"]

[[clients]]
id = "app"
type = "public"
scopes = ["read", "write"]
audiences = ["https://api.example"]

[[clients]]
id = "api"
type = "confidential"
secret_file = "api"
grants = []
audiences = ["https://api.example"]
"""


def ask(path, body, content_type, authorization=None):
    """What the driver sends; `{}` in the body is for it to fill in."""
    headers = {"content-type": content_type} | ({"authorization": authorization} if authorization else {})
    return {"path": path, "headers": headers, "body": body}


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Server:
    """A running server, pinned to the first core; `with` stops it."""

    introspects = True
    needs = None  # the peer that must be installed

    def __init__(self, installed):
        self.installed = installed
        self.folder = tempfile.TemporaryDirectory(prefix="measured-", dir=installed.folder)  # on the disk that is measured

    def __enter__(self):
        folder = Path(self.folder.name)
        command, environment = self.command(folder)
        self.log = folder / "log"
        began = time.monotonic()
        with self.log.open("w") as errors:
            self.process = subprocess.Popen(
                ["taskset", "-c", "0", *command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
            )
        try:
            while not (found := re.search(r"listening on http://([0-9.:]+)\n", self.told())):
                if self.process.poll() is not None or time.monotonic() > began + 60:
                    raise RuntimeError(f"{self.name} did not start:\n{self.told()}")
                time.sleep(0.001)
            self.started_in = time.monotonic() - began
            self.address = found[1]
            self.prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def told(self):
        return self.log.read_text(errors="replace")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
            self.folder.cleanup()

    def resident_mb(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024 / 1e6

    def post(self, question, filling=""):
        """Asks once, without the driver."""
        body = question["body"].replace("{}", filling).encode()
        request = urllib.request.Request(f"http://{self.address}{question['path']}", body, question["headers"])
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def prepare(self):
        """What must be known before the first question."""


class Mintage(Server):
    """Without its line a request in the log: the others write none."""

    name = "mintage"
    level = "warn"

    def command(self, folder):
        self.secrets = {client: secrets.token_hex(32) for client in ("backend", "api")}
        for client, secret in self.secrets.items():
            (folder / client).touch(mode=0o600)
            (folder / client).write_text(secret)
        (folder / "mintage.toml").write_text(CONFIGURATION.format(level=self.level))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MINTAGE_")}
        return [self.installed.program("mintage"), "serve", "--config", "mintage.toml", "--listen", "127.0.0.1:0"], environment

    def prepare(self):
        own = ask("/oauth/token", "grant_type=client_credentials", FORM, basic("backend", self.secrets["backend"]))
        token = json.loads(self.post(own))["access_token"]
        self.open = ask("/v1/sessions", '{"subject":"user {}","client_id":"app"}', JSON, f"Bearer {token}")
        self.refresh = ask("/oauth/token", "grant_type=refresh_token&client_id=app&refresh_token={}", FORM)
        self.introspect = ask("/oauth/introspect", "token={}", FORM, basic("api", self.secrets["api"]))


class MintageLogging(Mintage):
    """As it comes."""

    name = "mintage, logging each request"
    level = "info"


class Baseline(Server):
    """Bare handlers that answer as many bytes as Mintage."""

    name = "baseline"
    commits = "synced-twice"  # as Mintage does it
    sizes = (0, 0)

    def command(self, folder):
        return [self.installed.program("http"), "baseline", folder, *map(str, (self.commits, *self.sizes))], os.environ

    def prepare(self):
        self.open = ask("/open", "{}", FORM)
        self.refresh = ask("/refresh", "{}", FORM)
        self.introspect = ask("/introspect", "token={}", FORM, basic("api", "secret-of-the-api"))


class BaselineSyncingOnce(Baseline):
    """As redb does it where it is told nothing: the last commit before a crash may be taken back without a word."""

    name = "baseline, a commit synced once"
    commits = "synced-once"
    introspects = False  # which writes nothing


class BaselineInCompany(Baseline):
    """With what is our own in Mintage's group commit: before it takes what waits, it lets all run that can."""

    name = "baseline, a commit in company"
    commits = "in-company"
    introspects = False  # which writes nothing


class FastApi(Server):
    name = "FastAPI + PyJWT"
    needs = "python"

    def command(self, folder):
        return [self.installed.folder / "python/bin/python", PEERS / "python/server.py", folder], os.environ

    def prepare(self):
        self.open = ask("/open", "{}", FORM)
        self.refresh = ask("/token", "grant_type=refresh_token&client_id=app&refresh_token={}", FORM)
        self.introspect = ask("/introspect", "token={}", FORM, basic("api", "secret-of-the-api"))


class OidcProvider(Server):
    name = "oidc-provider"
    needs = "node"
    group = "1"

    def command(self, folder):
        environment = os.environ | {"NODE_ENV": "production", "GROUP": self.group}
        return [self.installed.program("node"), self.installed.folder / "node/oidc-provider.js", folder], environment

    def prepare(self):
        self.open = ask("/open", "{}", FORM)
        self.refresh = ask("/token", "grant_type=refresh_token&client_id=app&refresh_token={}", FORM)
        self.introspect = ask("/token/introspection", "token={}", FORM, basic("api", "secret-of-the-api"))


class OidcProviderSyncingEach(OidcProvider):
    """With the adapter that one would write at first: each write its own transaction."""

    name = "oidc-provider, a sync a write"
    group = "0"
    introspects = False  # which writes nothing


class BetterAuth(Server):
    name = "better-auth"
    needs = "node"

    def command(self, folder):
        return [self.installed.program("node"), self.installed.folder / "node/better-auth.js", folder], os.environ | {"NODE_ENV": "production"}

    def prepare(self):
        self.open = ask("/open", "{}", FORM)
        authorization = json.loads(self.post(self.open))["authorization"]
        self.refresh = ask("/api/auth/oauth2/token", "grant_type=refresh_token&refresh_token={}", FORM, authorization)
        self.introspect = ask("/api/auth/oauth2/introspect", "token={}", FORM, authorization)


# By the name that the command line has for each.
SERVERS = {
    "mintage": Mintage, "mintage-logging": MintageLogging, "baseline": Baseline, "baseline-one-sync": BaselineSyncingOnce,
    "baseline-in-company": BaselineInCompany,
    "oidc-provider": OidcProvider, "oidc-provider-sync-each": OidcProviderSyncingEach, "better-auth": BetterAuth, "fastapi": FastApi,
}

"""The login backends of examples/, each driven against a real node, and through a wire that may fail."""

import http.server
import re
import subprocess
import threading
from collections import Counter

import requests

from checks import Checks

GOOD = {"name": "alice", "password": "correct horse battery staple"}
AGENT = "interop/1 (phone)"


class Wire:
    """Stands between a backend and the node: counts what passes, and fails as it is told."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.seen = Counter()
        self.lose = 0  # so many answers of the next requests get lost
        self.later = None  # what is answered instead: 503 with this Retry-After
        self.brief = False  # access tokens say that they expire at once
        wire = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                wire.pass_on(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def pass_on(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self.seen[handler.path] += 1
        if self.later is not None:
            handler.send_response(503)
            handler.send_header("Retry-After", self.later)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        kept = {name: value for name, value in handler.headers.items() if name.lower() not in ("host", "connection", "content-length")}
        answer = requests.post(self.upstream + handler.path, data=body, headers=kept, timeout=30)
        if self.lose:
            self.lose -= 1
            handler.close_connection = True  # nothing is written
            return
        content = answer.content
        if self.brief and handler.path == "/oauth/token":
            content = re.sub(rb'"expires_in": ?\d+', b'"expires_in":1', content)
        handler.send_response(answer.status_code)
        handler.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Backend:
    """A running example; `with` stops it."""

    def __init__(self, command, folder, environment):
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.url = None
        self.log = []
        ready = threading.Event()
        threading.Thread(target=self._read, args=(ready,), daemon=True).start()
        if not ready.wait(60) or self.url is None:
            self.process.kill()
            raise RuntimeError("the example did not start:\n" + "".join(self.log))

    def _read(self, ready):
        for line in self.process.stdout:
            self.log.append(line)
            if found := re.search(r"(?:listening|running) on (http://[0-9.:]+)", line):
                self.url = found[1]
                ready.set()
        ready.set()  # it has ended

    def post(self, path, body):
        return requests.post(self.url + path, json=body, headers={"User-Agent": AGENT}, timeout=30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            self.process.kill()


def run(name, command, folder, node, environment):
    checks = Checks(f"examples/{name}", "as in the README")
    wire = Wire(node.issuer)
    secrets = {"MINTAGE_URL": wire.url, "MINTAGE_CLIENT_ID": "backend", "MINTAGE_CLIENT_SECRET": node.secrets["backend"], "PORT": "0"}
    try:
        with Backend(command, folder, environment | secrets) as backend:
            drive(checks, backend, wire, node)
            if checks.failed:
                print("".join(backend.log))
    finally:
        wire.close()
    return checks


def drive(checks, backend, wire, node):
    support = {"Authorization": f"Bearer {node.token('backend')}"}

    def is_so(what, so, shown):
        if so:
            checks.passed += 1
        else:
            checks.fail(what, repr(shown))

    def sessions():
        found = requests.get(f"{node.issuer}/v1/sessions?subject=alice&client_id=app&limit=200", headers=support, timeout=30).json()
        return {session["sid"]: session for session in found["items"]}

    def refresh(token):
        form = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": token}
        return requests.post(f"{node.issuer}/oauth/token", data=form, timeout=30)

    def log_in():
        """What was answered, and the sessions that this has opened."""
        before = sessions()
        answer = backend.post("/login", GOOD)
        return answer, {sid: session for sid, session in sessions().items() if sid not in before}

    for what, body in {"a wrong password": GOOD | {"password": "correct horse"}, "an unknown name": GOOD | {"name": "mallory"}}.items():
        before = sessions()
        answer = backend.post("/login", body)
        is_so(f"{what} is answered 401", answer.status_code == 401, answer.text)
        is_so(f"{what} opens nothing", sessions() == before and not wire.seen, wire.seen)
    for what, body in {"no password": {"name": "alice"}, "a list": [], "a name that is none": GOOD | {"name": {}}}.items():
        answer = backend.post("/login", body)
        is_so(f"{what} is the caller's fault", answer.status_code in (400, 422), answer.text)

    answer, opened = log_in()
    is_so("the right password opens one session", answer.status_code == 200 and len(opened) == 1, answer.text)
    device = next(iter(opened.values()))["device"]
    is_so("the session knows the device", (device["user_agent"], device["ip"]) == (AGENT, "127.0.0.1"), device)
    is_so("no cache keeps the pair", answer.headers.get("Cache-Control") == "no-store", answer.headers)
    pair = answer.json()
    refreshed = refresh(pair["refresh_token"])
    is_so("the app refreshes at Mintage", refreshed.status_code == 200, refreshed.text)
    for _ in range(3):
        log_in()
    is_so("four logins take one token of the backend's own", wire.seen["/oauth/token"] == 1, wire.seen)

    out = backend.post("/logout", {"refresh_token": refreshed.json()["refresh_token"]})
    is_so("signing out is answered 204", out.status_code == 204, out.text)
    refused = refresh(refreshed.json()["refresh_token"])
    is_so("after that the app is refused", refused.status_code == 400 and refused.json()["error"] == "invalid_grant", refused.text)
    is_so("the other sessions go on", sum(session["state"] == "active" for session in sessions().values()) >= 3, sessions())

    wire.lose = 1
    answer, opened = log_in()
    is_so("a lost answer leaves one session, and the pair is for it", answer.status_code == 200 and len(opened) == 1, (answer.text, opened))

    wire.later = "7"
    for path, body in {"/login": GOOD, "/logout": {"refresh_token": pair["refresh_token"]}}.items():
        answer = backend.post(path, body)
        is_so(f"{path}: 503 is passed on", (answer.status_code, answer.headers.get("Retry-After")) == (503, "7"), answer.headers)
    wire.later = None
    wire.lose = 2
    answer = backend.post("/login", GOOD)
    is_so("no answer at all is 503 too", answer.status_code == 503 and "Retry-After" in answer.headers, answer.text)

    void = {"target": {"type": "client", "client_id": "backend"}, "extent": "access_tokens"}
    requests.post(f"{node.issuer}/v1/revocations", json=void, headers=support, timeout=30).raise_for_status()
    wire.brief = True
    answer = backend.post("/login", GOOD)
    is_so("the backend's own token revoked: it gets another", answer.status_code == 200, answer.text)
    before = wire.seen["/oauth/token"]
    answers = [backend.post("/login", GOOD).status_code for _ in range(2)]
    is_so("an own token about to expire is not used", answers == [200, 200] and wire.seen["/oauth/token"] == before + 2, (answers, wire.seen))

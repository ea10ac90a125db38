"""What a round measures, section by section. Whatever is found has a name, by which `lines` puts it into the table."""

import json
import os
import random
import re
import subprocess
import tempfile
import time
from statistics import median

from install import RUST_PEERS, say
from servers import PEERS, SERVERS, Baseline, Mintage

SECTIONS = ("tokens", "view", "http", "start")
WORKERS, SESSIONS = 64, 1_000_000
DRIVER_CORE = min(1, os.cpu_count() - 1)  # the servers have core 0
RUST_NAMES = dict(zip(RUST_PEERS, (
    "jsonwebtoken 11.1 on aws-lc", "jsonwebtoken 11.1 on RustCrypto", "jsonwebtoken 9.3 on ring", "pasetors",
)))


class Bench:
    """One run: what to measure, how often and how long."""

    def __init__(self, arguments, installed):
        self.installed, self.sections, self.servers = installed, arguments.only, arguments.servers
        self.is_quick, self.shuffled = arguments.quick, random.Random(arguments.seed)
        self.rounds = arguments.rounds or (1 if arguments.quick else 5)
        self.seconds = arguments.seconds or (2 if arguments.quick else 5)
        self.failed, self.driven, self.printed = [], [], {}

    def run(self):
        """For each round, what was found by name."""
        found = []
        if "http" in self.sections:
            self.attempt("sizes of answers", self.learn_sizes)
        for number in range(self.rounds):
            values = {"fsyncs a second": fsyncs_a_second(self.installed.folder)}
            for section in self.sections:
                say(f"round {number + 1} of {self.rounds}: {section}; load {os.getloadavg()[0]:.1f}")
                values |= getattr(self, section)()
            found.append(values)
        if "start" in self.sections and not self.is_quick:
            say(f"{SESSIONS:,} sessions are opened, and each is refreshed")
            found.append(self.attempt("a million sessions", self.touch))
        return found

    def attempt(self, what, measure, *arguments):
        """A failure costs what was to be measured, and the run its good end; the others go on."""
        try:
            return measure(*arguments)
        except (RuntimeError, OSError, ValueError, LookupError, subprocess.SubprocessError) as why:
            say(f"FAILED: {what}: {why}")
            self.failed.append(what)
            return {}

    # Tokens

    def tokens(self):
        values = self.attempt("verify", self.verify)
        file = self.installed.folder / "tokens.json"
        self.attempt("tokens for the peers", self.output, self.installed.program("tokens"), file)
        for peer in filter(lambda peer: self.installed.has(f"rust-{peer}"), RUST_PEERS):
            values |= self.attempt(peer, self.rust_peer, peer, file, values)
        if self.installed.has("python"):
            python = self.installed.folder / "python/bin/python"
            values |= self.attempt("PyJWT", self.script, "PyJWT", python, PEERS / "python/verify.py", file)
        if self.installed.has("node"):
            script = self.installed.folder / "node/verify.js"
            for library in ("jose", "fast-jwt"):
                values |= self.attempt(library, self.script, library, self.installed.program("node"), script, library, file)
        return values

    def verify(self):
        """`benches/verify.rs`: nanoseconds of each line of its table."""
        self.printed["verify"] = text = self.output(self.installed.program("verify"), "--bench", "no-such-bench")
        lines = re.findall(r"^(\S.*?) +(\d+)(?: +[\d.]+){2}$", text, re.MULTILINE)
        return {name: float(taken) for name, taken in lines}

    def rust_peer(self, peer, file, ours):
        """What another process measured is told in checks by ring, of which it made its own, times those of ours."""
        theirs = json.loads(self.output(self.installed.program(f"rust-{peer}"), file, self.turn()))
        scale = ours["ring Ed25519"] / theirs.pop("ring Ed25519")
        return {f"{RUST_NAMES[peer]}, {kind}": taken * scale for kind, taken in theirs.items()}

    def script(self, library, *command):
        return {f"{library}, {kind}": taken for kind, taken in json.loads(self.output(*command, self.turn())).items()}

    def turn(self):
        return self.seconds / 5

    def output(self, *command):
        """What a program prints that runs beside no other."""
        return subprocess.run(
            ["taskset", "-c", str(DRIVER_CORE), *map(str, command)], check=True, stdout=subprocess.PIPE, text=True, timeout=600
        ).stdout

    # The view

    def view(self):
        return self.attempt("view", self.look_up)

    def look_up(self):
        """`benches/view.rs`."""
        self.printed["view"] = text = self.output(self.installed.program("view"))
        entry, _, read, good, void = map(float, (re.search(r"^ *10000000 (.*)$", text, re.MULTILINE) or ["", ""])[1].split())
        return {"an entry of the view": entry, "one random read": read, "good token, view of 10 M": good * read, "void token, view of 10 M": void * read}

    # Over HTTP

    def http(self):
        values = {}
        for name in self.shuffled.sample(self.servers, len(self.servers)):
            kind = SERVERS[name]
            if kind.needs is None or self.installed.has(kind.needs):
                values |= self.attempt(kind.name, self.serve, kind)
        return values

    def learn_sizes(self):
        """The bare handlers answer as many bytes as Mintage does."""
        with Mintage(self.installed) as server:
            opened = json.loads(server.post(server.open, "1"))
            refreshed = server.post(server.refresh, opened["refresh_token"])
            Baseline.sizes = len(refreshed), len(server.post(server.introspect, opened["access_token"]))

    def serve(self, kind):
        with kind(self.installed) as server:
            values = {}
            for what in ("refresh", "introspect") if kind.introspects else ("refresh",):
                figures = self.drive(server, what, timeout=self.seconds + 120)
                self.driven.append((f"{what}, {kind.name}", figures))
                values[f"{what}, {kind.name}"] = figures["per_second"]
                say(f"{what}, {kind.name}: {figures['per_second']:,.0f}/s, {figures['server_us_each']:.1f} µs of the server each")
            return values

    def drive(self, server, what, timeout):
        plan = {
            "address": server.address, "server": server.process.pid, "workers": WORKERS, "warm_up_seconds": 1, "seconds": self.seconds,
            "open": server.open, "step": server.introspect if what == "introspect" else server.refresh, "kind": what, "sessions": SESSIONS,
        }
        command = ["taskset", "-c", str(DRIVER_CORE), self.installed.program("http"), "drive"]
        done = subprocess.run(command, input=json.dumps(plan), text=True, stdout=subprocess.PIPE, timeout=timeout)
        if done.returncode:
            raise RuntimeError(f"{what}: the driver met the error above; the server said:\n{server.told()[-2_000:]}")
        return json.loads(done.stdout)

    def how_served(self):
        """What stands behind the requests a second: medians of the rounds."""
        lines = [f"{'':<44}{'p50 ms':>8}{'p99 ms':>8}{'max ms':>8}{'server µs each':>16}{'server busy':>13}{'driver busy':>13}"]
        for name in dict(self.driven):
            of = lambda key: median(figures[key] for other, figures in self.driven if other == name)
            lines.append(
                f"{name:<44}{of('p50_ms'):8.2f}{of('p99_ms'):8.2f}{of('max_ms'):8.1f}{of('server_us_each'):16.1f}"
                f"{of('server_busy'):13.0%}{of('driver_busy'):13.0%}"
            )
        return "\n".join(lines)

    # Start and memory

    def start(self):
        return self.attempt("start", self.begin)

    def begin(self):
        with Mintage(self.installed) as server:
            time.sleep(1)
            return {"ready on an empty store": server.started_in, "resident when idle": server.resident_mb()}

    def touch(self):
        with Mintage(self.installed) as server:
            figures = self.drive(server, "touch", timeout=3_600)
            say(", ".join(f"{name} {value:,.0f}" for name, value in figures.items()))
            return {"resident with a million sessions": server.resident_mb()}


def fsyncs_a_second(folder, seconds=1.0):
    """Of 4 KiB each, in place, one after the other."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(bytes(1 << 20))
        file.flush()
        os.fsync(file.fileno())
        count, began = 0, time.monotonic()
        while (taken := time.monotonic() - began) < seconds:
            os.pwrite(file.fileno(), bytes([count % 256]) * 4096, count % 256 * 4096)
            os.fdatasync(file.fileno())
            count += 1
        return count / taken

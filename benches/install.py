"""Builds what is ours and installs the peers, only what a run needs, below target/."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from servers import PEERS, SERVERS

ROOT = Path(__file__).resolve().parent.parent
RUST_PEERS = ("aws_lc", "rust_crypto", "ring", "pasetors")
# What `cargo bench` calls the programs that a section is measured with.
BENCHES = {"tokens": ("verify", "tokens"), "view": ("view",), "http": ("http",), "start": ("http",)}


class Installed:
    """Where everything is, and which peers cannot be had."""

    def __init__(self, folder):
        self.folder, self.missing = folder, set()

    def program(self, name):
        return self.folder / "bin" / name

    def has(self, peer):
        return peer not in self.missing


def install(sections, servers):
    for tool in ("cargo", "cc", "npm", "taskset", "findmnt"):
        if shutil.which(tool) is None:
            sys.exit(f"benches/run: {tool} is missing: install it, and start again")
    installed = Installed(Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "peers")
    installed.program("").mkdir(parents=True, exist_ok=True)
    build_ours(installed, sections)
    needed = {SERVERS[name].needs for name in servers if "http" in sections} - {None}
    if "tokens" in sections:
        needed |= {"python", "node", *(f"rust-{peer}" for peer in RUST_PEERS)}
    for peer in sorted(needed):
        try_peer(installed, peer)
    return installed


def build_ours(installed, sections):
    say("building mintage and what drives it")
    benches = sorted({bench for section in sections for bench in BENCHES[section]})
    command = ["cargo", "bench", "--locked", "--no-run", "--message-format=json", *(f"--bench={bench}" for bench in benches)]
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if built.returncode:
        sys.exit("benches/run: mintage cannot be built, see above")
    for message in map(json.loads, built.stdout.splitlines()):
        if message.get("executable") and message["target"]["name"] in ("mintage", *benches):
            shutil.copy2(message["executable"], installed.program(message["target"]["name"]))


def try_peer(installed, peer):
    """What cannot be had is skipped."""
    say(f"installing {peer}")
    log = installed.folder / f"{peer}.log"
    with log.open("w") as output:
        def run(*command, cwd=ROOT):
            subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=True)

        try:
            {"python": python_peers, "node": node_peers}.get(peer, rust_peer)(installed, run, peer)
        except (subprocess.CalledProcessError, OSError) as why:
            say(f"skipped: {peer} cannot be had here, see {log}: {why}")
            installed.missing.add(peer)


def python_peers(installed, run, _):
    folder, wanted = installed.folder / "python", PEERS / "python/requirements.txt"
    if is_same(wanted, folder / wanted.name):
        return
    run(sys.executable, "-m", "venv", "--clear", folder)
    pip = (folder / "bin/pip", "--disable-pip-version-check")
    run(*pip, "install", "--no-deps", "-r", wanted)
    run(*pip, "check")
    shutil.copy(wanted, folder)


def node_peers(installed, run, _):
    folder = installed.folder / "node"
    folder.mkdir(exist_ok=True)
    for file in (PEERS / "node").iterdir():
        shutil.copy(file, folder)
    wanted, done = folder / "package-lock.json", folder / "installed.json"
    if is_same(wanted, done):
        return
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", cwd=folder)
    node = installed.program("node")
    node.unlink(missing_ok=True)
    node.symlink_to(next(folder.glob("node_modules/node-linux-*/bin/node")))
    run(node, "-e", 'require("node:sqlite")')
    shutil.copy(wanted, done)


def rust_peer(installed, run, peer):
    target = installed.folder / "rust"
    feature = peer.removeprefix("rust-")
    run("cargo", "build", "--locked", "--release", "--manifest-path", PEERS / "rust/Cargo.toml", "--target-dir", target, "--features", feature)
    shutil.copy2(target / "release/mintage-bench-peers", installed.program(peer))


def is_same(one, other):
    return other.exists() and one.read_bytes() == other.read_bytes()


def say(line):
    print(f"== {line}", file=sys.stderr, flush=True)

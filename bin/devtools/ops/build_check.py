"""`bin/build-check`: what a Procfile host does with the committed code, done here.

It reads .python-version, installs requirements.txt and nothing else into a fresh environment, sets what
app.json says and what add-ons would, runs the release step on an empty database, and starts each process type
until it is at work and then ends it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import psycopg

from bin.devtools.stack.fresh_keys import fresh_keys
from bin.devtools.stack.platform import ROOT
from bin.devtools.stack.postgres import make_database
from bin.devtools.stack.server import Server, StartError, free_port, start
from bin.devtools.stack.servers import Stack, running

DATABASE = "cloudapi_build"
EXIT_SECONDS_MAX = 25
# Of this machine's environment a build sees where programs are, and where pip finds packages.
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
READY_WORDS = {
    "temporal": "worker_ready",
    "relay": "relay_ready",
    "fanout": "Worker process is ready",
    "channels": "Worker process is ready",
}


def main() -> int:
    """Build and start everything; return 0 when all of it worked."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="build-") as folder:
        source = Path(folder) / "app"
        try:
            check_out(source)
            build(source, Path(folder) / "venv")
            with running(ROOT / ".cloudapi" / "build") as stack:
                run(stack, source, Path(folder) / "venv" / "bin")
        except (StartError, subprocess.CalledProcessError, AssertionError) as fault:
            print(f"FAIL  {fault}", file=sys.stderr)
            return 1
    print(f"ok    all in {time.monotonic() - began:.0f} s")
    return 0


def check_out(source: Path) -> None:
    """Write out what is committed, and only that."""
    source.mkdir()
    done = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", source], input=done.stdout, check=True)
    print("ok    checked out")


def build(source: Path, venv: Path) -> None:
    """Install what the lock says, with the Python that is asked for.

    :raises StartError: when that Python is missing, or what is installed does not fit together.
    """
    wanted = (source / ".python-version").read_text().strip()
    python = shutil.which(f"python{wanted}")
    if python is None:
        raise StartError(f"Python {wanted} is not installed, which .python-version asks for")
    subprocess.run([python, "-m", "venv", venv], check=True, env=clean())
    pip: list[str | Path] = [venv / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "install", "-q", "-r", "requirements.txt"], cwd=source, check=True, env=clean()
    )
    checked = subprocess.run(
        [*pip, "check"], check=False, capture_output=True, text=True, env=clean()
    )
    if checked.returncode:
        raise StartError(f"what requirements.txt installs does not fit together: {checked.stdout}")
    print(f"ok    built with Python {wanted}")


def clean(**more: str) -> dict[str, str]:
    """Return an environment that knows nothing of this checkout."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in PASSED_ON or name.startswith("PIP_")
    }
    return passed | more


def run(stack: Stack, source: Path, programs: Path) -> None:
    """Run the release step, then start and end each process type of the Procfile."""
    environ = described(source, stack) | {"PATH": f"{programs}:/usr/bin:/bin"}
    procfile = dict(line.split(": ", 1) for line in (source / "Procfile").read_text().splitlines())
    for name in sorted(
        procfile, key=lambda name: name != "release"
    ):  # which comes first on every host
        server = start(
            name,
            ["/bin/sh", "-c", f"cd {source} && exec {procfile[name]}"],
            log=source / f"{name}.log",
            ready=lambda: True,
            env=environ,
        )
        if name in ("release", "postdeploy"):
            _expect(server, server.process.wait())
        else:
            _until(server, _ready(name, server, environ))
            server.process.send_signal(signal.SIGTERM)
            _expect(server, server.process.wait(EXIT_SECONDS_MAX))
        print(f"ok    {name}: {procfile[name]}")


def described(source: Path, stack: Stack) -> dict[str, str]:
    """Return the environment that app.json asks for, what is secret drawn anew, and what add-ons set."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
    fresh = make_database(stack.database_url, DATABASE).replace("postgresql://", "postgres://")
    operator = f"build:{secrets.token_urlsafe(32)}"
    asked: dict[str, dict[str, str]] = json.loads((source / "app.json").read_text())["env"]
    drawn = {name: secrets.token_hex(32) for name, entry in asked.items() if entry.get("generator")}
    given = (
        fresh_keys()
        | stack.environ()
        | drawn
        | {"DATABASE_URL": fresh, "CODEC_OPERATORS": operator}
    )
    named = {name: entry.get("value") or given.get(name, "") for name, entry in asked.items()}
    by_addons = {name: given[name] for name in ("DATABASE_URL", "REDIS_URL")}
    ports = {"PORT": str(free_port()), "CODEC_PORT": str(free_port())}
    # Only what app.json names is set: what it forgets is missing here as it would be there.
    return {name: value for name, value in named.items() if value} | by_addons | ports


def _ready(name: str, server: Server, environ: dict[str, str]) -> Callable[[], bool]:
    """Return what holds once a process type is at work."""
    if name == "web":
        return lambda: _answers(f"http://127.0.0.1:{environ['PORT']}/health/ready", 200)
    if name == "codec":
        return lambda: _answers(f"http://127.0.0.1:{environ['CODEC_PORT']}/", 401)
    return lambda: READY_WORDS[name] in server.log.read_text()


def _answers(url: str, status: int) -> bool:
    try:
        return httpx2.get(url, timeout=3).status_code == status
    except httpx2.TransportError:
        return False


def _until(server: Server, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        if server.process.poll() is not None or time.monotonic() > deadline:
            server.stop()
            raise StartError(f"{server.name} is not at work. Its log ends:\n{server.tail()}")
        time.sleep(0.1)


def _expect(server: Server, status: int) -> None:
    """Look whether a process ended as it should; uvicorn alone ends by the signal that it was sent."""
    if status not in ((0, -signal.SIGTERM) if server.name == "codec" else (0,)):
        raise StartError(f"{server.name} ended with {status}. Its log ends:\n{server.tail()}")


if __name__ == "__main__":
    sys.exit(main())

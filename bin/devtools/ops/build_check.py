"""`bin/build-check`: build the committed code as a Procfile host does, and start it.

It reads .python-version and installs requirements.txt alone into a new environment. It sets the
variables that app.json names and that add-ons would set. It runs the release step on an empty
database. Then it starts each process type, waits until it works, and ends it.
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
# Variables of this machine that a build may see: where programs are, and where pip finds packages.
VISIBLE = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
READY_WORDS = {
    "temporal": "worker_ready",
    "relay": "relay_ready",
    "fanout": "Worker process is ready",
    "channels": "Worker process is ready",
}


def main() -> int:
    """Build and start everything; return 0 when all of it works."""
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
    """Write the committed files, and no other."""
    source.mkdir()
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", source], input=archive.stdout, check=True)
    print("ok    checked out")


def build(source: Path, venv: Path) -> None:
    """Install the locked packages with the Python version that .python-version names.

    :raises StartError: when that Python is missing, or when the packages do not fit together
    """
    version = (source / ".python-version").read_text().strip()
    python = shutil.which(f"python{version}")
    if python is None:
        raise StartError(f"Python {version} is not installed, which .python-version asks for")
    subprocess.run([python, "-m", "venv", venv], check=True, env=clean())
    pip: list[str | Path] = [venv / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "install", "-q", "-r", "requirements.txt"], cwd=source, check=True, env=clean()
    )
    check = subprocess.run(
        [*pip, "check"], check=False, capture_output=True, text=True, env=clean()
    )
    if check.returncode:
        raise StartError(f"the packages of requirements.txt do not fit together: {check.stdout}")
    print(f"ok    built with Python {version}")


def clean(**more: str) -> dict[str, str]:
    """Return an environment without any variable of this checkout."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if name in VISIBLE or name.startswith("PIP_")
    }
    return variables | more


def run(stack: Stack, source: Path, programs: Path) -> None:
    """Run the release step, then start and end each process type of the Procfile."""
    environ = environ_of(source, stack) | {"PATH": f"{programs}:/usr/bin:/bin"}
    procfile = dict(line.split(": ", 1) for line in (source / "Procfile").read_text().splitlines())
    # The release step comes first, as on every host.
    for name in sorted(procfile, key=lambda name: name != "release"):
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


def environ_of(source: Path, stack: Stack) -> dict[str, str]:
    """Return the environment by app.json and the add-ons, with new secrets."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
    fresh = make_database(stack.database_url, DATABASE).replace("postgresql://", "postgres://")
    operator = f"build:{secrets.token_urlsafe(32)}"
    entries: dict[str, dict[str, str]] = json.loads((source / "app.json").read_text())["env"]
    random_values = {
        name: secrets.token_hex(32) for name, entry in entries.items() if entry.get("generator")
    }
    values = (
        fresh_keys()
        | stack.environ()
        | random_values
        | {"DATABASE_URL": fresh, "CODEC_OPERATORS": operator}
    )
    variables = {
        name: entry.get("value") or values.get(name, "") for name, entry in entries.items()
    }
    by_addons = {name: values[name] for name in ("DATABASE_URL", "REDIS_URL")}
    ports = {"PORT": str(free_port()), "CODEC_PORT": str(free_port())}
    # Only the variables of app.json are set, so that one that it lacks is missing here too.
    return {name: value for name, value in variables.items() if value} | by_addons | ports


def _ready(name: str, server: Server, environ: dict[str, str]) -> Callable[[], bool]:
    """Return the condition that holds once a process type works."""
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
            raise StartError(f"{server.name} does not work. Its log ends:\n{server.tail()}")
        time.sleep(0.1)


def _expect(server: Server, status: int) -> None:
    """Check a process's exit status; only uvicorn ends by the signal that it receives."""
    if status not in ((0, -signal.SIGTERM) if server.name == "codec" else (0,)):
        raise StartError(f"{server.name} ended with {status}. Its log ends:\n{server.tail()}")


if __name__ == "__main__":
    sys.exit(main())

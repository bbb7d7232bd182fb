"""The platform's processes, started as the Procfile says and stopped together."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx2

from bin.devtools.docs.settings_texts import GROUPS, Words
from bin.devtools.stack.client import CERTIFICATES
from bin.devtools.stack.server import Server, StartError, start, stop_all

ROOT = Path(__file__).parents[3]
PARTS = ("temporal", "relay", "fanout", "channels", "web")
# Tests and measurements send many requests from one address with few accounts.
NO_RATE_LIMITS = {
    f"LIMIT_{area}_PER_MINUTE": "100000000" for area in ("AUTH", "SYNC", "WORKFLOWS", "GENERAL")
} | {"CONNECTIONS_PER_ADDRESS_MAX": "100000000"}


def procfile() -> dict[str, str]:
    """Return the commands of the Procfile by process name."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {
        name: command.strip()
        for name, _, command in (line.partition(":") for line in lines if line)
    }


def own_settings(name: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings without the keys that this process does not need."""
    foreign = {
        setting.upper() for setting, words in GROUPS["Keys"].items() if name not in _needs(words)
    }
    return {setting: value for setting, value in environ.items() if setting not in foreign}


def process(name: str, environ: Mapping[str, str], logs: Path) -> Server:
    """Start one process of the Procfile with its own keys alone.

    Return `web` once it answers, others at once.
    """
    bin_dir = Path(sys.executable).parent
    env = (
        os.environ
        | own_settings(name, environ)
        | {"PATH": f"{bin_dir}:{os.environ.get('PATH', '')}", "HOST": "127.0.0.1"}
    )
    health = f"http://127.0.0.1:{env.get('PORT', '')}/health/live"
    return start(
        name,
        ["/bin/sh", "-c", f"cd {ROOT} && exec {procfile()[name]}"],
        log=logs / f"{name}.log",
        ready=lambda: name != "web" or _answers(health),
        env=env,
    )


@contextlib.contextmanager
def processes(
    environ: Mapping[str, str], logs: Path, names: tuple[str, ...] = PARTS
) -> Iterator[dict[str, Server]]:
    """Run processes of the Procfile by name; stop them all on the way out."""
    running: dict[str, Server] = {}
    try:
        for name in names:
            running[name] = process(name, environ, logs)
        yield running
    finally:
        stop_all(list(running.values()))


def migrate(environ: Mapping[str, str], logs: Path) -> None:
    """Run the Procfile's release step to its end.

    :raises StartError: when it fails.
    """
    release = process("release", environ, logs)
    if release.process.wait():
        raise StartError(f"the migrations failed. {release.log} ends:\n{release.tail()}")


def _needs(words: Words) -> set[str]:
    """Return the processes that need a setting, as its text lists them: `web: why; channels`."""
    return {
        name.strip() for part in words[-1].split(";") for name in part.partition(":")[0].split(",")
    }


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=1, verify=CERTIFICATES).is_success
    except httpx2.TransportError:
        return False

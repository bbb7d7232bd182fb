"""Processes that a measurement starts itself, and the conditions that it waits for."""

from __future__ import annotations

import http.client
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.platform import HOME
from bin.devtools.stack.platform import ROOT, procfile
from bin.devtools.stack.server import READY_SECONDS_MAX, Server, start

LOOK_SECONDS = 0.005
BARE = f"{sys.executable} -m bench.baseline_web"
NOOP = f"{sys.executable} -m bench.baseline_workflow"


def begin(name: str, environ: Mapping[str, str], command: str = "") -> Server:
    """Start a process of the Procfile, or a command, and return at once."""
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    return start(
        name,
        ["/bin/sh", "-c", f"cd {ROOT} && exec {command or procfile()[name]}"],
        log=HOME / "logs" / f"{name}.log",
        ready=lambda: True,
        env=os.environ | dict(environ) | {"PATH": path, "HOST": "127.0.0.1"},
    )


def until(holds: Callable[[], bool], what: str) -> None:
    """Check again and again until a condition holds.

    :raises AssertionError: when it does not within READY_SECONDS_MAX.
    """
    deadline = time.monotonic() + READY_SECONDS_MAX
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {READY_SECONDS_MAX:.0f} s for {what}")
        time.sleep(LOOK_SECONDS)


def answers(port: int, path: str) -> bool:
    """Tell whether a GET is answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()

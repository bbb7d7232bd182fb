"""Server processes of the embedded stack: start, wait until ready, stop, leave none behind."""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 3.0
PORTS = range(10_000, 32_768)  # below those that Linux and macOS give to outgoing connections
_PR_SET_PDEATHSIG = 1


class StartError(RuntimeError):
    """A server did not start; the message has its name and the end of its log."""


@dataclass(slots=True)
class Server:
    """A running child process and the signal that stops it cleanly."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM

    def stop(self) -> None:
        """Send the stop signal, then SIGKILL after STOP_SECONDS_MAX."""
        stop_all([self])

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of the server's log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def stop_all(servers: Sequence[Server], seconds: float = STOP_SECONDS_MAX) -> None:
    """Send all processes their stop signals at once, then SIGKILL after `seconds`."""
    for server in servers:
        if server.process.poll() is None:
            server.process.send_signal(server.stop_signal)
    deadline = time.monotonic() + seconds
    for server in servers:
        try:
            server.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()


def free_port() -> int:
    """Return a TCP port of the loopback that nothing listens on.

    It is outside the range of outgoing connections, so no other program takes it before the server.
    """
    while True:
        port = PORTS[secrets.randbelow(len(PORTS))]
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def accepts(port: int) -> bool:
    """Return whether something accepts TCP connections on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    ready: Callable[[], bool],
    env: Mapping[str, str] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    uid: int | None = None,
    seconds: float = READY_SECONDS_MAX,
) -> Server:
    """Start a process and return it once `ready` holds.

    :raises StartError: when the process ends first or is not ready within `seconds`.
    """
    # Others cannot read the logs; a home of PostgreSQL, which its own user enters, exists already.
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
            # Ctrl-C reaches this process alone, which stops its children in order.
            start_new_session=True,
            preexec_fn=_die_with_parent(stop_signal),  # noqa: PLW1509 - no thread runs yet
        )
    server = Server(name, process, log, stop_signal)
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            server.stop()
            raise StartError(
                f"{name} did not start (exit {process.returncode}). {log} ends:\n{server.tail()}"
            )
        time.sleep(0.02)
    return server


def _die_with_parent(signum: signal.Signals) -> Callable[[], None] | None:
    """Return a hook that makes Linux stop the child when its parent ends; None elsewhere."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def hook() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signum))
        if os.getppid() != parent:
            os._exit(1)

    return hook

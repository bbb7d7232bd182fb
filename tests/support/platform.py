"""The running platform, its agents, and more web processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from uuid_utils.compat import uuid7

from bin.devtools.stack.client import Client, Keys
from bin.devtools.stack.platform import processes
from bin.devtools.stack.server import Server, free_port
from tests.support.receivers import Receiver

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Platform:
    """The running processes of the Procfile."""

    api_url: str
    environ: dict[str, str]
    logs: Path
    servers: dict[str, Server]


def channel_settings(receiver: Receiver) -> dict[str, str]:
    """Allow the receiver as a channel's address, and let channels give up soon."""
    impatient = {"CHANNEL_BACKOFF_SECONDS": "0.2", "CHANNEL_TRIES_MAX": "3"}
    return impatient | {
        "EGRESS_ALLOW": receiver.host,
        "VAPID_SUBJECT": "mailto:operator@example.org",
    }


@contextmanager
def beside(platform: Platform, **changes: str) -> Iterator[Platform]:
    """Run one more web process of the platform, with some settings changed."""
    port = free_port()
    environ = platform.environ | {"PORT": str(port)} | changes
    logs = platform.logs / f"beside-{port}"
    with processes(environ, logs, ("web",)) as servers:
        yield Platform(f"http://127.0.0.1:{port}", environ, logs, servers)


@contextmanager
def new_agent(platform: Platform, keys: Keys | None = None) -> Iterator[Client]:
    """Register an account on the running platform; yield its first agent."""
    with Client(platform.api_url, "laptop", keys or Keys.fresh()) as client:
        client.register(f"{uuid7()}@example.org", "a long pass phrase")
        yield client

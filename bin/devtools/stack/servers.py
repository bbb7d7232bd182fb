"""The servers that the platform needs: embedded ones, or those that the environment names."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bin.devtools.stack.postgres import make_database, start_postgres
from bin.devtools.stack.server import Server, accepts, free_port, stop_all
from bin.devtools.stack.temporal import start_temporal
from bin.devtools.stack.valkey import start_valkey


@dataclass(slots=True)
class Stack:
    """Addresses of the running servers, and the servers that this process started."""

    database_url: str
    redis_url: str
    temporal_address: str
    temporal_ui_url: str
    servers: list[Server] = field(default_factory=list)
    web_port: int = 0
    codec_port: int = 0
    temporal_namespace: str = "default"

    def environ(self) -> dict[str, str]:
        """Return the addresses as the settings' environment variables."""
        return {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "TEMPORAL_ADDRESS": self.temporal_address,
            "TEMPORAL_NAMESPACE": self.temporal_namespace,
            "TEMPORAL_UI_URL": self.temporal_ui_url,
        }


@contextlib.contextmanager
def running(home: Path, *, database: str = "cloudapi") -> Iterator[Stack]:
    """Run the stack with its data under `home`; stop at the end what was started.

    `DATABASE_URL`, `REDIS_URL` and `TEMPORAL_ADDRESS` each replace the embedded server when set.
    """
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    ports = _ports(home)
    servers: list[Server] = []
    try:
        database_url = os.environ.get("DATABASE_URL", "")
        if not database_url:
            server, admin_url = start_postgres(home / "postgres", ports["postgres"])
            servers.append(server)
            database_url = make_database(admin_url, database)
        redis_url = os.environ.get("REDIS_URL", "")
        if not redis_url:
            server, redis_url = start_valkey(home / "valkey", ports["valkey"])
            servers.append(server)
        address = os.environ.get("TEMPORAL_ADDRESS", "")
        ui_url = os.environ.get("TEMPORAL_UI_URL", "")
        if not address:
            server, address, ui_url = start_temporal(
                home / "temporal",
                ports["temporal"],
                ports["temporal_ui"],
                codec_url=f"http://127.0.0.1:{ports['codec']}",
            )
            servers.append(server)
        yield Stack(database_url, redis_url, address, ui_url, servers, ports["web"], ports["codec"])
    finally:
        stop_all(servers)


def _ports(home: Path) -> dict[str, int]:
    """Return the ports of the last run where they are free, so that links stay valid."""
    record = home / "ports.json"
    last_ports: dict[str, int] = json.loads(record.read_text()) if record.exists() else {}
    names = ("postgres", "valkey", "temporal", "temporal_ui", "web", "codec")
    ports = {
        name: last_ports[name]
        if name in last_ports and not accepts(last_ports[name])
        else free_port()
        for name in names
    }
    record.write_text(json.dumps(ports))
    return ports

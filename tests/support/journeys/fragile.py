"""A platform whose servers and processes tests may kill, and a service that its workflows call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import Any

from bin.devtools.stack.parts import Parts
from bin.devtools.stack.server import Server
from bin.devtools.stack.servers import Stack
from tests.support.platform import Platform


@dataclass(frozen=True, slots=True)
class Service:
    """HTTP service for workflows: it records each request's path and returns the body."""

    url: str
    paths: Queue[str] = field(default_factory=Queue)


@contextmanager
def service() -> Iterator[Service]:
    """Run the service."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Answer with the body."""
            instance.paths.put(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    instance = Service(f"http://127.0.0.1:{server.server_port}")
    Thread(target=server.serve_forever, daemon=True).start()
    yield instance
    server.shutdown()
    server.server_close()


@dataclass(slots=True)
class Fragile:
    """The platform, its servers, and the environments for restarts."""

    stack: Stack
    platform: Platform
    service: Service
    gate_url: str  # where a test may serve what workflows call
    all: Parts

    @property
    def parts(self) -> dict[str, Server]:
        """The running parts, by name."""
        return self.all.running

    def kill(self, name: str) -> None:
        """Kill a part and all its processes, as a power failure would."""
        self.all.kill(name)

    def revive(self, name: str) -> None:
        """Start a killed part again, at the same port and on the same data."""
        self.all.revive(name)

"""A platform on a stack of its own, whose parts may be killed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import psycopg
import pytest

from bin.devtools.stack.fresh_keys import fresh_keys
from bin.devtools.stack.parts import Parts
from bin.devtools.stack.platform import LIFTED, PARTS, migrate, process
from bin.devtools.stack.server import Server, free_port, stop_all
from bin.devtools.stack.servers import Stack, running
from tests.conftest import Platform, channel_settings
from tests.receivers import Receiver

UNTIL_SECONDS_MAX = 60


def until(condition: Callable[[], Any]) -> Any:
    """Return the first true value of the condition.

    :raises AssertionError: when there is none in time.
    """
    deadline = time.monotonic() + UNTIL_SECONDS_MAX
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("the condition never held")


@dataclass(frozen=True, slots=True)
class Service:
    """An HTTP service that workflows may call: it tells what was asked, and answers with it."""

    url: str
    asked: Queue[str] = field(default_factory=Queue)


@contextmanager
def service() -> Iterator[Service]:
    """Run the service."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Answer with the body."""
            told.asked.put(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Service(f"http://127.0.0.1:{server.server_port}")
    Thread(target=server.serve_forever, daemon=True).start()
    yield told
    server.shutdown()
    server.server_close()


@dataclass(slots=True)
class Fragile:
    """The platform, its servers and how each is started again."""

    stack: Stack
    platform: Platform
    service: Service
    gate_url: str  # where workflows may call too, when a test serves there
    all: Parts

    @property
    def parts(self) -> dict[str, Server]:
        """What runs, by name."""
        return self.all.running

    def kill(self, name: str) -> None:
        """Kill a part and all its processes as a machine that loses power would."""
        self.all.kill(name)

    def revive(self, name: str) -> None:
        """Start a part that was killed, where it was."""
        self.all.revive(name)


@pytest.fixture(scope="session")
def fragile(home: Path, receiver: Receiver) -> Iterator[Fragile]:
    """All of it, apart from the stack the other tests share; each test revives what it kills."""
    home = home.with_name(home.name.replace("test", "fragile"))
    for leftover in ("temporal", "logs"):
        shutil.rmtree(home / leftover, ignore_errors=True)
    with ExitStack() as exits:
        stack = exits.enter_context(running(home))
        with psycopg.connect(stack.database_url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        called = exits.enter_context(service())
        environ = stack.environ() | fresh_keys() | LIFTED | {"PORT": str(stack.web_port)}
        opened, gate = called.url.removeprefix("http://"), f"127.0.0.1:{free_port()}"
        environ |= channel_settings(receiver) | {"EGRESS_ALLOW": f"{opened},{receiver.host},{gate}"}
        logs = home / "logs"
        migrate(environ, logs)
        platform = Platform(f"http://127.0.0.1:{stack.web_port}", environ, logs, {})
        parts = {server.name: server for server in stack.servers}
        exits.callback(lambda: stop_all(list(parts.values())))
        parts |= {name: process(name, environ, logs) for name in PARTS}
        running_parts = Parts(home, logs, parts, lambda _: environ)
        yield Fragile(stack, platform, called, f"http://{gate}", running_parts)

"""A platform on a stack of its own, whose parts may be killed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest

from bin.devtools.stack.fresh_keys import fresh_keys
from bin.devtools.stack.parts import Parts
from bin.devtools.stack.platform import NO_RATE_LIMITS, PARTS, migrate, process
from bin.devtools.stack.server import free_port, stop_all
from bin.devtools.stack.servers import running
from tests.support.journeys.fragile import Fragile, service
from tests.support.journeys.gate import Gate
from tests.support.platform import Platform, channel_settings
from tests.support.receivers import Receiver


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
        http_service = exits.enter_context(service())
        environ = stack.environ() | fresh_keys() | NO_RATE_LIMITS | {"PORT": str(stack.web_port)}
        service_host, gate = http_service.url.removeprefix("http://"), f"127.0.0.1:{free_port()}"
        environ |= channel_settings(receiver) | {
            "EGRESS_ALLOW": f"{service_host},{receiver.host},{gate}"
        }
        logs = home / "logs"
        migrate(environ, logs)
        platform = Platform(f"http://127.0.0.1:{stack.web_port}", environ, logs, {})
        parts = {server.name: server for server in stack.servers}
        exits.callback(lambda: stop_all(list(parts.values())))
        parts |= {name: process(name, environ, logs) for name in PARTS}
        running_parts = Parts(home, logs, parts, lambda _: environ)
        yield Fragile(stack, platform, http_service, f"http://{gate}", running_parts)


@pytest.fixture
def gate(fragile: Fragile) -> Iterator[Gate]:
    """The service, in the place of the one that the platform's workers may call."""
    instance = Gate()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            """Answer with the body, in time or late."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            instance.pass_through(self.path)
            with suppress(OSError):  # who asked may be dead
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        do_POST = do_PUT  # noqa: N815 - the library's name

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    host, _, port = fragile.gate_url.removeprefix("http://").partition(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    instance.url = fragile.gate_url
    Thread(target=server.serve_forever, daemon=True).start()
    yield instance
    instance.let_go()
    server.shutdown()
    server.server_close()

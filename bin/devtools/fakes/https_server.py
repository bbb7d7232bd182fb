"""A TLS server on the loopback that answers like the public services the conformance kit calls."""

from __future__ import annotations

import base64
import datetime as dt
import json
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bin.devtools.fakes import (
    brokers,
    catalog,
    grpc,
    http_inbox,
    mcp_and_a2a,
    oauth,
    openapi,
    rabbitmq,
)

HOSTS = (
    "petstore.swagger.io",
    "httpbin.org",
    mcp_and_a2a.MCP,
    mcp_and_a2a.AGENT,
    openapi.API,
    grpc.HOST,
    *brokers.HOSTS,
    rabbitmq.HOST,
    oauth.HOST,
    catalog.HOST,
)

_PETS = [
    {"id": 1, "name": "Rex", "status": "available"},
    {"id": 2, "name": "Tom", "status": "available"},
]
_DESCRIPTION = {
    "swagger": "2.0",
    "host": "petstore.swagger.io",
    "basePath": "/v2",
    "schemes": ["https", "http"],
    "paths": {
        "/pet/findByStatus": {
            "get": {
                "operationId": "findPetsByStatus",
                "parameters": [
                    {"name": "status", "in": "query", "required": True, "type": "array"}
                ],
            }
        },
        "/pet/{petId}": {
            "get": {
                "operationId": "getPetById",
                "parameters": [
                    {"name": "petId", "in": "path", "required": True, "type": "integer"}
                ],
            }
        },
    },
}


@dataclass(frozen=True, slots=True)
class StandIn:
    """Where the server listens, and the trust that makes its certificate good."""

    port: int
    ssl_context: ssl.SSLContext
    greeters: grpc.Greeters
    brokers: brokers.Brokers
    rabbit: rabbitmq.Rabbit | None = None

    async def resolve(self, host: str, port: int) -> Sequence[tuple[str, int]]:
        """Return the server's address for the hosts it stands in for, and none for any other.

        :raises OSError: for other hosts.
        """
        if host == rabbitmq.INSIDE:
            return [("127.0.0.1", port)]
        if host not in HOSTS:
            raise OSError(f"{host}:{port} is not in the kit")
        if host == grpc.HOST:
            return self.greeters.addresses(port)
        if host in brokers.HOSTS:
            return self.brokers.addresses(port)
        if host == rabbitmq.HOST and self.rabbit is not None:
            return self.rabbit.addresses(port)
        return [("127.0.0.1", self.port)]


@contextmanager
def stand_in(rabbit: rabbitmq.Rabbit | None = None) -> Iterator[StandIn]:
    """Run the server for the duration of the block, beside a broker that runs already if there is one."""
    with TemporaryDirectory() as home, ExitStack() as exits:
        folder = Path(home)
        certificate, key = certified(folder) if rabbit is None else (rabbit.certificate, rabbit.key)
        served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        served.load_cert_chain(certificate, key)
        trusted = ssl.create_default_context(cafile=str(certificate))
        greeters = grpc.start(certificate.read_bytes(), key.read_bytes())
        exits.callback(greeters.stop)
        port = exits.enter_context(_serving(served))
        counted = exits.enter_context(brokers.brokers(folder, certificate, key))
        yield StandIn(port, trusted, greeters, counted, rabbit)


@contextmanager
def _serving(served: ssl.SSLContext) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.socket = served.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer one request."""
        if self.headers["Host"] in (mcp_and_a2a.MCP, mcp_and_a2a.AGENT, openapi.API):
            self._pass_on()
            return
        self._answer()

    def do_POST(self) -> None:
        """Answer one request with a body."""
        if self.headers["Host"] in (mcp_and_a2a.MCP, mcp_and_a2a.AGENT, openapi.API):
            self._pass_on()
            return
        self._answer()

    do_PUT = do_POST  # noqa: N815 - http.server's names
    do_DELETE = do_POST  # noqa: N815 - the same

    def _answer(self) -> None:
        url = urlsplit(self.path)
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        given = {name.lower(): value for name, value in self.headers.items()}
        answer = oauth.answered(self.command, url.path, given, sent)
        status, extra, content = answer or self._route(url.path, parse_qs(url.query))
        body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in extra.items():
            self.send_header(name, value)
        kind = "text/plain" if isinstance(content, str) else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _pass_on(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        host = self.headers["Host"]
        events = http_inbox.endless(self.path)
        if events is not None:
            self._stream(events)
            return
        told = (
            http_inbox.answer(self.command, self.path, self.headers, sent)
            if host == openapi.API
            else None
        )
        if told is not None:
            status, headers, body = told
        elif self.path.endswith(".proto"):
            status, headers, body = grpc.proto(self.path)
        elif host == openapi.API:
            status, headers, body = openapi.answer(self.command, self.path, self.headers, sent)
        else:
            status, headers, body = mcp_and_a2a.answer(
                host, self.command, self.path, self.headers, sent
            )
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, events: Iterator[bytes]) -> None:
        """Tell events, and then nothing more for as long as anybody listens."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for event in events:
            self.wfile.write(event)
        self.wfile.flush()
        self.rfile.read(1)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the scenarios speak."""

    def _route(self, path: str, query: dict[str, list[str]]) -> oauth.Answered:
        if path in catalog.MOVED:
            return 302, {"Location": catalog.MOVED[path]}, {}
        status, content = self._found(path, query)
        return status, {}, content

    def _found(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        published = catalog.FUNCTIONS | catalog.SCHEMAS
        if path in published:
            return 200, published[path]
        parts = path.strip("/").split("/")
        if parts[0] == "basic-auth":
            wanted = base64.b64encode(f"{parts[1]}:{parts[2]}".encode()).decode()
            granted = self.headers.get("Authorization") == f"Basic {wanted}"
            return (200, {"authenticated": True, "user": parts[1]}) if granted else (401, {})
        if path == "/v2/swagger.json":
            return 200, _DESCRIPTION
        if path == "/v2/pet/findByStatus":
            return 200, [pet for pet in _PETS if pet["status"] in query.get("status", [])]
        found = [pet for pet in _PETS if path == f"/v2/pet/{pet['id']}"]
        return (200, found[0]) if found else (404, {"message": "not found"})


def certified(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for all the hosts, and its key; return where they are."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "conformance")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, secret

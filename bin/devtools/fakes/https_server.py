"""TLS server on the loopback that answers like the public services of the conformance kit."""

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
    mcp_and_a2a.A2A,
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
class FakeServer:
    """Running fake server, with a TLS context that trusts its certificate."""

    port: int
    ssl_context: ssl.SSLContext
    greeters: grpc.GreeterService
    brokers: brokers.Brokers
    rabbit: rabbitmq.RabbitBroker | None = None

    async def resolve(self, host: str, port: int) -> Sequence[tuple[str, int]]:
        """Return the server's address for the hosts that it replaces.

        :raises OSError: for other hosts.
        """
        if host == rabbitmq.PRIVATE_HOST:
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
def fake_server(rabbit: rabbitmq.RabbitBroker | None = None) -> Iterator[FakeServer]:
    """Run the server for a block, with a RabbitMQ broker if one runs."""
    with TemporaryDirectory() as home, ExitStack() as exits:
        folder = Path(home)
        certificate, key = (
            create_certificate(folder) if rabbit is None else (rabbit.certificate, rabbit.key)
        )
        server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_context.load_cert_chain(certificate, key)
        client_context = ssl.create_default_context(cafile=str(certificate))
        greeters = grpc.start(certificate.read_bytes(), key.read_bytes())
        exits.callback(greeters.stop)
        port = exits.enter_context(_serve(server_context))
        running_brokers = exits.enter_context(brokers.run_brokers(folder, certificate, key))
        yield FakeServer(port, client_context, greeters, running_brokers, rabbit)


@contextmanager
def _serve(context: ssl.SSLContext) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
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
        if self.headers["Host"] in (mcp_and_a2a.MCP, mcp_and_a2a.A2A, openapi.API):
            self._delegate()
            return
        self._answer()

    def do_POST(self) -> None:
        """Answer one request with a body."""
        if self.headers["Host"] in (mcp_and_a2a.MCP, mcp_and_a2a.A2A, openapi.API):
            self._delegate()
            return
        self._answer()

    do_PUT = do_POST  # noqa: N815 - http.server's names
    do_DELETE = do_POST  # noqa: N815 - the same

    def _answer(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = oauth.answer(self.command, url.path, headers, body)
        status, more_headers, content = answer or self._route(url.path, parse_qs(url.query))
        content_bytes = (
            content.encode() if isinstance(content, str) else json.dumps(content).encode()
        )
        self.send_response(status)
        for name, value in more_headers.items():
            self.send_header(name, value)
        kind = "text/plain" if isinstance(content, str) else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content_bytes)))
        self.end_headers()
        self.wfile.write(content_bytes)

    def _delegate(self) -> None:
        request_body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        host = self.headers["Host"]
        events = http_inbox.endless(self.path)
        if events is not None:
            self._stream(events)
            return
        answer = (
            http_inbox.answer(self.command, self.path, self.headers, request_body)
            if host == openapi.API
            else None
        )
        if answer is not None:
            status, headers, body = answer
        elif self.path.endswith(".proto"):
            status, headers, body = grpc.proto(self.path)
        elif host == openapi.API:
            status, headers, body = openapi.answer(
                self.command, self.path, self.headers, request_body
            )
        else:
            status, headers, body = mcp_and_a2a.answer(
                host, self.command, self.path, self.headers, request_body
            )
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, events: Iterator[bytes]) -> None:
        """Send events, then keep the stream open until the client leaves."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for event in events:
            self.wfile.write(event)
        self.wfile.flush()
        self.rfile.read(1)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""

    def _route(self, path: str, query: dict[str, list[str]]) -> oauth.Answer:
        if path in catalog.REDIRECTS:
            return 302, {"Location": catalog.REDIRECTS[path]}, {}
        status, content = self._resource(path, query)
        return status, {}, content

    def _resource(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        documents = catalog.FUNCTIONS | catalog.SCHEMAS
        if path in documents:
            return 200, documents[path]
        parts = path.strip("/").split("/")
        if parts[0] == "basic-auth":
            credentials = base64.b64encode(f"{parts[1]}:{parts[2]}".encode()).decode()
            is_valid = self.headers.get("Authorization") == f"Basic {credentials}"
            return (200, {"authenticated": True, "user": parts[1]}) if is_valid else (401, {})
        if path == "/v2/swagger.json":
            return 200, _DESCRIPTION
        if path == "/v2/pet/findByStatus":
            return 200, [pet for pet in _PETS if pet["status"] in query.get("status", [])]
        pets = [pet for pet in _PETS if path == f"/v2/pet/{pet['id']}"]
        return (200, pets[0]) if pets else (404, {"message": "not found"})


def create_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for all hosts and its key; return their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "conformance")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS])
    x509_certificate = (
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
    certificate.write_bytes(x509_certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, secret

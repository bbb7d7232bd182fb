"""Codec server: decrypts payloads for operators in the Temporal UI, for support cases.

It runs only if it is started. It implements the UI's protocol for remote codecs: `POST /decode`
with Payloads as JSON. An operator opens its address once to log in (RFC 7617), and the UI has to
send credentials ("include cross-origin credentials").
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import structlog
from google.protobuf import json_format
from sqlalchemy.orm import Session, sessionmaker
from temporalio.api.common.v1 import Payload, Payloads

from engine.accounts.payload_disclosure import disclose
from engine.config.settings import Settings
from engine.crypto.keyring import Keyring
from engine.crypto.temporal_codec import ENCODING, EncryptionCodec, UnreadablePayloadError
from engine.errors import EngineError
from engine.observability import logging
from engine.observability.metrics_publisher import Publisher
from engine.store.sessions import make_sessions
from engine.temporal.payload_offload import referenced
from engine.temporal.payload_owners import WorkflowOwners

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Answer = tuple[int, bytes, dict[bytes, bytes]]  # status, body, headers
Send = Callable[[Message], Awaitable[None]]
BODY_BYTES_MAX = 8 * 1_048_576
WELCOME = """You are logged in as {operator}, until this browser is closed.

If the Temporal UI is not set up to send credentials (TEMPORAL_CODEC_INCLUDE_CREDENTIALS), switch it
on in this browser: click the glasses in the upper right corner, choose "Use my browser setting",
switch on "Include cross-origin credentials", and enter as "Codec Server browser endpoint"

    {endpoint}

Then it shows payloads. Each disclosure is recorded in the account's audit log, which its owner can
read.
"""
REQUEST_HEADERS = "authorization, content-type, x-namespace"


class CodecServer:
    """ASGI application with the codec's keys, the database and the operators."""

    def __init__(self, settings: Settings, sessions: sessionmaker[Session]) -> None:
        self._operators = settings.secrets("codec_operators")
        owners = WorkflowOwners(sessions, Keyring(settings.secrets("keyring")))
        self._codec = EncryptionCodec(settings.secrets("codec_keys"), owners)
        self._namespace = settings.temporal_namespace
        self._sessions = sessions
        ui = urlsplit(settings.need("temporal_ui_url"))
        self._origin = f"{ui.scheme}://{ui.netloc}".encode()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request_headers = dict(scope["headers"])
        status, body, headers = await self._answer(
            scope["method"], scope["path"], request_headers, receive
        )
        headers |= {b"cache-control": b"no-store", b"vary": b"Origin"}
        if request_headers.get(b"origin") == self._origin:
            headers |= {b"access-control-allow-origin": self._origin}
            headers |= {b"access-control-allow-credentials": b"true"}
        start = {"type": "http.response.start", "status": status, "headers": list(headers.items())}
        await send(start)
        await send({"type": "http.response.body", "body": body})

    async def _answer(
        self, method: str, path: str, headers: dict[bytes, bytes], receive: Receive
    ) -> Answer:
        if headers.get(b"origin", self._origin) != self._origin:
            return 403, b"", {}
        if method == "OPTIONS":
            methods = {b"access-control-allow-methods": b"POST"}
            return 204, b"", methods | {b"access-control-allow-headers": REQUEST_HEADERS.encode()}
        operator = self._find_operator(headers.get(b"authorization", b""))
        if operator is None:
            return 401, b"", {b"www-authenticate": b'Basic realm="codec", charset="UTF-8"'}
        if (method, path) == ("GET", "/"):
            welcome = WELCOME.format(operator=operator, endpoint=_server_address(headers))
            return 200, welcome.encode(), {b"content-type": b"text/plain; charset=utf-8"}
        if (method, path) != ("POST", "/decode") or not self._has_namespace(headers):
            return 404, b"", {}
        return await self._answer_decode(await _read_body(receive), operator)

    async def _answer_decode(self, body: bytes | None, operator: str) -> Answer:
        payloads = _parse_payloads(body)
        if payloads is None:
            return 400, b"", {}
        answer = Payloads(payloads=await self._decode(payloads.payloads, operator))
        text = json_format.MessageToJson(answer)
        return 200, text.encode(), {b"content-type": b"application/json"}

    async def _decode(self, payloads: Sequence[Payload], operator: str) -> list[Payload]:
        """Decrypt the payloads of known accounts; other payloads are returned unchanged.

        The disclosure is recorded in the accounts' audit logs before anything is decrypted.
        """
        ciphertexts = [await self._resolve_reference(payload) for payload in payloads]
        workflow_ids = {
            _workflow_id(payload)
            for payload in ciphertexts
            if payload.metadata.get("encoding") == ENCODING
        }
        disclosed_ids: set[str] = set()
        if workflow_ids:
            disclosed_ids = await asyncio.to_thread(self._record_disclosure, workflow_ids)
        structlog.get_logger().info(
            "payloads_disclosed", operator=operator, workflows=sorted(disclosed_ids)
        )
        return [
            await self._decrypt(ciphertext)
            if _workflow_id(ciphertext) in disclosed_ids
            else payload
            for payload, ciphertext in zip(payloads, ciphertexts, strict=True)
        ]

    async def _resolve_reference(self, payload: Payload) -> Payload:
        """Return the encrypted payload of a reference to a claim; any other payload unchanged."""
        try:
            return await referenced(self._sessions, payload)
        except (EngineError, ValueError, json_format.ParseError):  # deleted, or no reference
            return payload

    def _record_disclosure(self, workflow_ids: set[str]) -> set[str]:
        with self._sessions.begin() as session:
            return disclose(session, workflow_ids, now=datetime.now(UTC))

    async def _decrypt(self, payload: Payload) -> Payload:
        try:
            return (await self._codec.decode([payload]))[0]
        except UnreadablePayloadError:
            return payload

    def _find_operator(self, authorization: bytes) -> str | None:
        scheme, _, text = authorization.partition(b" ")
        try:
            name, _, password = base64.b64decode(text, validate=True).decode().partition(":")
            secret = base64.urlsafe_b64decode(password + "=" * (-len(password) % 4))
        except ValueError:
            return None
        expected = self._operators.get(name)
        matches = expected is not None and hmac.compare_digest(expected, secret)
        return name if matches and scheme.lower() == b"basic" else None

    def _has_namespace(self, headers: dict[bytes, bytes]) -> bool:
        return headers.get(b"x-namespace", b"").decode(errors="replace") == self._namespace


def application() -> CodecServer:
    """Return the application for the settings of the environment.

    :raises SettingsError: when CODEC_OPERATORS names no operator, or a key is missing.
    """
    settings = Settings.from_env()
    logging.configure(settings)
    Publisher(settings, "codec").start()
    return CodecServer(settings, make_sessions(settings))


def _server_address(headers: dict[bytes, bytes]) -> str:
    """Return the address that the operator opened; a proxy may terminate TLS."""
    scheme = headers.get(b"x-forwarded-proto", b"http").decode(errors="replace")
    return f"{scheme}://{headers.get(b'host', b'').decode(errors='replace')}"


def _workflow_id(payload: Payload) -> str:
    return payload.metadata.get("workflow", b"").decode(errors="replace")


def _parse_payloads(body: bytes | None) -> Payloads | None:
    if body is None:
        return None
    try:
        return json_format.Parse(body, Payloads())
    except (json_format.ParseError, ValueError):
        return None


async def _read_body(receive: Receive) -> bytes | None:
    """Return the body, None when it is too large or incomplete."""
    body = bytearray()
    while True:
        part = await receive()
        if part["type"] != "http.request":
            return None
        body += part.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            return None
        if not part.get("more_body"):
            return bytes(body)

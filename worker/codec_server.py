"""The codec server: shows operators, in the Temporal UI, what a support case needs; off unless it is started.

It speaks the UI's protocol for remote codecs: `POST /decode` with Payloads as JSON. An operator opens its
address once to log in (RFC 7617); the UI has to send credentials along ("include cross-origin credentials").
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
from engine.crypto.temporal_codec import ENCODING, SealingCodec, UnreadablePayloadError
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

A Temporal UI that sends no credentials along (TEMPORAL_CODEC_INCLUDE_CREDENTIALS) has to be told to, once in
this browser: click the glasses in its upper right corner, choose "Use my browser setting", switch on
"Include cross-origin credentials", and enter as "Codec Server browser endpoint"

    {endpoint}

Then it shows payloads. Each look is noted in the account's own trail, which its owner reads.
"""
ALLOWED = "authorization, content-type, x-namespace"


class CodecServer:
    """An ASGI application that holds the codec's keys, the database and who the operators are."""

    def __init__(self, settings: Settings, sessions: sessionmaker[Session]) -> None:
        self._operators = settings.secrets("codec_operators")
        owners = WorkflowOwners(sessions, Keyring(settings.secrets("keyring")))
        self._codec = SealingCodec(settings.secrets("codec_keys"), owners)
        self._namespace = settings.temporal_namespace
        self._sessions = sessions
        ui = urlsplit(settings.need("temporal_ui_url"))
        self._origin = f"{ui.scheme}://{ui.netloc}".encode()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = dict(scope["headers"])
        status, body, more = await self._answer(scope["method"], scope["path"], headers, receive)
        more |= {b"cache-control": b"no-store", b"vary": b"Origin"}
        if headers.get(b"origin") == self._origin:
            more |= {b"access-control-allow-origin": self._origin}
            more |= {b"access-control-allow-credentials": b"true"}
        start = {"type": "http.response.start", "status": status, "headers": list(more.items())}
        await send(start)
        await send({"type": "http.response.body", "body": body})

    async def _answer(
        self, method: str, path: str, headers: dict[bytes, bytes], receive: Receive
    ) -> Answer:
        if headers.get(b"origin", self._origin) != self._origin:
            return 403, b"", {}
        if method == "OPTIONS":
            methods = {b"access-control-allow-methods": b"POST"}
            return 204, b"", methods | {b"access-control-allow-headers": ALLOWED.encode()}
        operator = self._operator(headers.get(b"authorization", b""))
        if operator is None:
            return 401, b"", {b"www-authenticate": b'Basic realm="codec", charset="UTF-8"'}
        if (method, path) == ("GET", "/"):
            welcome = WELCOME.format(operator=operator, endpoint=_endpoint(headers))
            return 200, welcome.encode(), {b"content-type": b"text/plain; charset=utf-8"}
        if (method, path) != ("POST", "/decode") or not self._serves(headers):
            return 404, b"", {}
        return await self._decode(await _body(receive), operator)

    async def _decode(self, body: bytes | None, operator: str) -> Answer:
        payloads = _read(body)
        if payloads is None:
            return 400, b"", {}
        shown = Payloads(payloads=await self._decoded(payloads.payloads, operator))
        return (
            200,
            json_format.MessageToJson(shown).encode(),
            {b"content-type": b"application/json"},
        )

    async def _decoded(self, payloads: Sequence[Payload], operator: str) -> list[Payload]:
        """Open what belongs to known accounts, once that stands in their trails; leave the rest sealed."""
        fetched = [await self._fetched(payload) for payload in payloads]
        asked = {
            _workflow_of(payload)
            for payload in fetched
            if payload.metadata.get("encoding") == ENCODING
        }
        allowed = await asyncio.to_thread(self._noted, asked) if asked else set()
        structlog.get_logger().info(
            "payloads_disclosed", operator=operator, workflows=sorted(allowed)
        )
        return [
            await self._opened(found) if _workflow_of(found) in allowed else payload
            for payload, found in zip(payloads, fetched, strict=True)
        ]

    async def _fetched(self, payload: Payload) -> Payload:
        """Return what a reference to a claim stands for, still sealed; anything else as it is."""
        try:
            return await referenced(self._sessions, payload)
        except (
            EngineError,
            ValueError,
            json_format.ParseError,
        ):  # no more, or no reference of ours
            return payload

    def _noted(self, workflow_ids: set[str]) -> set[str]:
        with self._sessions.begin() as session:
            return disclose(session, workflow_ids, now=datetime.now(UTC))

    async def _opened(self, payload: Payload) -> Payload:
        try:
            return (await self._codec.decode([payload]))[0]
        except UnreadablePayloadError:
            return payload

    def _operator(self, authorization: bytes) -> str | None:
        scheme, _, text = authorization.partition(b" ")
        try:
            name, _, password = base64.b64decode(text, validate=True).decode().partition(":")
            given = base64.urlsafe_b64decode(password + "=" * (-len(password) % 4))
        except ValueError:
            return None
        known = self._operators.get(name)
        fits = known is not None and hmac.compare_digest(known, given)
        return name if fits and scheme.lower() == b"basic" else None

    def _serves(self, headers: dict[bytes, bytes]) -> bool:
        return headers.get(b"x-namespace", b"").decode(errors="replace") == self._namespace


def application() -> CodecServer:
    """Return the application of the settings in the environment.

    :raises SettingsError: when nobody is named who may look, or a key is missing.
    """
    settings = Settings.from_env()
    logging.configure(settings)
    Publisher(settings, "codec").start()
    return CodecServer(settings, make_sessions(settings))


def _endpoint(headers: dict[bytes, bytes]) -> str:
    """Return the address at which the operator has found this server; TLS may end in front of it."""
    scheme = headers.get(b"x-forwarded-proto", b"http").decode(errors="replace")
    return f"{scheme}://{headers.get(b'host', b'').decode(errors='replace')}"


def _workflow_of(payload: Payload) -> str:
    return payload.metadata.get("workflow", b"").decode(errors="replace")


def _read(body: bytes | None) -> Payloads | None:
    if body is None:
        return None
    try:
        return json_format.Parse(body, Payloads())
    except (json_format.ParseError, ValueError):
        return None


async def _body(receive: Receive) -> bytes | None:
    """Return the whole body, or nothing when it is too large or breaks off."""
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

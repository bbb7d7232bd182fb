"""What channels lead to: a real HTTP server, a browser that decrypts, and a hook that verifies.

Both read by other implementations than the platform's own: http_ece, PyJWT and standardwebhooks.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from typing import Any

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from standardwebhooks import Webhook
from uuid_utils.compat import uuid7

from engine.notifications.web_push import decode_base64url, encode_base64url

SECONDS_MAX = 60
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Received:
    """A request that came in; names of headers are lower-case."""

    headers: dict[str, str]
    body: bytes


Reply = tuple[int, dict[str, str]]


def _created(_received: Received) -> Reply:
    return 201, {}


@dataclass(slots=True)
class Box:
    """One address of the server: what came there, and what it answers."""

    url: str
    received: Queue[Received] = field(default_factory=Queue)
    answer: Callable[[Received], Reply] = _created

    def next(self) -> Received:
        """Return what came next."""
        return self.received.get(timeout=SECONDS_MAX)

    def rest(self) -> list[Received]:
        """Return what has come by now."""
        found = []
        while True:
            try:
                found.append(self.received.get_nowait())
            except Empty:
                return found


@dataclass(slots=True)
class Receiver:
    """A server with as many addresses as are asked for."""

    port: int = 0
    boxes: defaultdict[str, Box] = field(default_factory=lambda: defaultdict(lambda: Box("")))

    @property
    def host(self) -> str:
        """What the settings open."""
        return f"127.0.0.1:{self.port}"

    def box(self) -> Box:
        """Return a new address."""
        path = f"/{uuid7()}"
        self.boxes[path].url = f"http://{self.host}{path}"
        return self.boxes[path]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run the server."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            box = receiver.boxes[self.path]
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received = Received({name.lower(): text for name, text in self.headers.items()}, body)
            box.received.put(received)
            status, headers = box.answer(received)
            try:
                self.send_response(status)
                for name, text in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, text)
                self.end_headers()
            except ConnectionError:
                self.close_connection = True  # who asked was killed meanwhile

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield receiver
    server.shutdown()
    server.server_close()


class Browser:
    """A browser with a subscription at a push service."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = uuid7().bytes

    def subscription(self, endpoint: str) -> dict[str, Any]:
        """Return PushSubscription.toJSON()."""
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": encode_base64url(point), "auth": encode_base64url(self._auth)}
        return {"endpoint": endpoint, "expirationTime": None, "keys": keys}

    def read(self, received: Received, *, origin: str, server_key: str) -> dict[str, Any]:
        """Return what was said, as a push service and a browser would take it.

        :raises Exception: when one of them would not.
        """
        headers = received.headers
        assert headers["content-encoding"] == "aes128gcm"
        assert headers["ttl"].isdigit()
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,32}", headers["topic"])
        assert len(headers["topic"]) % 4 != 1, (
            "it is decode_base64url as base64url by some services"
        )
        assert headers["urgency"] in {"very-low", "low", "normal", "high"}
        found = re.fullmatch(r"vapid t=([\w.-]+), k=([\w-]+)", headers["authorization"])
        assert found is not None
        assert found[2] == server_key
        point = ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256R1(), decode_base64url(server_key)
        )
        required = {"require": ["aud", "exp", "sub"]}
        claims = jwt.decode(
            found[1],
            point,
            algorithms=["ES256"],
            audience=origin,
            options=required,  # type: ignore[arg-type] # PyJWT's own
        )
        assert claims["exp"] <= time.time() + DAY_SECONDS
        assert claims["sub"].startswith("mailto:")
        said = http_ece.decrypt(received.body, private_key=self._key, auth_secret=self._auth)
        told: dict[str, Any] = json.loads(said)
        return told


def verified(received: Received, secret: str) -> dict[str, Any]:
    """Return a webhook's body, if its signature is right and recent.

    :raises WebhookVerificationError: otherwise.
    """
    told: dict[str, Any] = Webhook(secret).verify(received.body, received.headers)
    return told

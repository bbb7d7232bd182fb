"""Receivers of channels: a real HTTP server, a browser that decrypts, and a webhook that verifies.

They use other implementations than the platform: http_ece, PyJWT and standardwebhooks.
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
class Delivery:
    """A request to the server; names of headers are lower-case."""

    headers: dict[str, str]
    body: bytes


Reply = tuple[int, dict[str, str]]


def _answer_created(_delivery: Delivery) -> Reply:
    return 201, {}


@dataclass(slots=True)
class Box:
    """One address of the server: its deliveries, and the answer to each."""

    url: str
    deliveries: Queue[Delivery] = field(default_factory=Queue)
    answer: Callable[[Delivery], Reply] = _answer_created

    def next(self) -> Delivery:
        """Return the next delivery."""
        return self.deliveries.get(timeout=SECONDS_MAX)

    def rest(self) -> list[Delivery]:
        """Return the deliveries so far."""
        deliveries = []
        while True:
            try:
                deliveries.append(self.deliveries.get_nowait())
            except Empty:
                return deliveries


@dataclass(slots=True)
class Receiver:
    """A server with as many addresses as tests need."""

    port: int = 0
    boxes: defaultdict[str, Box] = field(default_factory=lambda: defaultdict(lambda: Box("")))

    @property
    def host(self) -> str:
        """The host and port, for the setting EGRESS_ALLOW."""
        return f"127.0.0.1:{self.port}"

    def box(self) -> Box:
        """Create an address."""
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
            delivery = Delivery({name.lower(): text for name, text in self.headers.items()}, body)
            box.deliveries.put(delivery)
            status, headers = box.answer(delivery)
            try:
                self.send_response(status)
                for name, text in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, text)
                self.end_headers()
            except ConnectionError:
                self.close_connection = True  # the sender was killed

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield receiver
    server.shutdown()
    server.server_close()


class Browser:
    """A browser with a subscription of a push service."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = uuid7().bytes

    def subscription(self, endpoint: str) -> dict[str, Any]:
        """Return PushSubscription.toJSON()."""
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": encode_base64url(point), "auth": encode_base64url(self._auth)}
        return {"endpoint": endpoint, "expirationTime": None, "keys": keys}

    def read(self, delivery: Delivery, *, origin: str, server_key: str) -> dict[str, Any]:
        """Check a message as a push service does, and return its content as a browser reads it.

        :raises AssertionError: when the push service would refuse it
        """
        headers = delivery.headers
        assert headers["content-encoding"] == "aes128gcm"
        assert headers["ttl"].isdigit()
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,32}", headers["topic"])
        assert len(headers["topic"]) % 4 != 1, "some services decode it as base64url"
        assert headers["urgency"] in {"very-low", "low", "normal", "high"}
        match = re.fullmatch(r"vapid t=([\w.-]+), k=([\w-]+)", headers["authorization"])
        assert match is not None
        assert match[2] == server_key
        point = ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256R1(), decode_base64url(server_key)
        )
        options = {"require": ["aud", "exp", "sub"]}
        claims = jwt.decode(
            match[1],
            point,
            algorithms=["ES256"],
            audience=origin,
            options=options,  # type: ignore[arg-type] # PyJWT's own
        )
        assert claims["exp"] <= time.time() + DAY_SECONDS
        assert claims["sub"].startswith("mailto:")
        plaintext = http_ece.decrypt(delivery.body, private_key=self._key, auth_secret=self._auth)
        message: dict[str, Any] = json.loads(plaintext)
        return message


def verify_webhook(delivery: Delivery, secret: str) -> dict[str, Any]:
    """Check a webhook's signature and time, and return its body.

    :raises WebhookVerificationError: when the signature is wrong or old
    """
    message: dict[str, Any] = Webhook(secret).verify(delivery.body, delivery.headers)
    return message

"""Channels as clients register and change them."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask.testing import FlaskClient

from engine.notifications.web_push import encode_base64url

DOOR = "/api/channels"
URL = "https://hooks.example.org/mine?a=b"


def keys() -> dict[str, str]:
    """Return a browser's keys, public half and secret."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    raw = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return {"p256dh": encode_base64url(raw), "auth": encode_base64url(b"0123456789abcdef")}


def subscription_body(**changes: Any) -> dict[str, Any]:
    """Return the body of a registration with a browser's subscription."""
    endpoint = "https://push.example.org/send/one"
    subscription = {"endpoint": endpoint, "expirationTime": None, "keys": keys()}
    return {"kind": "webPush", "subscription": subscription | changes}


def register(
    client: FlaskClient, headers: dict[str, str], body: dict[str, Any] | None = None
) -> Any:
    return client.post(DOOR, json=body or {"kind": "webhook", "url": URL}, headers=headers)


def change(client: FlaskClient, headers: dict[str, str], channel_id: str, **body: Any) -> Any:
    return client.patch(f"{DOOR}/{channel_id}", json=body, headers=headers)

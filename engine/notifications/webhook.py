"""Signed webhooks, by the Standard Webhooks specification 1.0.0."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

PREFIX = "whsec_"
SECRET_BYTES = 32  # the specification asks for 24 to 64


def draw() -> bytes:
    """Return a new secret."""
    return secrets.token_bytes(SECRET_BYTES)


def shown(secret: bytes) -> str:
    """Return a secret as its receiver keeps it."""
    return PREFIX + base64.b64encode(secret).decode()


def headers(
    message_id: str, body: bytes, *, keys: Sequence[bytes], now: datetime
) -> dict[str, str]:
    """Return the headers that identify and sign a body, with a signature for each key.

    `message_id` is the same for each try; `now` is when this one is made.
    """
    seconds = str(int(now.timestamp()))
    signed = b".".join([message_id.encode(), seconds.encode(), body])
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(_signature(key, signed) for key in keys),
    }


def _signature(key: bytes, signed: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()

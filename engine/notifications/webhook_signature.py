"""Signed webhooks, by the Standard Webhooks specification 1.0.0."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

PREFIX = "whsec_"
SECRET_BYTES = 32  # the specification requires 24 to 64


def generate_secret() -> bytes:
    """Return a new secret."""
    return secrets.token_bytes(SECRET_BYTES)


def encode_secret(secret: bytes) -> str:
    """Return a secret in the form that its receiver stores."""
    return PREFIX + base64.b64encode(secret).decode()


def sign(message_id: str, body: bytes, *, keys: Sequence[bytes], now: datetime) -> dict[str, str]:
    """Return the headers that identify and sign a body, with a signature for each key.

    `message_id` is the same for all tries of a message; `now` is the time of this try.
    """
    seconds = str(int(now.timestamp()))
    content = b".".join([message_id.encode(), seconds.encode(), body])
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(_compute_signature(key, content) for key in keys),
    }


def _compute_signature(key: bytes, content: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()

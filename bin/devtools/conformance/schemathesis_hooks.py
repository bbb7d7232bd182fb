"""Hooks for schemathesis: values of requests that no generator can make.

With FUZZ_AS_NEWCOMERS every request with a token is from a new account.
"""

from __future__ import annotations

import os
from typing import Any

import schemathesis
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from uuid_utils.compat import uuid7

from bin.devtools.conformance.api_fuzzer import register_headers
from engine.notifications.web_push import encode_base64url
from engine.sync.conflict_rules import JUMP_MAX
from engine.workflows.versions import VERSION_MAX

KEY = "Idempotency-Key"
COUNTER_MAX = 2**53 - 1
POINT_LENGTHS = range(87, 89)  # in base64url


def point() -> str:
    """Return a browser's public key."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return encode_base64url(public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:  # noqa: ARG001 - its own
    """Replace values that the state refuses: a used key, a clock that jumps, an unknown version.

    And values that no schema describes: which texts are points of a curve.
    """
    key = (case.headers or {}).get(KEY)
    if isinstance(key, str) and key.isascii() and key.isprintable() and key and " " not in key:
        case.headers[KEY] = str(uuid7())
    clock = case.body.get("vectorClock") if isinstance(case.body, dict) else None
    if isinstance(clock, dict):  # the platform refuses a counter that jumps
        case.body["vectorClock"] = {agent: _near(counter) for agent, counter in clock.items()}
    version = case.body.get("version") if isinstance(case.body, dict) else None
    if type(version) is int and 1 <= version <= VERSION_MAX:  # a workflow has few versions
        case.body["version"] = 1
    subscription = case.body.get("subscription") if isinstance(case.body, dict) else None
    keys = subscription.get("keys") if isinstance(subscription, dict) else None
    if isinstance(keys, dict) and _may_be_point(keys.get("p256dh")):
        keys["p256dh"] = point()


def _near(counter: Any) -> Any:
    integral = type(counter) is int or (isinstance(counter, float) and counter.is_integer())
    return counter % JUMP_MAX if integral and 0 <= counter <= COUNTER_MAX else counter


def _may_be_point(text: Any) -> bool:
    return isinstance(text, str) and len(text) in POINT_LENGTHS and "\0" not in text


class Newcomer:
    """Authentication that registers an account before each request."""

    def get(self, case: Any, context: Any) -> dict[str, str]:  # noqa: ARG002 - schemathesis' own
        """Return the headers of a new account."""
        return {
            header["name"]: header["value"]
            for header in register_headers(case.operation.schema.get_base_url())
        }

    def set(self, case: Any, data: dict[str, str], context: Any) -> None:  # noqa: ARG002 - as above
        """Add the headers to the request."""
        case.headers = {**(case.headers or {}), **data}


if os.environ.get("FUZZ_AS_NEWCOMERS"):
    schemathesis.auth(refresh_interval=None)(Newcomer)

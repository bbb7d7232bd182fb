"""Hooks for schemathesis: what its requests bear that no generator knows.

With FUZZ_AS_NEWCOMERS set every request that bears a token is a new account's.
"""

from __future__ import annotations

import os
from typing import Any

import schemathesis
from uuid_utils.compat import uuid7

from bin.local.fuzz import entered

KEY = "Idempotency-Key"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:  # noqa: ARG001 - its own
    """Make a key of a request a new one: with another body the old one is refused, as it should be."""
    key = (case.headers or {}).get(KEY)
    if isinstance(key, str) and key.isascii() and key.isprintable() and key and " " not in key:
        case.headers[KEY] = str(uuid7())


class Newcomer:
    """Registers before each request."""

    def get(self, case: Any, context: Any) -> dict[str, str]:  # noqa: ARG002 - schemathesis' own
        """Return the headers of a new account."""
        return {header["name"]: header["value"] for header in entered(case.operation.schema.get_base_url())}

    def set(self, case: Any, data: dict[str, str], context: Any) -> None:  # noqa: ARG002
        """Send them."""
        case.headers = {**(case.headers or {}), **data}


if os.environ.get("FUZZ_AS_NEWCOMERS"):
    schemathesis.auth(refresh_interval=None)(Newcomer)

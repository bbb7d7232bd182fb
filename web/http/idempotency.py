"""`Idempotency-Key`: a request that is sent again makes nothing anew."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from flask import g, request

from engine.accounts import idempotency
from engine.accounts.idempotency import IdempotentRequest
from web.extensions import db
from web.http import authentication
from web.http.problems import MalformedError

KEY = re.compile(r"[\x21-\x7e]{1,255}")
ASKED = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "the same key and body within 24 h make one thing; another body is refused",
    "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
}


def once(make: Callable[[], UUID]) -> UUID:
    """Return the id of what the request makes, or made when it was sent before; commits.

    :raises MalformedError: when the key is not 1 to 255 visible ASCII characters.
    :raises ConflictError: while the same request is under way.
    :raises InvalidError: when the key came with another request.
    """
    key, now = request.headers.get("Idempotency-Key"), datetime.now(UTC)
    if key is not None and not KEY.fullmatch(key):
        detail = "Idempotency-Key must be 1 to 255 visible ASCII characters."
        raise MalformedError("idempotency_key_malformed", detail)
    if key is None:
        made = make()
    else:
        asked = (request.method.encode(), request.path.encode(), request.get_data(cache=True))
        bearing = IdempotentRequest.of(authentication.identity().account_id, key, *asked)
        known = idempotency.claim(db.session(), bearing, now=now)
        g.repeated = known is not None
        made = known or make()
        if known is None:
            idempotency.remember(db.session(), bearing, made, now=now)
    db.session.commit()
    return made


def asked() -> bool:
    """Tell whether the request may have been sent before."""
    return "Idempotency-Key" in request.headers


def repeated() -> bool:
    """Tell whether this request was sent before."""
    return bool(g.get("repeated"))


def header() -> dict[str, str]:
    """Return the header that says so."""
    return {"Idempotency-Replayed": "true"} if repeated() else {}

"""`Idempotency-Key`: a repeated request makes nothing new and answers as it did before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from flask import request

from engine.accounts import idempotency
from engine.accounts.idempotency import IdempotentRequest
from engine.store.account_scope import AccountScope
from web.http.problems import MalformedError

KEY = re.compile(r"[\x21-\x7e]{1,255}")
PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "the same key and body within 24 h make one thing; another body is refused",
    "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
}


@dataclass(frozen=True, slots=True)
class KeyClaim:
    """Claim of this request on its key, and the id of what the same request made before.

    A request without a key claims nothing: it has neither.
    """

    keyed_request: IdempotentRequest | None = None
    replay: UUID | None = None

    def headers(self) -> dict[str, str]:
        """Return the header that marks the answer to a repeated request."""
        return {} if self.replay is None else {"Idempotency-Replayed": "true"}


def claim(scope: AccountScope) -> KeyClaim:
    """Claim the request's key until the commit; `replay` is set when the request was sent before.

    :raises MalformedError: when the key is not 1 to 255 visible ASCII characters.
    :raises ConflictError: while another request holds the key.
    :raises InvalidError: when the key came with another request.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return KeyClaim()
    if not KEY.fullmatch(key):
        detail = "Idempotency-Key must be 1 to 255 visible ASCII characters."
        raise MalformedError("idempotency_key_malformed", detail)
    content = (request.method.encode(), request.path.encode(), request.get_data(cache=True))
    keyed_request = IdempotentRequest.of(scope.account_id, key, *content)
    return KeyClaim(keyed_request, idempotency.claim(scope.session, keyed_request, now=scope.now))


def remember(scope: AccountScope, key_claim: KeyClaim, subject: UUID) -> None:
    """Store the id of what the request has made under its key, if it has one."""
    if key_claim.keyed_request is not None:
        idempotency.remember(scope.session, key_claim.keyed_request, subject, now=scope.now)

"""`X-Sync-Head`: the chain point that a client remembers and this server must have."""

from __future__ import annotations

from flask import request
from flask_smorest import Blueprint

from engine.sync import hash_chain
from engine.sync.hash_chain import ChainPoint
from web.http import authentication

HEADER = "X-Sync-Head"
# Said once for all operations: a parameter of each would be one more argument of every client call.
DESCRIPTION = (
    "Encrypted states. Any request may have the header `X-Sync-Head`, a `syncHead` from an earlier "
    "answer: 409 `fork_detected` when it is not in this server's history."
)
HEADERS = {HEADER: {"schema": {"type": "string"}, "description": "The account's newest link"}}


def protect(blueprint: Blueprint) -> None:
    """Check the header of each request to a blueprint; call this after `authentication.protect`.

    The request raises ConflictError `fork_detected`.
    """

    def check() -> None:
        header = request.headers.get(HEADER)
        if header is not None and request.method != "OPTIONS":
            point = hash_chain.parse_point(header, f"/{HEADER}")
            hash_chain.check_ancestor(authentication.agent_scope(), point)

    blueprint.before_request(check)


def make_headers(point: ChainPoint | None) -> dict[str, str]:
    """Return the answer's header with the account's newest link; none before its first change."""
    return {} if point is None else {HEADER: str(point)}

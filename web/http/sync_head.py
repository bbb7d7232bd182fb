"""`X-Sync-Head`: what a client remembers of the chain must be in this server's past."""

from __future__ import annotations

from flask import request
from flask_smorest import Blueprint

from engine.sync import chain_proof, hash_chain
from web.extensions import db
from web.http import authentication

HEADER = "X-Sync-Head"
# Said of all requests at once: as a parameter of each it would be one member more of every call.
TOLD = (
    "Encrypted states. Any request may bear `X-Sync-Head`, a `syncHead` that was answered before: "
    "409 `fork_detected` when it is not in this server's past."
)
ANSWERED = {HEADER: {"schema": {"type": "string"}, "description": "where the account stands"}}


def protect(blueprint: Blueprint) -> None:
    """Refuse requests to the blueprint whose sender remembers another past; after `guard.protect`.

    :raises ConflictError: `fork_detected`, from the request.
    """

    def check() -> None:
        remembered = request.headers.get(HEADER)
        if remembered is not None and request.method != "OPTIONS":
            point = hash_chain.parse(remembered, f"/{HEADER}")
            chain_proof.check(
                db.session(), account_id=authentication.identity().account_id, remembered=point
            )

    blueprint.before_request(check)


def told(point: hash_chain.Point | None) -> dict[str, str]:
    """Return the headers that say where an account stands; none before its first change."""
    return {} if point is None else {HEADER: str(point)}

"""`X-Sync-Head`: what a client remembers of the chain must be in this server's past."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_smorest import Blueprint

from engine.sync import ancestry, chain
from web import guard
from web.extensions import db

HEADER = "X-Sync-Head"
DAY = r"((0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31|02-29)"
FORM = rf"^[1-9]\d{{3}}-{DAY}T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{{6}}Z/[0-9a-f]{{64}}$"
ASKED: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "description": "a syncHead answered before; 409 fork_detected when it is not in this server's past",
    "schema": {"type": "string", "pattern": FORM},
}
ANSWERED = {HEADER: {"schema": {"type": "string"}, "description": "where the account stands"}}


def protect(blueprint: Blueprint) -> None:
    """Refuse requests to the blueprint whose sender remembers another past; after `guard.protect`.

    :raises ConflictError: `fork_detected`, from the request.
    """

    def check() -> None:
        remembered = request.headers.get(HEADER)
        if remembered is not None and request.method != "OPTIONS":
            point = chain.parse(remembered, f"/{HEADER}")
            ancestry.check(db.session(), account_id=guard.identity().account_id, remembered=point)

    blueprint.before_request(check)


def told(point: chain.Point | None) -> dict[str, str]:
    """Return the headers that say where an account stands; none before its first change."""
    return {} if point is None else {HEADER: str(point)}

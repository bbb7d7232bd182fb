"""`/api/events`: CloudEvents for an account's workflows, for all that listen or for one execution."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from flask import current_app, request
from uuid_utils.compat import uuid7

from engine.config.settings import Settings
from engine.crypto import jwe
from engine.crypto.jwe import parse_keys
from engine.errors import ConflictError, TooLargeError
from engine.workflows.events import queue
from engine.workflows.events.queue import Sealed
from engine.workflows.executions import executions
from web.extensions import db
from web.http import authentication, cloud_events, rate_limits, redis_notify
from web.http.json_bodies import Blueprint
from web.schemas import events as schemas

blueprint = Blueprint("events", __name__, url_prefix="/api", description="Events")
authentication.protect(blueprint)
rate_limits.limit(blueprint, "workflows")


@blueprint.route("/events", methods=["POST"])
@blueprint.response(202, schemas.Accepted)
@blueprint.doc(requestBody=schemas.BODY)
def publish() -> dict[str, int]:
    """Give events to whatever of the account listens for them, and start what they are to start.

    An event that was sent before, by its source and id, is consumed by nobody twice.
    """
    return _accept(authentication.identity().account_id, None)


@blueprint.route("/executions/<uuid:execution_id>/events", methods=["POST"])
@blueprint.response(202, schemas.Accepted)
@blueprint.doc(requestBody=schemas.BODY)
def address(execution_id: UUID) -> dict[str, int]:
    """Give events to one execution alone, now or when it listens."""
    account_id = authentication.identity().account_id
    execution = executions.find(db.session(), account_id=account_id, execution_id=execution_id)
    if execution.ended_at is not None:
        raise ConflictError(
            "execution_ended", "The execution has ended, and hears nothing any more."
        )
    return _accept(account_id, execution_id)


def _accept(account_id: UUID, execution_id: UUID | None) -> dict[str, int]:
    settings: Settings = current_app.extensions["settings"]
    sealed = [_sealed(event, settings) for event in cloud_events.read(request)]
    now = datetime.now(UTC)
    queue.accept(
        db.session(), account_id=account_id, events=sealed, now=now, execution_id=execution_id
    )
    db.session.commit()
    redis_notify.publish(queue.WAKE, "")
    return {"accepted": len(sealed)}


def _sealed(event: Any, settings: Settings) -> Sealed:
    """Return an event as it is kept: a client may have sealed it, otherwise it is sealed here.

    :raises TooLargeError: when it is larger than an event may be.
    """
    most = settings.event_bytes_max
    plaintext = event.encode() if isinstance(event, str) else orjson.dumps(event)
    if len(plaintext) > (2 if isinstance(event, str) else 1) * most:
        raise TooLargeError("event_too_large", f"An event may have {most} bytes.")
    if isinstance(event, str):
        return Sealed(uuid7(), event)
    return Sealed(uuid7(), jwe.seal(parse_keys(settings.need("engine_public_keys"))[0], plaintext))

"""`/api/events`: CloudEvents for an account's workflows, for all listeners or for one execution."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from flask import current_app, request
from uuid_utils.compat import uuid7

from engine.config.settings import Settings
from engine.errors import ConflictError, TooLargeError
from engine.store.account_scope import AccountScope
from engine.workflows.events import queue
from engine.workflows.events.queue import SealedEvent
from engine.workflows.executions import executions
from web.http import authentication, cloud_events, rate_limits, redis_notify
from web.http.json_bodies import Blueprint
from web.routes import sealing
from web.schemas import events as schemas

blueprint = Blueprint("events", __name__, url_prefix="/api", description="Events")
authentication.protect(blueprint)
rate_limits.limit(blueprint, "workflows")


@blueprint.route("/events", methods=["POST"])
@blueprint.response(202, schemas.AcceptedSchema)
@blueprint.doc(requestBody=schemas.BODY)
def publish() -> dict[str, int]:
    """Deliver events to the account's listeners and start what they trigger.

    No listener consumes an event twice; its source and id identify it.
    """
    return _accept(authentication.agent_scope(), None)


@blueprint.route("/executions/<uuid:execution_id>/events", methods=["POST"])
@blueprint.response(202, schemas.AcceptedSchema)
@blueprint.doc(requestBody=schemas.BODY)
def address(execution_id: UUID) -> dict[str, int]:
    """Deliver events to one execution alone, now or when it listens."""
    scope = authentication.agent_scope()
    if executions.find(scope, execution_id).ended_at is not None:
        raise ConflictError(
            "execution_ended", "The execution has ended and receives no events any more."
        )
    return _accept(scope, execution_id)


def _accept(scope: AccountScope, execution_id: UUID | None) -> dict[str, int]:
    settings: Settings = current_app.extensions["settings"]
    events = [
        _seal(event, bytes_max=settings.event_bytes_max) for event in cloud_events.read(request)
    ]
    quota_bytes = settings.sync_quota_bytes
    queue.accept(scope, events, execution_id=execution_id, quota_bytes=quota_bytes)
    scope.session.commit()
    redis_notify.publish(queue.WAKE, "")
    return {"accepted": len(events)}


def _seal(event: Any, *, bytes_max: int) -> SealedEvent:
    """Return an event as a JWE: the client's own, or one that is made here.

    :raises TooLargeError: when it is larger than an event may be.
    """
    is_jwe = isinstance(event, str)
    plaintext = event.encode() if is_jwe else orjson.dumps(event)
    if len(plaintext) > (2 if is_jwe else 1) * bytes_max:
        raise TooLargeError("event_too_large", f"An event may have {bytes_max} bytes.")
    return SealedEvent(uuid7(), event if is_jwe else sealing.seal_to_engine(plaintext))

"""An execution that was asked for: started once, waited for as long as is preferred, and answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog
from flask import current_app, request, url_for

from engine.errors import UnavailableError
from web.http import authentication, idempotency
from web.http.prefer import wait_preferred
from web.routes import temporal_ui_links
from web.temporal_client import Temporal

Answer = tuple[dict[str, Any], int, dict[str, str]]  # body, status, headers


def started(start: Callable[[], UUID], definition_id: UUID, **about: UUID) -> Answer:
    """Answer a request for an execution, which `start` stores, with its ids and what it is `about`.

    `Prefer: wait=N` says how long to wait for its end.
    """
    door: Temporal = current_app.extensions["temporal"]
    account_id = authentication.identity().account_id
    wait, applied = wait_preferred(
        request.headers.get("Prefer"), current_app.extensions["settings"]
    )
    execution_id = idempotency.once(start)
    answer: dict[str, Any] = {"executionId": execution_id, "workflowId": definition_id, **about}
    answer |= temporal_ui_links.links(execution_id)
    try:
        if idempotency.repeated():
            told = door.join(execution_id, account_id, wait=wait)
        else:
            told = door.execute(execution_id, account_id, definition_id=definition_id, wait=wait)
    except UnavailableError:
        told = None
        structlog.get_logger().info("execution_left_to_relay", execution=str(execution_id))
    headers = idempotency.header() | {
        "Location": url_for("executions.read", execution_id=execution_id)
    }
    if applied:
        headers["Preference-Applied"] = applied
    return answer | (told or {"status": "running"}), 200 if told else 202, headers

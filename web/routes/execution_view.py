"""Executions as answers show them: a page, one execution, and one that a request has started."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import current_app, request, url_for

from engine.config.settings import Settings
from engine.contracts import timestamps
from engine.contracts.workflow_ids import ExecutionWorkflowId
from engine.store.executions import Execution
from engine.workflows.executions import queries
from engine.workflows.executions.queries import ExecutionCursor, ExecutionFilter
from web.http import authentication
from web.http.idempotency import KeyClaim
from web.http.prefer import parse_wait

Answer = tuple[dict[str, Any], int, dict[str, str]]  # body, status, headers


def page(query: dict[str, Any], definition_id: UUID | None = None) -> dict[str, Any]:
    """Return a page of the account's executions, of all its definitions or of one."""
    times = {
        name: timestamps.to_datetime(timestamps.parse(query[name], f"/{name}"))
        for name in ("since", "until")
        if name in query
    }
    listing = queries.list_executions(
        authentication.agent_scope(),
        ExecutionFilter(query.get("status"), definition_id or query.get("workflow_id"), **times),
        limit=query["limit"],
        after=ExecutionCursor.parse(query["cursor"]) if "cursor" in query else None,
    )
    return {
        "executions": [view(execution) for execution in listing.executions],
        "cursor": listing.next and str(listing.next),
        "hasMore": listing.next is not None,
    }


def view(execution: Execution) -> dict[str, Any]:
    """Return the members of an execution in a list."""
    return {
        "executionId": execution.id,
        "workflowId": execution.definition_id,
        "workflowVersion": execution.definition_version,
        "status": execution.status,
        "retryOf": execution.retry_of,
        "createdAt": timestamps.to_text(timestamps.from_datetime(execution.created_at)),
        "endedAt": execution.ended_at
        and timestamps.to_text(timestamps.from_datetime(execution.ended_at)),
        "temporalUrl": temporal_url(execution.id),
    }


def view_with_pause(execution: Execution) -> dict[str, Any]:
    """Return the members of an execution, and whether it is to be paused."""
    return view(execution) | {"paused": execution.paused and execution.status == "running"}


def temporal_url(execution_id: UUID) -> str | None:
    """Return the execution's page in the Temporal UI; None where the settings name no UI."""
    settings: Settings = current_app.extensions["settings"]
    if not settings.temporal_ui_url:
        return None
    ui, namespace = settings.temporal_ui_url.rstrip("/"), settings.temporal_namespace
    return f"{ui}/namespaces/{namespace}/workflows/{ExecutionWorkflowId(execution_id)}"


def requested_wait() -> tuple[float, str | None]:
    """Return the seconds of `Prefer: wait=N`, and the value of `Preference-Applied`."""
    return parse_wait(request.headers.get("Prefer"), current_app.extensions["settings"])


def preference(value: str | None) -> dict[str, str]:
    """Return the header that says which preference was applied, if one was (RFC 7240)."""
    return {"Preference-Applied": value} if value else {}


def started(
    execution_id: UUID, outcome: dict[str, Any] | None, key_claim: KeyClaim, **members: UUID
) -> Answer:
    """Return the answer to a request that started an execution: 200 with its outcome, else 202.

    `members` name its workflow, and the schedule or the execution that it was started for.
    """
    answer = {"executionId": execution_id, "temporalUrl": temporal_url(execution_id), **members}
    location = {"Location": url_for("executions.read", execution_id=execution_id)}
    headers = location | key_claim.headers() | preference(requested_wait()[1])
    return answer | (outcome or {"status": "running"}), 200 if outcome else 202, headers

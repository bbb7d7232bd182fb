"""`/api/auth/export` and `DELETE /api/auth/me`: export and deletion of the account."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from uuid import UUID

from flask import Response, stream_with_context
from uuid_utils.compat import uuid7

from engine.accounts import accounts, audit_log, export, sessions
from engine.accounts.export import ExportPage, ExportPosition
from engine.errors import UnauthenticatedError
from engine.store.account_scope import AgentScope
from web.extensions import db
from web.http import authentication, rate_limits, redis_notify
from web.http.json_bodies import Blueprint
from web.http.problems import LimitedError

DELETION_NOTICE = '{"id": null, "kind": "account_deleted", "sessionId": null}'
RETRY_SECONDS = 60

blueprint = Blueprint(
    "account_deletion",
    __name__,
    url_prefix="/api/auth",
    description="Account export and deletion",
)
authentication.protect(blueprint)
rate_limits.limit(blueprint)


class RunningExports:
    """Accounts whose export this process is sending, each once."""

    def __init__(self) -> None:
        self._ids: dict[UUID, UUID] = {}  # of the export, by account
        self._lock = threading.Lock()

    def start(self, account_id: UUID) -> UUID:
        """Add an account; return the id of its export.

        :raises LimitedError: `export_running`, when it has an export already.
        """
        with self._lock:
            if account_id in self._ids:
                detail = "An export of this account is under way: read it to its end first."
                raise LimitedError(detail, retry_seconds=RETRY_SECONDS, code="export_running")
            return self._ids.setdefault(account_id, uuid7())

    def end(self, account_id: UUID, export_id: UUID) -> None:
        """Remove an account: its client has that export, or has left. It may do so repeatedly."""
        with self._lock:
            if self._ids.get(account_id) == export_id:
                del self._ids[account_id]


_running = RunningExports()


@blueprint.route("/export", methods=["POST"])
@blueprint.response(
    200, content_type="application/x-ndjson", description='one `{"kind", "value"}` per line'
)
def export_account() -> Response:
    """Return everything that is stored of the account; needs a step-up.

    It is read page by page, as fast as the client reads, for an hour at most. What changes
    meanwhile is exported as it was before or after. An account has one export at once:
    `export_running`.
    """
    authentication.require_step_up()
    account_id = authentication.identity().account_id
    export_id = _running.start(account_id)
    pages = stream_with_context(_generate_pages(export_id))
    response = Response(pages, content_type="application/x-ndjson")
    response.call_on_close(lambda: _running.end(account_id, export_id))  # if no page was taken
    return response


def _generate_pages(export_id: UUID) -> Iterator[bytes]:
    """Yield the pages of the export; no transaction is open while the client reads one.

    :raises UnauthenticatedError: `session_ended`, which breaks the answer off.
    """
    # Flask ends the database session of the route before it takes the first page.
    scope = authentication.agent_scope()
    position: ExportPosition | None = None
    try:
        while True:
            page = _read_page(scope, position)
            yield page.lines
            if page.next is None:
                return
            position = page.next
    finally:
        _running.end(scope.account_id, export_id)


def _read_page(scope: AgentScope, position: ExportPosition | None) -> ExportPage:
    """Return a page in its own snapshot of all tables; most accounts fit on one."""
    scope.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    try:
        session_id = authentication.identity().session_id
        if not sessions.is_active(
            scope.session, account_id=scope.account_id, session_id=session_id
        ):
            raise UnauthenticatedError("session_ended", "The session has ended.")
        return export.read_page(scope, position)
    finally:
        scope.session.rollback()


@blueprint.route("/me", methods=["DELETE"])
@blueprint.response(204)
def delete() -> None:
    """Delete the account with everything in it, immediately and permanently; needs a step-up."""
    authentication.require_step_up()
    scope = authentication.agent_scope()
    accounts.erase(scope)
    db.session.commit()
    redis_notify.wake_relay()
    # The audit log is deleted too, so this notice makes live streams check their session and end.
    redis_notify.publish(audit_log.channel(scope.account_id), DELETION_NOTICE)

"""`/api/auth/export` and `DELETE /api/auth/me`: export and deletion of the account."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
from flask import Response, stream_with_context

from engine.accounts import accounts, audit_log, export
from web.extensions import db
from web.http import authentication, rate_limits, redis_notify
from web.http.json_bodies import Blueprint

DELETION_NOTICE = '{"id": null, "kind": "account_deleted", "sessionId": null}'

blueprint = Blueprint(
    "account_deletion",
    __name__,
    url_prefix="/api/auth",
    description="Account export and deletion",
)
authentication.protect(blueprint)
rate_limits.limit(blueprint)


@blueprint.route("/export", methods=["POST"])
@blueprint.response(
    200, content_type="application/x-ndjson", description='one `{"kind", "value"}` per line'
)
def export_account() -> Response:
    """Return everything that is stored of the account, in one snapshot; needs a step-up."""
    authentication.require_step_up()
    db.session.commit()
    # One snapshot of all tables: states and their siblings match, whatever agents push meanwhile.
    db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    scope = authentication.agent_scope()

    def generate_lines() -> Iterator[bytes]:
        for item in export.iterate_items(scope):
            yield orjson.dumps(item) + b"\n"

    return Response(stream_with_context(generate_lines()), content_type="application/x-ndjson")


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

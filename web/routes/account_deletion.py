"""Taking everything along, and leaving for good."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import orjson
from flask import Response, stream_with_context

from engine.accounts import audit_log, deletion, export
from web.extensions import db
from web.http import authentication, rate_limits, redis_notify
from web.http.json_bodies import Blueprint

blueprint = Blueprint(
    "farewell", __name__, url_prefix="/api/auth", description="Taking everything, leaving"
)
authentication.protect(blueprint)
rate_limits.limit(blueprint)


@blueprint.route("/export", methods=["POST"])
@blueprint.response(
    200, content_type="application/x-ndjson", description='one `{"kind", "value"}` a line'
)
def take_along() -> Response:
    """Return everything that is kept of the account, as one moment saw it; needs a fresh proof."""
    authentication.need_fresh()
    account_id = authentication.identity().account_id
    db.session.commit()
    # One snapshot for all tables: states and their siblings fit together whatever is pushed meanwhile.
    db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})

    def lines() -> Iterator[bytes]:
        for item in export.items(db.session(), account_id=account_id):
            yield orjson.dumps(item) + b"\n"

    return Response(stream_with_context(lines()), content_type="application/x-ndjson")


@blueprint.route("/me", methods=["DELETE"])
@blueprint.response(204)
def leave() -> None:
    """Delete the account with everything in it, at once and for good; needs a fresh proof."""
    authentication.need_fresh()
    account_id = authentication.identity().account_id
    deletion.erase(db.session(), account_id=account_id, now=datetime.now(UTC))
    db.session.commit()
    redis_notify.relay()
    # The trail is gone with the account: live streams hear of it here, and find their session gone.
    redis_notify.publish(
        audit_log.channel(account_id), '{"id": null, "kind": "account_deleted", "sessionId": null}'
    )

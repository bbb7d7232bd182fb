"""Taking everything along, and leaving for good."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import orjson
from flask import Response, stream_with_context

from engine import audit, erasure, export
from web import guard, limits, wake
from web.bodies import Blueprint
from web.extensions import db

blueprint = Blueprint("farewell", __name__, url_prefix="/api/auth", description="Taking everything, leaving")
guard.protect(blueprint)
limits.limit(blueprint)


@blueprint.route("/export", methods=["POST"])
@blueprint.response(200, content_type="application/x-ndjson", description='one `{"kind", "value"}` a line')
def take_along() -> Response:
    """Return everything that is kept of the account, as one moment saw it; needs a fresh proof."""
    guard.need_fresh()
    account_id = guard.identity().account_id
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
    guard.need_fresh()
    account_id = guard.identity().account_id
    erasure.erase(db.session(), account_id=account_id, now=datetime.now(UTC))
    db.session.commit()
    wake.relay()
    # The trail is gone with the account: live streams hear of it here, and find their session gone.
    wake.publish(audit.channel(account_id), '{"id": null, "kind": "account_deleted", "sessionId": null}')

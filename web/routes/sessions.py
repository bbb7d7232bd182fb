"""`/api/auth/sessions` and leaving: who is in, and how they get out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from engine.accounts import sessions
from engine.store.accounts import RefreshSession
from web.extensions import db
from web.http import authentication, rate_limits, security_events
from web.http.account_services import desk
from web.http.json_bodies import Blueprint
from web.schemas import account as schemas

blueprint = Blueprint("sessions", __name__, url_prefix="/api/auth", description="Sessions")
authentication.protect(blueprint, pending={"logout"})
rate_limits.limit(blueprint)


@blueprint.route("/logout", methods=["POST"])
@blueprint.arguments(schemas.LogoutRequest, required=False)
@blueprint.response(204)
def logout(body: dict[str, bool]) -> None:
    """End this session, or all of the account's after a fresh proof."""
    who, now = authentication.identity(), datetime.now(UTC)
    if body.get("all"):
        # A password alone must not throw out those who also showed a second factor.
        authentication.need_settled()
        authentication.need_fresh()
        sessions.end_all(db.session(), account_id=who.account_id, reason="logged_out", now=now)
    else:
        sessions.end(
            db.session(),
            account_id=who.account_id,
            session_id=who.session_id,
            reason="logged_out",
            now=now,
        )
    security_events.commit("logged_out_everywhere" if body.get("all") else "logged_out", now=now)


@blueprint.route("/sessions", methods=["GET"])
@blueprint.response(200, schemas.Sessions)
def browse() -> dict[str, Sequence[Any]]:
    """List the account's sessions, the one used last first."""
    who, periods = authentication.identity(), desk().refresh_tokens.periods
    found = sessions.browse(db.session(), periods, account_id=who.account_id, now=datetime.now(UTC))
    return {"sessions": [_told(session) for session in found]}


@blueprint.route("/sessions/<uuid:session_id>", methods=["DELETE"])
@blueprint.response(204)
def end(session_id: UUID) -> None:
    """End one of the account's sessions; another than one's own after a fresh proof."""
    who, now = authentication.identity(), datetime.now(UTC)
    if session_id != who.session_id:
        authentication.need_fresh()
    sessions.end(
        db.session(), account_id=who.account_id, session_id=session_id, reason="ended", now=now
    )
    security_events.commit("session_ended", now=now)


def _told(session: RefreshSession) -> dict[str, Any]:
    return {
        "id": session.id,
        "agent_id": session.agent_id,
        "created_at": session.created_at,
        "refreshed_at": session.rotated_at,
        "proved_at": session.proved_at,
        "amr": session.amr.split(),
        "pending": session.pending,
        "current": session.id == authentication.identity().session_id,
    }

"""`/api/auth/sessions` and `/api/auth/logout`: list and end of login sessions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from engine.accounts import sessions
from engine.store.account_scope import LISTED_MAX
from engine.store.accounts import RefreshSession
from web.http import authentication, rate_limits, security_events
from web.http.account_services import services
from web.http.json_bodies import Blueprint
from web.schemas import account as schemas

blueprint = Blueprint("sessions", __name__, url_prefix="/api/auth", description="Sessions")
authentication.protect(blueprint, pending={"logout"})
rate_limits.limit(blueprint)


@blueprint.route("/logout", methods=["POST"])
@blueprint.arguments(schemas.LogoutRequest, required=False)
@blueprint.response(204)
def logout(body: dict[str, bool]) -> None:
    """End this session, or all of the account's; the latter needs a step-up."""
    scope = authentication.agent_scope()
    if body.get("all"):
        # A password alone must not end sessions that also verified a second factor.
        authentication.require_full_session()
        authentication.require_step_up()
        sessions.end_all(scope, reason="logged_out")
        security_events.commit("logged_out_everywhere", now=scope.now)
    else:
        sessions.end(scope, authentication.identity().session_id, reason="logged_out")
        security_events.commit("logged_out", now=scope.now)


@blueprint.route("/sessions", methods=["GET"])
@blueprint.response(200, schemas.SessionsResponse)
def list_sessions() -> dict[str, Any]:
    """List the account's sessions, the most recently refreshed first."""
    lifetime = services().refresh_tokens.lifetime
    login_sessions = sessions.list_sessions(authentication.agent_scope(), lifetime)
    return {
        "sessions": [_describe(login_session) for login_session in login_sessions[:LISTED_MAX]],
        "has_more": len(login_sessions) > LISTED_MAX,
    }


@blueprint.route("/sessions/<uuid:session_id>", methods=["DELETE"])
@blueprint.response(204)
def end(session_id: UUID) -> None:
    """End one of the account's sessions; another session than this one needs a step-up."""
    if session_id != authentication.identity().session_id:
        authentication.require_step_up()
    scope = authentication.agent_scope()
    sessions.end(scope, session_id, reason="ended")
    security_events.commit("session_ended", now=scope.now)


def _describe(session: RefreshSession) -> dict[str, Any]:
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

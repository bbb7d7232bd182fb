"""`/api/auth/audit`: the account's audit log."""

from __future__ import annotations

from typing import Any

from engine.accounts import audit_log
from engine.accounts.audit_log import AuditPage
from web.http import authentication, rate_limits
from web.http.json_bodies import Blueprint
from web.schemas import account as schemas

blueprint = Blueprint("audit_log", __name__, url_prefix="/api/auth", description="Account")
authentication.protect(blueprint)
rate_limits.limit(blueprint)


@blueprint.route("/audit", methods=["GET"])
@blueprint.arguments(schemas.AuditQuery, location="query")
@blueprint.response(200, schemas.AuditLogResponse)
def list_audit_events(query: dict[str, Any]) -> AuditPage:
    """List the account's security events, newest first."""
    return audit_log.list_events(authentication.agent_scope(), **query)

"""`/api/agents`: the devices and programs of an account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from engine.accounts import agents, sessions
from engine.store.accounts import Agent
from web.extensions import db
from web.http import authentication, etags, rate_limits, security_events
from web.http.json_bodies import Blueprint
from web.schemas import account as schemas

blueprint = Blueprint(
    "agents", __name__, url_prefix="/api/agents", description="Devices and programs"
)
authentication.protect(blueprint)
rate_limits.limit(blueprint)


@blueprint.route("", methods=["GET"])
@blueprint.response(200, schemas.Agents)
def browse() -> dict[str, Sequence[Agent]]:
    """List the account's agents, the one seen last first."""
    return {"agents": agents.browse(db.session(), account_id=authentication.identity().account_id)}


@blueprint.route("/<segment:agent_id>", methods=["GET"])
@blueprint.response(200, schemas.AgentShown, headers=etags.ANSWERED)
def read(agent_id: str) -> tuple[Agent, int, dict[str, str]]:
    """Return one agent."""
    found = _find(agent_id)
    return found, 200, etags.tagged(found.name)


@blueprint.route("/<segment:agent_id>", methods=["PATCH"])
@blueprint.arguments(schemas.AgentChange)
@blueprint.response(200, schemas.AgentShown, headers=etags.ANSWERED)
@blueprint.doc(parameters=[etags.ASKED])
def rename(body: dict[str, Any], agent_id: str) -> tuple[Agent, int, dict[str, str]]:
    """Give an agent a name for people."""
    found = _find(agent_id)
    etags.check(found.name)
    found.name = body["name"]
    db.session.commit()
    return found, 200, etags.tagged(found.name)


@blueprint.route("/<segment:agent_id>", methods=["DELETE"])
@blueprint.response(204)
def revoke(agent_id: str) -> None:
    """Block an agent's id for good and end its sessions; another than oneself after a fresh proof."""
    who, now = authentication.identity(), datetime.now(UTC)
    if agent_id != who.agent_id:
        authentication.need_fresh()
    sessions.revoke_agent(db.session(), account_id=who.account_id, agent_id=agent_id, now=now)
    security_events.commit("agent_revoked", now=now)


def _find(agent_id: str) -> Agent:
    return agents.find(
        db.session(), account_id=authentication.identity().account_id, agent_id=agent_id
    )

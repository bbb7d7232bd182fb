"""`/api/agents`: the devices and programs of an account."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from engine.accounts import agents, sessions
from engine.store.account_scope import LISTED_MAX
from engine.store.accounts import Agent
from web.extensions import db
from web.http import authentication, etags, rate_limits, security_events
from web.http.json_bodies import Blueprint
from web.schemas import account as schemas

blueprint = Blueprint("agents", __name__, url_prefix="/api/agents", description="Agents")
authentication.protect(blueprint)
rate_limits.limit(blueprint)


@blueprint.route("", methods=["GET"])
@blueprint.response(200, schemas.AgentsResponse)
def list_agents() -> dict[str, Any]:
    """List the account's agents, the most recently seen first."""
    rows = agents.list_agents(authentication.agent_scope())
    return {"agents": rows[:LISTED_MAX], "has_more": len(rows) > LISTED_MAX}


@blueprint.route("/<segment:agent_id>", methods=["GET"])
@blueprint.response(200, schemas.AgentResponse, headers=etags.RESPONSE_HEADERS)
def read(agent_id: str) -> tuple[Agent, int, dict[str, str]]:
    """Return one agent."""
    agent = agents.get_agent(authentication.agent_scope(), agent_id)
    return agent, 200, etags.make_header(agent.name)


@blueprint.route("/<segment:agent_id>", methods=["PATCH"])
@blueprint.arguments(schemas.AgentChangeRequest)
@blueprint.response(200, schemas.AgentResponse, headers=etags.RESPONSE_HEADERS)
@blueprint.doc(parameters=[etags.IF_MATCH])
def rename(body: dict[str, Any], agent_id: str) -> tuple[Agent, int, dict[str, str]]:
    """Set or remove an agent's display name."""
    agent = agents.get_agent(authentication.agent_scope(), agent_id)
    etags.check(agent.name)
    agent.name = body["name"]
    db.session.commit()
    return agent, 200, etags.make_header(agent.name)


@blueprint.route("/<segment:agent_id>", methods=["DELETE"])
@blueprint.response(204)
def revoke(agent_id: str) -> None:
    """Block an agent's id permanently and end its sessions; another agent needs a step-up."""
    scope = authentication.agent_scope()
    if agent_id != scope.agent_id:
        authentication.require_step_up()
    sessions.revoke_agent(scope, agent_id)
    security_events.commit("agent_revoked", now=datetime.now(UTC))

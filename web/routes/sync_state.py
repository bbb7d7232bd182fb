"""`/api/sync`: read single states, their history, conflicts, limits, usage, digest and chain."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app

from engine.config.settings import Settings
from engine.contracts import timestamps
from engine.sync import entities, entity_history, hash_chain, siblings, usage
from engine.sync.change import (
    BATCH_CHANGES_MAX,
    CHAIN_LINKS_MAX,
    CONFLICT_BYTES_MAX,
    PULL_BYTES_MAX,
    PULL_STATES_MAX,
    SyncLimits,
)
from web.http import authentication, etags, rate_limits, sync_head
from web.http.json_bodies import Blueprint
from web.schemas import sync_state as schemas

blueprint = Blueprint(
    "sync_state", __name__, url_prefix="/api/sync", description=sync_head.DESCRIPTION
)
authentication.protect(blueprint)
rate_limits.limit(blueprint, "sync")
sync_head.protect(blueprint)


@blueprint.route("/states/<segment:kind>/<segment:entity_id>", methods=["GET"])
@blueprint.response(200, schemas.State, headers=etags.RESPONSE_HEADERS)
@blueprint.alt_response(304, description="If-None-Match names the state's ETag", success=True)
@blueprint.doc(parameters=[etags.IF_NONE_MATCH])
def read_state(kind: str, entity_id: str) -> Response | tuple[dict[str, Any], int, dict[str, str]]:
    """Return one entity's current version and its siblings."""
    state = entities.get_state(authentication.agent_scope(), (kind, entity_id))
    members = [state["updatedAt"], *(sibling["vectorClock"] for sibling in state["siblings"])]
    headers = etags.make_header(*members)
    if etags.is_current(*members):
        return Response(status=304, headers=headers)
    return state, 200, headers


@blueprint.route("/states/<segment:kind>/<segment:entity_id>/history", methods=["GET"])
@blueprint.arguments(schemas.HistoryQuery, location="query")
@blueprint.response(200, schemas.History)
def list_versions(query: dict[str, Any], kind: str, entity_id: str) -> dict[str, Any]:
    """Return an entity's stored versions, the newest first; `before` leads to older ones."""
    before = timestamps.parse(query["before"], "/before") if "before" in query else None
    page = entity_history.list_versions(
        authentication.agent_scope(), (kind, entity_id), query["limit"], before=before
    )
    return {"versions": page.versions, "hasMore": page.has_more}


@blueprint.route("/conflicts", methods=["GET"])
@blueprint.arguments(schemas.ConflictsQuery, location="query")
@blueprint.response(200, schemas.Conflicts)
def list_conflicts(query: dict[str, Any]) -> dict[str, Any]:
    """Return the entities that have siblings to merge, the oldest conflict first."""
    conflicts, has_more = siblings.list_conflicts(authentication.agent_scope(), query["limit"])
    return {"conflicts": conflicts, "hasMore": has_more}


@blueprint.route("/limits", methods=["GET"])
@blueprint.response(200, schemas.LimitsAnswer)
def read_limits() -> dict[str, int]:
    """Return the limits of requests and of an account's states."""
    settings: Settings = current_app.extensions["settings"]
    limits = SyncLimits.from_settings(settings)
    return {
        "bodyBytes": settings.body_bytes_max,
        "stateBytes": limits.state_bytes_max,
        "batchChanges": BATCH_CHANGES_MAX,
        "pullStates": PULL_STATES_MAX,
        "pullBytes": PULL_BYTES_MAX,
        "conflictBytes": CONFLICT_BYTES_MAX,
        "chainLinks": CHAIN_LINKS_MAX,
        "historyVersions": limits.history_versions,
        "quotaBytes": limits.quota_bytes,
        "requestsPerMinute": settings.limit_sync_per_minute,
        "streams": settings.streams_per_account_max,
    }


@blueprint.route("/usage", methods=["GET"])
@blueprint.response(200, schemas.Usage)
def read_usage() -> dict[str, int]:
    """Return how much the account stores; `storedBytes` counts against the quota."""
    limits = SyncLimits.from_settings(current_app.extensions["settings"])
    return usage.measure_usage(authentication.agent_scope(), limits)


@blueprint.route("/digest", methods=["GET"])
@blueprint.response(200, schemas.DigestAnswer, headers=sync_head.HEADERS)
def read_digest() -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return count and hash of the account's states by type, to compare with a client's own."""
    digest = usage.compute_digest(authentication.agent_scope())
    answer = {"types": digest.types, "syncHead": None if digest.head is None else str(digest.head)}
    return answer, 200, sync_head.make_headers(digest.head)


@blueprint.route("/chain", methods=["GET"])
@blueprint.arguments(schemas.ChainQuery, location="query")
@blueprint.response(200, schemas.Chain)
def list_links(query: dict[str, Any]) -> dict[str, Any]:
    """Return the changes after `since` with their links, oldest first, for clients to verify."""
    scope = authentication.agent_scope()
    since = timestamps.parse(query["since"], "/since") if "since" in query else 0
    links, has_more = hash_chain.list_links(scope, since=since, limit=query["limit"])
    genesis = hash_chain.genesis_link(scope.account_id).hex()
    return {"genesis": genesis, "links": links, "hasMore": has_more}

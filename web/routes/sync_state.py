"""`/api/sync`, looked at more closely: one state and its past, and what an account holds in all."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app

from engine.config.settings import Settings
from engine.contracts import timestamps
from engine.sync import chain_proof as past
from engine.sync import entities, siblings
from engine.sync import usage as totals
from engine.sync.limits import (
    BATCH_CHANGES_MAX,
    CHAIN_LINKS_MAX,
    PULL_BYTES_MAX,
    PULL_STATES_MAX,
    Limits,
)
from web.extensions import db
from web.http import authentication, etags, rate_limits, sync_head
from web.http.json_bodies import Blueprint
from web.schemas import sync_state as schemas

blueprint = Blueprint("sync_state", __name__, url_prefix="/api/sync", description=sync_head.TOLD)
authentication.protect(blueprint)
rate_limits.limit(blueprint, "sync")
sync_head.protect(blueprint)


@blueprint.route("/states/<segment:kind>/<segment:entity_id>", methods=["GET"])
@blueprint.response(200, schemas.State, headers=etags.RESPONSE_HEADERS)
@blueprint.alt_response(304, description="It is what If-None-Match names", success=True)
@blueprint.doc(parameters=[etags.IF_NONE_MATCH])
def read(kind: str, entity_id: str) -> Response | tuple[dict[str, Any], int, dict[str, str]]:
    """Return one entity's current version and its siblings."""
    found = entities.find(
        db.session(), account_id=authentication.identity().account_id, entity=(kind, entity_id)
    )
    shown = [found["updatedAt"], *(one["vectorClock"] for one in found["siblings"])]
    tag = etags.make_header(*shown)
    if etags.is_current(*shown):
        return Response(status=304, headers=tag)
    return found, 200, tag


@blueprint.route("/states/<segment:kind>/<segment:entity_id>/history", methods=["GET"])
@blueprint.arguments(schemas.HistoryQuery, location="query")
@blueprint.response(200, schemas.History)
def history(query: dict[str, Any], kind: str, entity_id: str) -> dict[str, Any]:
    """Return an entity's versions that are still kept, the current one first."""
    versions = entities.history(
        db.session(),
        account_id=authentication.identity().account_id,
        entity=(kind, entity_id),
        limit=query["limit"],
    )
    return {"versions": versions}


@blueprint.route("/conflicts", methods=["GET"])
@blueprint.arguments(schemas.ConflictsQuery, location="query")
@blueprint.response(200, schemas.Conflicts)
def conflicts(query: dict[str, Any]) -> dict[str, Any]:
    """Return the entities that have siblings, those that wait longest first: each can be read and merged."""
    found, more = siblings.contested(
        db.session(), account_id=authentication.identity().account_id, limit=query["limit"]
    )
    return {"conflicts": found, "hasMore": more}


@blueprint.route("/limits", methods=["GET"])
@blueprint.response(200, schemas.LimitsAnswer)
def told_limits() -> dict[str, int]:
    """Return what a request may carry and an account may keep."""
    settings: Settings = current_app.extensions["settings"]
    kept = Limits.from_settings(settings)
    return {
        "bodyBytes": settings.body_bytes_max,
        "stateBytes": kept.state_bytes_max,
        "batchChanges": BATCH_CHANGES_MAX,
        "pullStates": PULL_STATES_MAX,
        "pullBytes": PULL_BYTES_MAX,
        "chainLinks": CHAIN_LINKS_MAX,
        "historyVersions": kept.history_versions,
        "quotaBytes": kept.quota_bytes,
        "requestsPerMinute": settings.limit_sync_per_minute,
        "streams": settings.streams_per_account_max,
    }


@blueprint.route("/usage", methods=["GET"])
@blueprint.response(200, schemas.Usage)
def usage() -> dict[str, int]:
    """Return how much the account keeps; its states alone count against the quota."""
    kept = Limits.from_settings(current_app.extensions["settings"])
    return totals.usage(db.session(), account_id=authentication.identity().account_id, limits=kept)


@blueprint.route("/digest", methods=["GET"])
@blueprint.response(200, schemas.DigestAnswer, headers=sync_head.ANSWERED)
def digest() -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return count and hash of the account's states by type: who computes the same holds everything."""
    found = totals.digest(db.session(), account_id=authentication.identity().account_id)
    answer = {"types": found.types, "syncHead": None if found.head is None else str(found.head)}
    return answer, 200, sync_head.told(found.head)


@blueprint.route("/chain", methods=["GET"])
@blueprint.arguments(schemas.ChainQuery, location="query")
@blueprint.response(200, schemas.Chain)
def chain(query: dict[str, Any]) -> dict[str, Any]:
    """Return the accepted changes after `since` with their links, oldest first, for a client to verify."""
    account_id = authentication.identity().account_id
    since = timestamps.parse(query["since"], "/since") if "since" in query else 0
    links, more = past.links(db.session(), account_id=account_id, since=since, limit=query["limit"])
    return {"genesis": past.beginning(account_id), "links": links, "hasMore": more}

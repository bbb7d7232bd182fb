"""Where operators look at an execution: its page in the Temporal UI."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import current_app

from engine.config.settings import Settings
from engine.contracts.executions import execution_workflow_id


def links(execution_id: UUID) -> dict[str, Any]:
    """Return `temporalUrl`; null where the settings name no UI."""
    settings: Settings = current_app.extensions["settings"]
    if not settings.temporal_ui_url:
        return {"temporalUrl": None}
    ui = settings.temporal_ui_url.rstrip("/")
    place = f"namespaces/{settings.temporal_namespace}/workflows/{execution_workflow_id(str(execution_id))}"
    return {"temporalUrl": f"{ui}/{place}"}

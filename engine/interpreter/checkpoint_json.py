"""The state of a walk as one JSON text: up to 32 MiB, for which a workflow task has less than two seconds."""

from __future__ import annotations

import json
from typing import Any

import orjson


def written(state: dict[str, Any]) -> str:
    """Return a state as text."""
    try:
        return orjson.dumps(state).decode()
    except TypeError:  # frames are nested deeper than orjson allows
        return json.dumps(state, separators=(",", ":"))


def read(text: str) -> dict[str, Any]:
    """Return the state that a text holds."""
    try:
        found: dict[str, Any] = orjson.loads(text)
    except ValueError:  # nested deeper than orjson allows
        found = json.loads(text)
    return found

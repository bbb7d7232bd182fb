"""Types of the events that a definition may listen for, from its document alone."""

from __future__ import annotations

import re
from typing import Any

from engine.expressions.jq import unwrap
from engine.language.cloud_events import ANY_TYPE


def of_tasks(document: Any) -> frozenset[str]:
    """Return the types that the document's tasks listen for.

    A filter that names no single type counts as ANY_TYPE.
    """
    types: set[str] = set()
    values = [document.get(key) for key in ("do", "use")] if isinstance(document, dict) else []
    while values:
        value = values.pop()
        if isinstance(value, dict):
            listen = value.get("listen")
            if isinstance(listen, dict):
                types |= of_strategy(listen.get("to"))
            values += value.values()
        elif isinstance(value, list):
            values += value
    return frozenset(types)


def of_strategy(strategy: Any) -> frozenset[str]:
    """Return the types that a consumption strategy and its `until` wait for."""
    if not isinstance(strategy, dict):
        return frozenset()
    types: set[str] = set(of_strategy(strategy.get("until")))
    for mode in ("one", "any", "all"):
        member = strategy.get(mode)
        if member is None:
            continue
        filters = member if isinstance(member, list) else [member]
        if mode == "any" and not filters:
            types.add(ANY_TYPE)
        for one in filters:
            event_type = literal_type(one.get("with")) if isinstance(one, dict) else None
            types.add(ANY_TYPE if event_type is None else event_type)
    return frozenset(types)


# Characters that make a text a regular expression. A dot does not: most event types have one.
PATTERN_CHARACTERS = re.compile(r"[*+?\[\](){}|^$\\]")


def literal_type(attributes: Any) -> str | None:
    """Return the one type of event that a filter can match, or None when it may match several."""
    value = attributes.get("type") if isinstance(attributes, dict) else None
    is_literal = (
        isinstance(value, str) and unwrap(value) is None and not PATTERN_CHARACTERS.search(value)
    )
    return value if is_literal else None

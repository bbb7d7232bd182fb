"""Which types of event a definition can ever listen for: read off the document, before anything runs."""

from __future__ import annotations

import re
from typing import Any

from engine.expressions.jq import unwrap
from engine.language.cloud_events import ANY_TYPE


def in_steps(document: Any) -> frozenset[str]:
    """Return the types that the document's steps listen for; ANY_TYPE where a filter names no single one."""
    found: set[str] = set()
    places = [document.get(key) for key in ("do", "use")] if isinstance(document, dict) else []
    while places:
        value = places.pop()
        if isinstance(value, dict):
            listen = value.get("listen")
            if isinstance(listen, dict):
                found |= in_strategy(listen.get("to"))
            places += value.values()
        elif isinstance(value, list):
            places += value
    return frozenset(found)


def in_strategy(strategy: Any) -> frozenset[str]:
    """Return the types that a consumption strategy, and the one it may have as its `until`, wait for."""
    if not isinstance(strategy, dict):
        return frozenset()
    found: set[str] = set(in_strategy(strategy.get("until")))
    for mode in ("one", "any", "all"):
        named = strategy.get(mode)
        if named is None:
            continue
        wanted = named if isinstance(named, list) else [named]
        if mode == "any" and not wanted:
            found.add(ANY_TYPE)
        for one in wanted:
            kind = literal_type(one.get("with")) if isinstance(one, dict) else None
            found.add(ANY_TYPE if kind is None else kind)
    return frozenset(found)


# A dot alone makes no regular expression: every event type has some.
_PATTERN = re.compile(r"[*+?\[\](){}|^$\\]")


def literal_type(attributes: Any) -> str | None:
    """Return the one type of event a filter can match, or None when it may match several."""
    wanted = attributes.get("type") if isinstance(attributes, dict) else None
    plain = isinstance(wanted, str) and unwrap(wanted) is None and not _PATTERN.search(wanted)
    return wanted if plain else None

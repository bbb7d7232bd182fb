"""Which types of event a definition can ever listen for: read off the document, before anything runs."""

from __future__ import annotations

from typing import Any

from engine.interpreter.filters import literal_type

ANY = ""  # stands for all types


def in_steps(document: Any) -> frozenset[str]:
    """Return the types that the document's steps listen for; ANY where a filter names no single one."""
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
            found.add(ANY)
        for one in wanted:
            kind = literal_type(one.get("with")) if isinstance(one, dict) else None
            found.add(ANY if kind is None else kind)
    return frozenset(found)

"""Secrets found and hidden inside the confined process: strangers' texts can make looking take very long."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

HIDDEN = "***"
# A shorter text would be found where it is not the secret: replacing it would tell more than it hides.
CHARACTERS_MIN = 4


class Secrets:
    """What is not to be told, a JSON text of any shape, in every spelling of its texts and numbers."""

    def __init__(self, source: str) -> None:
        longest_first = sorted(set(_spellings(json.loads(source))), key=len, reverse=True)
        self._spellings = [(spelling, json.dumps(spelling)[1:-1]) for spelling in longest_first]

    def input_text(self, text: str) -> Iterator[Any]:
        """Return the value in a list, with `***` wherever a secret stood in it, or null if there was none."""
        value = json.loads(text)
        written = json.dumps(value)
        found = [spelling for spelling, as_json in self._spellings if as_json in written]
        yield [_without(value, found)] if found else None


def compiler() -> Callable[[str], Secrets]:
    """Return what takes secrets, everything it imports already loaded: files are out of reach later."""
    list(Secrets('["horse"]').input_text('"a horse"'))
    return Secrets


def _without(value: Any, spellings: list[str]) -> Any:
    if isinstance(value, str):
        for spelling in spellings:
            value = value.replace(spelling, HIDDEN)
        return value
    if isinstance(value, dict):
        return {
            _without(name, spellings): _without(member, spellings) for name, member in value.items()
        }
    if isinstance(value, list):
        return [_without(item, spellings) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and str(value) in spellings:
        return HIDDEN
    return value


def _spellings(value: Any) -> Iterator[str]:
    """Yield the texts and numbers in a value as they stand, and as they stand in JSON and in addresses."""
    if isinstance(value, Mapping):
        for member in value.values():
            yield from _spellings(member)
    elif isinstance(value, list):
        for item in value:
            yield from _spellings(item)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
        text = str(value)
        if len(text) >= CHARACTERS_MIN:
            yield from (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
            yield quote(text, safe="")

"""Redaction in the sandbox process: users' texts can make the search for secrets very slow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

REPLACEMENT = "***"
# A shorter text occurs where it is not the secret: its replacement would reveal more than it hides.
CHARACTERS_MIN = 4


class SecretSpellings:
    """Secrets, given as a JSON text of any shape, in every spelling of their texts and numbers."""

    def __init__(self, source: str) -> None:
        longest_first = sorted(set(_spellings(json.loads(source))), key=len, reverse=True)
        self._spellings = [(spelling, json.dumps(spelling)[1:-1]) for spelling in longest_first]

    def input_text(self, text: str) -> Iterator[Any]:
        """Yield a list with the value, `***` for each secret; None when it contains no secret."""
        value = json.loads(text)
        json_text = json.dumps(value)
        matches = [spelling for spelling, as_json in self._spellings if as_json in json_text]
        yield [_replace(value, matches)] if matches else None


def compiler() -> Callable[[str], SecretSpellings]:
    """Return the compiler of secrets, all its imports loaded: later the sandbox opens no file."""
    list(SecretSpellings('["horse"]').input_text('"a horse"'))
    return SecretSpellings


def _replace(value: Any, spellings: list[str]) -> Any:
    if isinstance(value, str):
        for spelling in spellings:
            value = value.replace(spelling, REPLACEMENT)
        return value
    if isinstance(value, dict):
        return {
            _replace(name, spellings): _replace(member, spellings) for name, member in value.items()
        }
    if isinstance(value, list):
        return [_replace(item, spellings) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and str(value) in spellings:
        return REPLACEMENT
    return value


def _spellings(value: Any) -> Iterator[str]:
    """Yield the texts and numbers of a value in plain form, and as JSON and URLs contain them."""
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

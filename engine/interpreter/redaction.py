"""Keeping secrets to themselves: wherever an error or an event would carry a secret's value, `***` stands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from engine.interpreter.faults import FaultError

HIDDEN = "***"
# A shorter text would be found where it is not the secret: replacing it would tell more than it hides.
CHARACTERS_MIN = 4


def hidden(error: FaultError, secrets: Mapping[str, Any]) -> FaultError:
    """Return the error without the values of secrets."""
    if not secrets:
        return error
    problem = error.problem
    texts = {
        name: redacted(getattr(problem, name), secrets) for name in ("type", "title", "detail", "instance")
    }
    return FaultError(replace(problem, **texts))


def redacted(value: Any, secrets: Mapping[str, Any]) -> Any:
    """Return the value with every text and number of the secrets in it replaced."""
    if not secrets:
        return value
    return _without(value, sorted(set(_spellings(secrets)), key=len, reverse=True))


def _without(value: Any, spellings: list[str]) -> Any:
    if isinstance(value, str):
        for spelling in spellings:
            value = value.replace(spelling, HIDDEN)
        return value
    if isinstance(value, dict):
        return {_without(name, spellings): _without(member, spellings) for name, member in value.items()}
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

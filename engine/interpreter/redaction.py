"""Keeping secrets to themselves: wherever an error or an event would carry a secret's value, `***` stands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from engine.interpreter.faults import FaultError
from engine.interpreter.pace import Pace

HIDDEN = "***"
# A shorter text would be found where it is not the secret: replacing it would tell more than it hides.
CHARACTERS_MIN = 4
# How fast, at the least, a text is looked through for one spelling, and one is replaced in all parts of a
# value: counted, for there is no clock here.
LOOKED_AT_PER_SECOND = 2e9
REPLACED_PER_SECOND = 2e7


@dataclass(slots=True)
class Redaction:
    """What is not to be told, in every spelling, longest first; worked out when it is first needed."""

    secrets: Mapping[str, Any]
    pace: Pace
    _spellings: list[tuple[str, str]] | None = None  # each also as it stands in JSON

    def of(self, value: Any) -> Any:
        """Return the value with every text and number of the secrets in it replaced.

        :raises ExhaustedError: when looking for all of them took more than a workflow task may take.
        """
        if not self.secrets:
            return value
        if self._spellings is None:
            longest_first = sorted(set(_spellings(self.secrets)), key=len, reverse=True)
            self._spellings = [(spelling, json.dumps(spelling)[1:-1]) for spelling in longest_first]
        text = json.dumps(value)
        self.pace.spend(len(text) * len(self._spellings) / LOOKED_AT_PER_SECOND)
        found = [spelling for spelling, written in self._spellings if written in text]
        self.pace.spend(len(text) * len(found) / REPLACED_PER_SECOND)
        return _without(value, found) if found else value

    def hidden(self, error: FaultError) -> FaultError:
        """Return the error without the values of secrets."""
        if not self.secrets:
            return error
        problem = error.problem
        texts = {name: self.of(getattr(problem, name)) for name in ("type", "title", "detail", "instance")}
        return FaultError(replace(problem, **texts))


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

"""A definition is read once for all executions of it that begin about now."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from engine.errors import InvalidError
from engine.expressions.sandbox.fair_queue import BusyError
from engine.interpreter import definition_cache, documents
from engine.interpreter.definition_cache import ENTRIES_MAX, DefinitionCache
from tests.support.interpreter.executions import HEADER

pytestmark = pytest.mark.unit


def document(value: Any = 1) -> dict[str, Any]:
    return {"document": HEADER, "do": [{"s": {"set": {"a": value}}}]}


def test_one_is_read_once_and_others_are_others() -> None:
    lately = DefinitionCache()
    first = lately.parse(document())
    assert lately.parse(document()) is first
    told = [
        lately.parse(document(value)).source["do"][0]["s"]["set"]["a"]
        for value in (True, 1.0, "1", 2)
    ]
    assert [(type(value), value) for value in told] == [
        (bool, True),
        (float, 1.0),
        (str, "1"),
        (int, 2),
    ]


def test_the_last_ones_are_kept() -> None:
    lately = DefinitionCache()
    first, second = lately.parse(document(0)), lately.parse(document(1))
    for number in range(2, ENTRIES_MAX + 1):
        assert lately.parse(document(1)) is second
        lately.parse(document(number))
    assert lately.parse(document(1)) is second
    assert lately.parse(document(0)) is not first


def test_what_cannot_be_read_is_refused_each_time() -> None:
    lately = DefinitionCache()
    for _ in range(2):
        with pytest.raises(InvalidError):
            lately.parse({"document": HEADER, "do": []})
    assert lately.parse(document()).tasks


def test_who_waits_too_long_for_others_is_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definition_cache, "WAIT_SECONDS_MAX", 0.01)
    lately, told = DefinitionCache(), []
    parse = documents.parse

    def slow(asked: Any) -> Any:
        with ThreadPoolExecutor(1) as other, pytest.raises(BusyError):
            told.append(other.submit(lately.parse, document(2)).result())
        return parse(asked)

    monkeypatch.setattr(documents, "parse", slow)
    first = lately.parse(document(1))
    assert not told
    monkeypatch.setattr(documents, "parse", parse)
    assert lately.parse(document(1)) is first
    assert lately.parse(document(2)) is not first

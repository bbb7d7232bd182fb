from __future__ import annotations

from typing import Any

import pytest

from engine.interpreter import checkpoint

pytestmark = pytest.mark.unit


def nested(levels: int) -> Any:
    value: Any = None
    for _ in range(levels):
        value = {"below": [value]}
    return value


@pytest.mark.parametrize(
    "value",
    [{"ü": [1.5, 2**63, None, "\u2028"]}, nested(120), nested(240), 2**70],
    ids=["plain", "deep", "deeper", "big"],
)
def test_a_state_is_read_as_it_was_written(value: Any) -> None:
    assert checkpoint.decode(checkpoint.encode({"a": value})) == {"a": value}

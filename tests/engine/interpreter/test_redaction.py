"""A secret's value is in no error and no event, however it is spelled; looking for it is bounded."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from engine.interpreter.faults import ExhaustedError, FaultError, Problem
from engine.interpreter.pace import Pace
from engine.interpreter.redaction import HIDDEN, Redaction
from tests.engine.interpreter.conftest import Execute

AWKWARD = 'a "quoted"\tkey/ü+1'


class Still:
    """A world in which one workflow task never ends."""

    def task_mark(self) -> int:
        return 1


def redaction(**secrets: Any) -> Redaction:
    return Redaction(secrets, Pace(Still()))  # type: ignore[arg-type]  # no more is asked of it


SPELLED = [
    AWKWARD,
    json.dumps(AWKWARD)[1:-1],
    json.dumps(AWKWARD, ensure_ascii=False)[1:-1],
    quote(AWKWARD, safe=""),
]


@pytest.mark.parametrize("spelled", SPELLED)
def test_a_secret_is_hidden_as_it_is_in_json_and_in_addresses(spelled: str) -> None:
    told = redaction(key=AWKWARD).of({f"k{spelled}": [f"at {spelled}!", 1, None]})
    assert told == {f"k{HIDDEN}": [f"at {HIDDEN}!", 1, None]}


def test_numbers_and_texts_at_any_depth_are_hidden_and_short_ones_are_not() -> None:
    hiding = redaction(login={"password": "horse", "pins": [123456, True, None, "abc"]})
    assert hiding.of({"a": [123456, "123456x", True, None, "abc", 12]}) == {
        "a": [HIDDEN, f"{HIDDEN}x", True, None, "abc", 12]
    }


def test_of_two_secrets_the_longer_one_is_hidden_whole() -> None:
    assert redaction(a="horse", b="horse battery").of("a horse battery, a horse") == f"a {HIDDEN}, a {HIDDEN}"


def test_every_member_of_an_error_is_looked_at() -> None:
    problem = Problem("https://horse.example.org", 400, "a horse", "horses", "/do/0/horse")
    told = redaction(key="horse").hidden(FaultError(problem)).problem
    assert "horse" not in str(told)
    assert told.status == 400


def test_looking_for_much_in_much_is_bounded() -> None:
    hiding = redaction(**{f"key{number}": f"value {number}" for number in range(1000)})
    big = ["x" * 10_000_000]
    with pytest.raises(ExhaustedError):
        hiding.of(big)


async def test_an_execution_that_emits_more_than_can_be_looked_through_ends(execute: Execute) -> None:
    secrets = {f"key{number}": [f"value {number} {part}" for part in range(10)] for number in range(90)}
    emit = {"emit": {"event": {"with": {"type": "t", "data": "${ .text }"}}}}
    ran = await execute(
        [{f"e{number}": {**emit, "output": {"as": "$input"}}} for number in range(40)],
        {"text": "x" * 200_000},
        secrets=secrets,
        use={"secrets": [*secrets]},
    )
    assert ran.error["detail"] == "the expressions used more time than they may without a pause"

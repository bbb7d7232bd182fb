"""No error and no event contains a secret, in any spelling; the search for it is limited."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from engine.interpreter.runtime.budget import Budget
from engine.interpreter.runtime.redaction import Redaction
from engine.language.errors import ExhaustedError, FaultError, ProblemDetails
from tests.support.interpreter.children import until_the_machine_has_time
from tests.support.interpreter.executions import Execute

HIDDEN = "***"
AWKWARD = 'a "quoted"\tkey/ü+1'


class Still:
    """A world in which one workflow task never ends."""

    def workflow_task_mark(self) -> int:
        return 1


def told(value: Any, **secrets: Any) -> Any:
    """Return what is told of a value."""
    redaction = Redaction(secrets, Budget(Still()))  # type: ignore[arg-type]  # no more is asked of it
    return until_the_machine_has_time(lambda: redaction.redact(value))


SPELLED = [
    AWKWARD,
    json.dumps(AWKWARD)[1:-1],
    json.dumps(AWKWARD, ensure_ascii=False)[1:-1],
    quote(AWKWARD, safe=""),
]


@pytest.mark.unit
@pytest.mark.parametrize("spelled", SPELLED)
def test_a_secret_is_hidden_as_it_is_in_json_and_in_addresses(spelled: str) -> None:
    value = {f"k{spelled}": [f"at {spelled}!", 1, None]}
    assert told(value, key=AWKWARD) == {f"k{HIDDEN}": [f"at {HIDDEN}!", 1, None]}


@pytest.mark.unit
def test_numbers_and_texts_at_any_depth_are_hidden_and_short_ones_are_not() -> None:
    login = {"password": "horse", "pins": [123456, True, None, "abc"]}
    assert told({"a": [123456, "123456x", True, None, "abc", 12]}, login=login) == {
        "a": [HIDDEN, f"{HIDDEN}x", True, None, "abc", 12]
    }


@pytest.mark.unit
def test_of_two_secrets_the_longer_one_is_hidden_whole() -> None:
    assert (
        told("a horse battery, a horse", a="horse", b="horse battery") == f"a {HIDDEN}, a {HIDDEN}"
    )


@pytest.mark.unit
def test_every_member_of_an_error_is_looked_at() -> None:
    problem = ProblemDetails("https://horse.example.org", 400, "a horse", "horses", "/do/0/horse")
    redaction = Redaction({"key": "horse"}, Budget(Still()))  # type: ignore[arg-type]  # as above
    shown = until_the_machine_has_time(lambda: redaction.redact_error(FaultError(problem))).problem
    assert "horse" not in str(shown)
    assert shown.status == 400


# CPython searches a short text for it at 90 ns a character: two hundred times longer than for
# another.
NEEDLE = "a" * 600 + "b" + "a" * 600
MANY = {f"key{number}": [NEEDLE + f"{number} {part}" for part in range(10)] for number in range(90)}


@pytest.mark.unit
def test_looking_for_much_in_much_is_bounded() -> None:
    with pytest.raises(ExhaustedError):
        told(["x" * 10_000_000], **{f"key{number}": f"value {number}" for number in range(1000)})


@pytest.mark.unit
def test_what_is_looked_for_slowest_is_bounded() -> None:
    with pytest.raises(ExhaustedError):
        told(["a" * 2400, {"b": "a" * 300_000}], **MANY)


@pytest.mark.unit
def test_what_has_no_secret_in_it_is_told_as_it_is() -> None:
    value = {"a": [2**70, 0.1, "ü\u2028", None, {"": True}]}
    assert told(value, key="horse") is value


@pytest.mark.stack
async def test_an_execution_that_tells_more_than_can_be_looked_through_ends(
    execute: Execute,
) -> None:
    emit = {"emit": {"event": {"with": {"type": "t", "data": "${ .text }"}}}}
    execution = await execute(
        [{"tell": emit}], {"text": "a" * 300_000}, secrets=MANY, use={"secrets": [*MANY]}
    )
    assert (
        execution.error["detail"]
        == "the search for secrets in an error or event takes more time or memory than it may"
    )


@pytest.mark.stack
async def test_an_execution_that_tells_much_beside_a_few_secrets_goes_on(execute: Execute) -> None:
    emit = {
        "emit": {"event": {"with": {"type": "t", "data": "${ .text }"}}},
        "output": {"as": "$input"},
    }
    secrets = {f"key{number}": f"the value {number}" for number in range(10)}
    listed: dict[str, Any] = {"secrets": [*secrets]}
    execution = await execute(
        [{f"tell{number}": emit} for number in range(5)],
        {"text": "x" * 200_000},
        secrets=secrets,
        use=listed,
    )
    assert execution.output == {"text": "x" * 200_000}

"""Definitions written to be slow to read, or to break what reads them: each is refused.

A reader without bounds takes minutes for them, or more than its stack.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.errors import InvalidError
from engine.expressions.jq import find_fault, parse_program
from engine.interpreter import documents
from engine.language.size_limits import NESTED_MAX
from tests.support.interpreter.executions import HEADER, Execute

SET: dict[str, Any] = {"set": "${ . }"}
DIGITS = "9" * 4_000


def document(*steps: dict[str, Any], **top: Any) -> dict[str, Any]:
    return {"document": HEADER, "do": list(steps) or [{"s": SET}], **top}


def wrap(kind: str, steps: list[dict[str, Any]]) -> dict[str, Any]:
    around: dict[str, dict[str, Any]] = {
        "do": {"do": steps},
        "for": {"for": {"in": "${ [1] }"}, "do": steps},
        "try": {
            "try": steps,
            "catch": {"retry": {"delay": "PT0.001S", "limit": {"attempt": {"count": 1}}}},
        },
        "fork": {"fork": {"branches": steps}},
        "timeout": {"do": steps, "timeout": {"after": "PT20S"}},
    }
    return around[kind]


def name(number: int) -> str:
    return f"f{99_999 - number}"


def functions(count: int, depth: int, kind: str = "do") -> dict[str, Any]:
    """Return functions; each calls the previous one, from `depth` nested tasks."""
    functions = {}
    for number in range(count):
        step = {"call": name(number + 1)} if number + 1 < count else SET
        for _ in range(depth - 1):
            step = wrap(kind, [{"s": step}])
        functions[name(number)] = step
    return {"functions": functions}


SLOW = {
    "targets": document(*({f"t{n}": {"set": {}, "then": f"u{n}"}} for n in range(15_000))),
    "targets, long": document(
        *({"ab" * 200 + str(n): {"set": {}, "then": "ba" * 200 + str(n)}} for n in range(1_000))
    ),
    "keys": document({"s": {f"k{n}": 1 for n in range(60_000)}}),
    "a long key": document({"s": {"set" * 300_000: 1}}),
    "functions": document({"s": {"call": name(0)}}, use=functions(10_000, 1)),
    "nesting by functions": document({"s": {"call": name(0)}}, use=functions(15, 18)),
    "days": document({"s": {"wait": {"days": 10**19}}}),
    "years": document({"s": SET | {"timeout": {"after": f"P{DIGITS}Y"}}}),
    "quotes": document({"s": {"set": {f"k{n}": '${ "' + '\\"' * 8_000 + " }" for n in range(30)}}}),
}


@pytest.mark.unit
@pytest.mark.parametrize("which", SLOW)
def test_it_is_refused(which: str) -> None:
    text = json.dumps(SLOW[which])
    faults = documents.check(documents.read(text, "application/json"))
    assert 1 <= len(faults) <= 50


@pytest.mark.unit
def test_a_text_that_is_never_closed_is_looked_through_once() -> None:
    program = parse_program('"' + '\\"' * 500_000)
    assert find_fault(program, frozenset()) is not None


UNHOLDABLE = [
    '{"a": 1e999}',
    '{"a": "\\ud800"}',
    '{"a": %s}' % ("9" * 400),
    "a: .inf\n",
    'a: "\\ud800"\n',
]


@pytest.mark.unit
@pytest.mark.parametrize("text", UNHOLDABLE)
def test_what_no_json_can_hold_is_unreadable(text: str) -> None:
    with pytest.raises(InvalidError) as refusal:
        documents.read(text)
    assert refusal.value.code == "definition_unreadable"


@pytest.mark.unit
@pytest.mark.parametrize("text", ['{"a": 18446744073709551616}', "a: 18446744073709551616\n"])
def test_whole_numbers_past_64_bits_are_doubles(text: str) -> None:
    number = documents.read(text)["a"]
    assert (number, type(number)) == (2.0**64, float)


@pytest.mark.stack
@pytest.mark.parametrize("kind", ["do", "for", "try", "fork", "timeout"])
async def test_steps_run_as_deep_in_one_another_as_they_may(execute: Execute, kind: str) -> None:
    deep = functions(7, NESTED_MAX // 8, kind)  # the calls are steps too
    execution = await execute(
        [{"s": {"call": name(0)}}], {"a": 1}, use=deep, output={"as": "${ [..] | last }"}
    )
    assert execution.output == {}


@pytest.mark.stack
async def test_the_deepest_steps_rest_and_go_on(execute: Execute) -> None:
    deep = functions(7, NESTED_MAX // 8, "for")
    execution = await execute([{"s": {"call": name(0)}}], {"a": 1}, use=deep, rests_every=1)
    assert execution.output == {}


@pytest.mark.stack
async def test_steps_that_stand_too_deep_by_functions_read_before_end_the_execution(
    execute: Execute,
) -> None:
    # They arrive in the alphabet's order: those that call come after those that they call, which
    # are read.
    execution = await execute([{"s": {"call": name(0)}}], {}, checked=False, use=functions(15, 10))
    assert execution.error["detail"] == "steps stand more than 64 deep in one another (stepsNested)"

"""The programs that run without jq give what jq gives: results and errors, on any document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.expressions import jq
from engine.expressions.fast_path import parse
from engine.expressions.sandbox import pool
from engine.expressions.sandbox.fair_queue import BusyError

pytestmark = pytest.mark.unit


NOW = 1_700_000_000.5
MISSES = "an error"
# Words of jq's own, which members may be called too, and what only looks like one.
WORDS = [
    "a",
    "b",
    "_c1",
    "A9",
    "if",
    "and",
    "not",
    "reduce",
    "import",
    "def",
    "null",
    "true",
    "__loc__",
    "env",
]

names = st.sampled_from(WORDS)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False, width=64)
scalars = (
    st.none()
    | st.booleans()
    | numbers
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(names | st.text("aé.$ ", max_size=3), inner)
    ),
    max_leaves=10,
)
members = names.map(lambda name: f".{name}")
indices = st.builds(
    "{}[{}]".format, st.sampled_from(["", "."]), st.integers(0, 5) | st.just(999_999_999)
)
ways = st.lists(members | indices, max_size=4).map("".join)
roots = st.sampled_from(["", "$input", "$item", "$nobody", "$ENV", "$__loc__"])
literals = st.one_of(
    st.sampled_from(["true", "false", "null", "-0", "0", "999999999999999", "-999999999999999"]),
    st.integers(-(10**15) + 1, 10**15 - 1).map(str),
    st.from_regex(r'"[A-Za-z0-9_ ,;:/.@+-]*"', fullmatch=True),
)
blanks = st.sampled_from(["", " ", "\t", "\n "])
operands = st.builds("{}{}".format, roots, ways) | literals | st.just(".")
operators = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "+", "-", "*"])
operations = st.builds("{} {} {}".format, operands, operators, operands)
texts = st.builds("{}{}{}".format, blanks, operands | operations, blanks)


@pytest.fixture(scope="module", autouse=True)
def _children() -> Iterator[None]:
    yield
    pool.get_pool().close()


def given_by(asked: jq.Program, data: Any, variables: dict[str, Any]) -> Any:
    """Return what a program gives; that it fails is one answer, whatever the words."""
    while True:
        try:
            return jq.evaluate(asked, data, variables=variables, now=NOW).value
        except (pool.ProgramError, pool.BrokenError):  # `1000000 * "text"` uses up its memory
            return MISSES
        except BusyError:
            continue


def same(one: Any, other: Any) -> bool:
    """Compare as JSON has it: true is no 1, and 1.0 is 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@settings(max_examples=300, deadline=None)
@given(text=texts, data=documents, item=documents, around=st.booleans())
@example(text=".a[0]", data={"a": None}, item=None, around=True)
@example(text=".[0]", data="text", item=None, around=False)
@example(text="$item.a", data=1, item=[1], around=False)
def test_a_plain_program_gives_what_jq_gives(text: str, data: Any, item: Any, around: bool) -> None:
    asked = jq.parse_program(f"${{{text}}}" if around else text)
    variables = {"input": data, "item": item}
    by_jq = given_by(jq.Program(asked.text, asked.names, None), data, variables)
    assert same(given_by(asked, data, variables), by_jq), json.dumps([asked.text, data, item])


@settings(max_examples=300, deadline=None)
@given(symbol=operators, left=scalars, right=scalars)
@example(symbol="==", left=True, right=1)
@example(symbol="==", left=1.0, right=1)
@example(symbol="<", left=None, right=False)
@example(symbol="+", left=None, right=1)
@example(symbol="+", left=2**53, right=1)
@example(symbol="*", left=2**40, right=2**40)
@example(symbol="*", left=0, right=-1)
@example(symbol="*", left="ab", right=0)
@example(symbol="-", left=2**53 - 1, right=-1)
def test_an_operator_gives_what_jq_gives(symbol: str, left: Any, right: Any) -> None:
    asked, data = jq.parse_program(f".left {symbol} .right"), {"left": left, "right": right}
    assert asked.fast_path is not None
    by_jq = given_by(jq.Program(asked.text, asked.names, None), data, {})
    assert same(given_by(asked, data, {}), by_jq), json.dumps([asked.text, data])


@pytest.mark.parametrize("text", [".a * 2", '.state == "open"', "$item.n >= .most", '"a b" + .c'])
def test_one_operator_between_plain_values_needs_no_jq(text: str) -> None:
    assert parse(text) is not None


@pytest.mark.parametrize(
    "text", [".a", "$input.a.b", ".[3]", "$item[0].x", ".", '"a b"', "-7", "null"]
)
def test_such_a_program_needs_no_jq(text: str) -> None:
    assert parse(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        ".a?",
        ".a|.b",
        ".[-1]",
        ".[1:]",
        '.["a"]',
        "..",
        '"\\(1)"',
        "1e3",
        "$a b",
        ". .a",
        ".a * 2 + 1",
        ".a / 2",
        ".a-1",
    ],
)
def test_any_other_is_left_to_jq(text: str) -> None:
    assert parse(text) is None

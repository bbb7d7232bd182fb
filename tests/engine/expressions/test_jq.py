from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.expressions import jq
from engine.expressions.fast_path import SlowPathError, parse
from engine.expressions.sandbox import pool
from engine.expressions.sandbox.fair_queue import BusyError, Waiter
from tests.support.interpreter.children import unread_bytes, until_the_machine_has_time

pytestmark = pytest.mark.unit

NOW = 1_700_000_000.5


@pytest.fixture(scope="module", autouse=True)
def _children() -> Iterator[None]:
    yield
    pool.get_pool().close()


@pytest.fixture
def one() -> Iterator[pool.Pool]:
    """A pool of one child."""
    fresh = pool.Pool(1)
    yield fresh
    fresh.close()


def idle(one: pool.Pool) -> Any:
    """Return the child of a pool that has one and does nothing."""
    (child,) = one._queue._free  # noqa: SLF001 - children are not for callers
    assert child is not None
    return child


def evaluate(text: str, data: Any = None, **variables: Any) -> Any:
    return jq.evaluate(jq.parse_program(text), data, variables=variables, now=NOW).value


@pytest.mark.parametrize(
    ("text", "data", "value"),
    [
        (".a + 1", {"a": 1}, 2),
        ("${ .a + 1 }", {"a": 1}, 2),
        (".[] | select(. > 1)", [1, 2, 3], 2),
        ("empty", 1, None),
        ("[limit(3; repeat(1))]", None, [1, 1, 1]),
        ("now", None, NOW),
        ("$ENV", None, {}),
        ('. as {env: $e} | {env: "mine", input: $e}', {"env": 1}, {"env": "mine", "input": 1}),
        ('"a\\(.b)"', {"b": "c"}, "ac"),
        (". # a comment", 5, 5),
        ('.["é"]', {"é": "ü"}, "ü"),
    ],
)
def test_the_first_output_of_a_program_counts(text: str, data: Any, value: Any) -> None:
    assert evaluate(text, data) == value


def test_variables_are_bound_by_name() -> None:
    assert evaluate("[$item, $index, .]", "in", item={"a": 1}, index=3) == [{"a": 1}, 3, "in"]


@pytest.mark.parametrize(
    "text",
    [
        "env",
        "input",
        "inputs",
        "debug",
        "debug(1)",
        "stderr",
        "input_filename",
        "halt",
        "halt_error",
        '"a" | halt_error(1)',
        "input_line_number",
        "modulemeta",
        '"\\(env)"',
        "(env)",
        "1 | 2, env",
    ],
)
def test_what_reaches_outside_the_program_is_not_there(text: str) -> None:
    with pytest.raises(pool.ProgramError, match="not available"):
        evaluate(f"[{text}]", 1)


@pytest.mark.parametrize(
    "text",
    ['import "a" as a; 1', 'include "a"; 1', ". | $__prog_args", "nosuch", ".[", "1) | (env",
     'import "/etc/passwd" as $d {search: "/"}; $d', ") as $x | ("],
)  # fmt: skip
def test_no_program_breaks_out_of_its_wrapper(text: str) -> None:
    with pytest.raises(pool.ProgramError):
        evaluate(text, 1)


def test_a_child_knows_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDAPI_CANARY", "secret")
    fresh = pool.Pool(1)
    try:
        assert fresh.evaluate("$ENV | keys", None).value in (
            ["TZ"],
            ["LC_CTYPE", "TZ"],
        )  # Python's
    finally:
        fresh.close()


BOMBS = [
    "last(range(infinite))",
    "[range(infinite)]",
    "def f: f; f",
    "def f: [f]; f",
    "def f: 1 + f; f",
    'reduce range(100) as $i ("x"; . + .)',
    '"x" * 1000000000',
    "[limit(100000000; repeat(0))]",
    "reduce range(1000000) as $i (null; [.]) | tojson",
    "[range(3000) | tostring] | combinations(9) | length | select(. == 0)",
    '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!" | test("^(a+)+$")',
    "until(false; .)",
    "[recurse(.)] ",
]


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_breaks_its_child_or_fails_and_the_next_program_runs(bomb: str) -> None:
    with pytest.raises((pool.BrokenError, pool.ProgramError)):
        until_the_machine_has_time(lambda: evaluate(bomb))
    assert until_the_machine_has_time(lambda: evaluate(".a + 1", {"a": 1})) == 2


def test_a_result_past_the_limit_is_an_error_and_the_child_stays(one: pool.Pool) -> None:
    one.evaluate("1", None)
    child = idle(one)
    with pytest.raises(pool.ProgramError, match="larger than"):
        one.evaluate('"x" * 1100000', None)
    assert idle(one) is child


def test_a_child_that_was_killed_while_idle_is_replaced(one: pool.Pool) -> None:
    one.evaluate("1", None)
    child = idle(one)
    child._process.kill()  # noqa: SLF001 - no caller can kill a child
    child._process.wait()  # noqa: SLF001 - same
    assert one.evaluate("2", None).value == 2


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGSTOP])
def test_a_child_that_the_system_stops_is_no_fault_of_its_program(
    one: pool.Pool, signum: int
) -> None:
    one.evaluate("1", None)
    child = idle(one)
    os.kill(child._process.pid, signal.SIGSTOP)  # noqa: SLF001 - the machine has no time for it
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(one.evaluate, "2", None)
        # The pool may replace a child up to the moment it writes to it.
        while not unread_bytes(child):
            time.sleep(0)
        os.kill(child._process.pid, signum)  # noqa: SLF001 - no caller can kill a child
        with pytest.raises(BusyError):
            asked.result()
    assert one.evaluate("3", None).value == 3


def test_no_free_child_is_no_fault_of_the_program(one: pool.Pool) -> None:
    other: Waiter[Any] = Waiter("another account")
    one._queue.take(other, 0)  # noqa: SLF001 - held for as long as the test says
    with pytest.raises(BusyError):
        one.evaluate("1", None)
    one._queue.leave(other, None)  # noqa: SLF001 - same
    assert one.evaluate("1", None).value == 1


def test_how_each_evaluation_ended_is_told(one: pool.Pool) -> None:
    told: list[tuple[str, str]] = []
    one.observer = lambda kind, result, _seconds: told.append((kind, result))
    until_the_machine_has_time(lambda: one.evaluate("1", None))
    for program in ("error", BOMBS[0]):
        with pytest.raises((pool.BrokenError, pool.ProgramError)):
            until_the_machine_has_time(partial(one.evaluate, program, None))
    results = [result for _, result in told if result != "busy"]
    assert results == ["value", "error", "killed"]
    assert {kind for kind, _ in told} == {"jq"}


def test_a_child_inherits_no_file_of_ours(one: pool.Pool) -> None:
    read, write = os.pipe()
    os.set_inheritable(write, True)
    try:
        one.evaluate("1", None)
        pid = idle(one)._process.pid  # noqa: SLF001 - not for callers
        files = sorted(Path(f"/proc/{pid}/fd").iterdir())
        assert [file.name for file in files[:3]] == ["0", "1", "2"]
        assert [str(file.readlink()) for file in files[3:]] == [f"/proc/{pid}/statm"], (
            "its own size"
        )
    finally:
        os.close(read)
        os.close(write)


KEYS = st.sampled_from(["a", "b", "_c1", "if"])
SCALARS = st.none() | st.booleans() | st.integers(-(2**50), 2**50) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
NAMED = KEYS.map(lambda key: f".{key}")
NUMBERED = st.integers(0, 3).map(lambda index: f"[{index}]")
STEPS = st.lists(NAMED | NUMBERED, min_size=1, max_size=3)
TEXTS = st.from_regex(r"[a-z ,;:/.@+-]{0,9}", fullmatch=True)


@settings(max_examples=150, deadline=None)
@given(data=VALUES, variable=VALUES, steps=STEPS, root=st.sampled_from(["", "$input"]))
def test_a_plain_path_is_what_it_is_in_jq(
    data: Any, variable: Any, steps: list[str], root: str
) -> None:
    path = "".join(steps)
    text = root + path if root or path.startswith(".") else f".{path}"
    fast_path = parse(text)
    assert fast_path is not None
    program = jq.Program(text, frozenset({"input"}), None)
    try:
        expected = jq.evaluate(program, data, variables={"input": variable}, now=NOW).value
    except pool.ProgramError:
        with pytest.raises(SlowPathError):
            fast_path.evaluate(data, {"input": variable})
    else:
        assert fast_path.evaluate(data, {"input": variable}) == expected


@settings(max_examples=60, deadline=None)
@given(
    value=st.booleans()
    | st.none()
    | st.integers(-(10**14), 10**14)
    | st.from_regex(r"[a-z ,;:/.@+-]{0,9}", fullmatch=True)
)
def test_a_plain_literal_means_what_it_means_in_jq(value: Any) -> None:
    text = json.dumps(value)
    fast_path = parse(text)
    assert fast_path is not None
    program = jq.Program(text, frozenset(), None)
    assert fast_path.evaluate(None, {}) == jq.evaluate(program, None, variables={}, now=NOW).value

"""A sandbox process parses large YAML as small YAML, or the refusal states an alternative."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import EngineError
from engine.expressions.sandbox import pool, yaml_worker
from engine.interpreter import documents
from engine.interpreter.constructs import external_resources
from engine.language.errors import FaultError
from engine.language.json_and_yaml import LOCAL_CHARACTERS_MAX
from tests.support.interpreter.children import until_the_machine_has_time

pytestmark = pytest.mark.unit

FILLED = "# " + "x" * LOCAL_CHARACTERS_MAX + "\n"


def read(text: str) -> Any:
    return until_the_machine_has_time(lambda: documents.read(text, "application/yaml"))


def refusal(text: str) -> tuple[str, str]:
    with pytest.raises(EngineError) as refused:
        read(text)
    (fault,) = refused.value.faults
    return refused.value.code, fault.detail


ALIKE = [
    "a: &x [1, 1.5, on, 0o17, 2024-01-01, ~, 18446744073709551616]\nb: *x\n",
    "? complex\n: |\n  text\n  more\nc: 'ü \U0001f389'\n",
]


@pytest.mark.parametrize("text", ALIKE)
def test_a_child_reads_as_the_worker_does(text: str) -> None:
    assert read(FILLED + text) == read(text)


WRONG = [
    "a: 1\na: 2\n",
    "a: [}",
    "a: .nan\n",
    "a: !!python/object/apply:os.system [ls]\n",
    "- " * 100 + "a",
    "a: &a [*a]\n",
    'a: "\\ud800"\n',
]


@pytest.mark.parametrize("text", WRONG)
def test_a_child_refuses_as_the_worker_does(text: str) -> None:
    (code, detail), (other, same) = refusal(text), refusal(text + FILLED)
    assert (code, detail) == (other, same)
    assert code == "definition_unreadable"


def test_a_small_text_that_is_huge_when_it_is_written_out_is_refused() -> None:
    rows = [f"a: &a '{'x' * 8_000}'"]
    rows += [
        f"{name}: &{name} [{', '.join([f'*{before}'] * 20)}]"
        for before, name in zip("abc", "bcd", strict=True)
    ]
    assert refusal("\n".join(rows))[1] == f"more than {yaml_worker.CHARACTERS_MAX} characters"


def test_text_of_a_megabyte_is_read() -> None:
    assert read("# " + "x" * 500_000 + "\na: '" + "x" * 500_000 + "'\n") == {"a": "x" * 500_000}


def test_yaml_that_takes_too_long_is_refused_and_json_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed:
        def evaluate(self, _source: str, _text: str) -> Any:
            raise pool.BrokenError

    monkeypatch.setattr(pool, "get_pool", lambda _kind: Killed())
    assert "as JSON it does not" in refusal(FILLED + "a: 1\n")[1]


def test_of_yaml_that_is_fetched_a_workflow_task_reads_less() -> None:
    with pytest.raises(FaultError) as failed:
        external_resources._parse("a: " + "x" * external_resources.YAML_CHARACTERS_MAX, "function")  # noqa: SLF001
    assert failed.value.problem.detail is not None
    assert "As YAML it may have 131072 characters" in failed.value.problem.detail

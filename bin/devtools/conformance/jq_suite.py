"""Run jq's own test suite on the engine: `python -m bin.devtools.conformance.jq_suite PATH`.

PATH is a file in the format of jq's `tests/jq.test`: a program, an input, the outputs, a blank
line. After `%%FAIL` come a program that must not compile, and the message. An expression of the
engine returns its first output, or null, so only a case's first output is compared. The engine
refuses programs that read anything outside of their input; these cases are counted apart.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.expressions import jq
from engine.expressions.sandbox import pool

NOW = 1_700_000_000.0
OUTSIDE = ("not available in expressions", "is not available")
MODULES = ("import ", "include ", "modulemeta", "$__prog_args", "get_search_list")


@dataclass(frozen=True, slots=True)
class Case:
    """A case of the suite; one whose program fails has no outputs."""

    line: int
    program: str
    fails: bool
    input: str = "null"
    outputs: tuple[str, ...] = ()


def cases(path: Path) -> Iterator[Case]:
    """Read the cases of a suite."""
    block: list[str] = []
    fails, first = False, 0
    for number, line in enumerate([*path.read_text(encoding="utf-8").splitlines(), ""], 1):
        if line.lstrip().startswith("#"):
            continue
        if line.startswith("%%FAIL"):
            fails = True
        elif line.strip():
            first = first if block else number
            block.append(line)
        elif block:
            yield _case(first, block, fails=fails)
            block, fails = [], False


def verdict(case: Case) -> str:
    """Return `passed`, `refused` for a program that the engine does not allow, or the error."""
    program = jq.parse_program(case.program)
    why = jq.find_fault(program, frozenset())
    if why is not None:
        if any(phrase in why for phrase in OUTSIDE) or any(
            name in case.program for name in MODULES
        ):
            return "refused"
        return "passed" if case.fails else f"does not compile: {why}"
    if case.fails:
        return "compiles, and should not"
    return _run(program, case)


def _run(program: jq.Program, case: Case) -> str:
    try:
        data = json.loads(case.input.removeprefix("\ufeff"))
    except ValueError:
        return "refused"  # jq's own extensions of JSON, such as nan, are no data of a workflow
    try:
        output = jq.evaluate(program, data, variables={}, now=NOW).value
    except (pool.ProgramError, pool.BrokenError) as error:
        if any(phrase in str(error) for phrase in OUTSIDE):
            return "refused"
        return "passed" if not case.outputs else f"fails: {error}"
    reference = _read(case.outputs[0]) if case.outputs else None
    return "passed" if output == reference else f"gives {_short(output)}, not {_short(reference)}"


def main() -> int:
    """Run the suite; print the failures and the counts."""
    parser = argparse.ArgumentParser(
        prog="python -m bin.devtools.conformance.jq_suite", description=__doc__
    )
    parser.add_argument("path", type=Path, help="jq's tests/jq.test")
    parser.add_argument("--expect", type=int, default=0, help="fail when fewer cases pass")
    options = parser.parse_args()
    counts = {"passed": 0, "refused": 0, "failed": 0}
    for case in cases(options.path):
        result = verdict(case)
        counts[result if result in counts else "failed"] += 1
        if result not in counts:
            print(f"{case.line}: {case.program[:90]}\n      {result}")
    total = sum(counts.values())
    print(
        f"{counts['passed']}/{total} passed, {counts['refused']} refused, {counts['failed']} failed"
    )
    return 0 if total and counts["passed"] >= options.expect else 1


def _case(first: int, block: list[str], *, fails: bool) -> Case:
    program, *rest = block
    if fails:
        return Case(first, program, fails=True)
    return Case(first, program, fails=False, input=rest[0], outputs=tuple(rest[1:]))


def _read(text: str) -> Any:
    """Return jq's own reading of an expected output."""
    literal = jq.parse_program(f"{json.dumps(text.removeprefix(chr(0xFEFF)))} | fromjson")
    return jq.evaluate(literal, None, variables={}, now=NOW).value


def _short(value: Any) -> str:
    return json.dumps(value)[:90]


if __name__ == "__main__":
    sys.exit(main())

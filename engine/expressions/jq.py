"""jq programs of definitions: parsing, checking, and evaluation on a fast path or in a sandbox."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.expressions import fast_path
from engine.expressions.fast_path import FastPath, SlowPathError
from engine.expressions.sandbox import pool
from engine.expressions.sandbox.pool import ProgramOutput

# Functions that reach outside the program: files, the process, other inputs. `now` is not refused:
# it is the time of the workflow.
REFUSED = (
    "env", "input", "inputs", "debug", "stderr", "input_filename", "input_line_number", "halt",
    "halt_error", "get_search_list", "modulemeta", "import", "include",
)  # fmt: skip
_TWO_ARITIES = ("debug", "halt_error")
_SHADOWED = [name for name in REFUSED if name not in {"import", "include"}]
_PRELUDE = "".join(
    f'def {name}: error("{name} is not available"); ' for name in _SHADOWED
) + "".join(f'def {name}(f): error("{name} is not available"); ' for name in _TWO_ARITIES)

_EXPRESSION = re.compile(r"\s*\$\{(?P<program>.*)\}\s*", re.DOTALL)
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)", re.ASCII)
# An unclosed string ends with the text. Otherwise the search restarts at each quote in it, without
# end.
_STRING = re.compile(r'"(?:\\.|[^"\\])*"?|#[^\n]*', re.DOTALL)
_WORD = re.compile(r"(?<![.\w$@])([a-z_]+)\b(?!\s*:)", re.ASCII)
_ENVIRONMENT = re.compile(r"\$ENV\b")


@dataclass(frozen=True, slots=True)
class Program:
    """jq program; `names` are the variables that it mentions."""

    text: str
    names: frozenset[str]
    fast_path: FastPath | None = field(compare=False)


def parse_program(text: str) -> Program:
    """Return the program in a text, bare or as `${ … }`."""
    inner = unwrap(text)
    text = text if inner is None else inner
    return Program(text, frozenset(_VARIABLE.findall(text)), fast_path.parse(text))


def unwrap(text: str) -> str | None:
    """Return the text between `${` and `}` when they enclose the whole text, or None."""
    match = _EXPRESSION.fullmatch(text)
    return match["program"].strip() if match else None


def evaluate(
    program: Program, data: Any, *, variables: Mapping[str, Any], now: float
) -> ProgramOutput:
    """Evaluate a program on `data`; the sandbox receives only the variables that it names.

    :raises pool.ProgramError: when the program fails.
    :raises pool.BrokenError: when the program exceeds its limits of time or memory.
    """
    if program.fast_path is not None:
        try:
            return ProgramOutput(program.fast_path.evaluate(data, variables))
        except SlowPathError:
            pass
    bound_variables = {name: variables[name] for name in sorted(program.names & variables.keys())}
    # A program that does not use the time has the same input on each attempt: the cache can answer.
    time = now if "now" in program.text else 0
    source = _source(program.text, tuple(bound_variables))
    return pool.get_pool().evaluate(source, [data, bound_variables, time])


def find_fault(program: Program, names: frozenset[str]) -> str | None:
    """Return why a program is not accepted where the variables `names` exist, or None."""
    if program.fast_path is not None and program.names <= names:
        return None
    # Strings contain calls only in interpolations, which the prelude refuses at run time.
    bare = _STRING.sub('""', program.text)
    for word in _WORD.findall(bare):
        if word in REFUSED:
            return f"{word} is not available in expressions"
    if _ENVIRONMENT.search(bare):
        return "$ENV is not available in expressions"
    try:
        pool.get_pool().check(_source(program.text, tuple(sorted(program.names & names))))
    except pool.ProgramError as error:
        return _first_line(str(error))
    except pool.BrokenError:
        return "the expression takes too long to compile"
    return None


def _source(text: str, names: tuple[str, ...]) -> str:
    """Return source that binds the variables from the input: one compilation serves all values."""
    bindings = "".join(f"$__given.{name} as ${name} | " for name in names)
    return (
        f"{_PRELUDE}. as [$__data, $__given, $__now] | def now: $__now; {{}} as $ENV | "
        f"{bindings}$__data | ({text}\n)"  # the newline ends a comment
    )


def _first_line(message: str) -> str:
    """Return the first line of jq's report; the others repeat our own wrapper."""
    return message.removeprefix("jq: error: ").split(" at <top-level>")[0].splitlines()[0]

"""A jq program of a definition: what it says, which variables it names, and how it is run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.expressions.fast_path import NotPlainError, Plain, plain
from engine.expressions.sandbox import pool
from engine.expressions.sandbox.pool import ProgramOutput

# What reaches outside the program: files, the process, other inputs. `now` is the workflow's time.
REFUSED = (
    "env", "input", "inputs", "debug", "stderr", "input_filename", "input_line_number", "halt",
    "halt_error", "get_search_list", "modulemeta", "import", "include",
)  # fmt: skip
_TWO_ARITIES = ("debug", "halt_error")
_SHADOWED = [name for name in REFUSED if name not in {"import", "include"}]
_PRELUDE = "".join(
    f'def {name}: error("{name} is not available"); ' for name in _SHADOWED
) + "".join(f'def {name}(f): error("{name} is not available"); ' for name in _TWO_ARITIES)

_WRAPPED = re.compile(r"\s*\$\{(?P<program>.*)\}\s*", re.DOTALL)
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)", re.ASCII)
# A string that is never closed ends with the text: looked for again from each quote in it, it takes for ever.
_STRING = re.compile(r'"(?:\\.|[^"\\])*"?|#[^\n]*', re.DOTALL)
_WORD = re.compile(r"(?<![.\w$@])([a-z_]+)\b(?!\s*:)", re.ASCII)
_ENVIRONMENT = re.compile(r"\$ENV\b")


@dataclass(frozen=True, slots=True)
class Program:
    """One jq program; `names` are the variables it mentions."""

    text: str
    names: frozenset[str]
    native: Plain | None = field(compare=False)


def program(text: str) -> Program:
    """Return the program a text holds, bare or as `${ … }`."""
    inner = unwrapped(text)
    text = text if inner is None else inner
    return Program(text, frozenset(_VARIABLE.findall(text)), plain(text))


def unwrapped(text: str) -> str | None:
    """Return what stands between `${` and `}` when that is the whole text."""
    match = _WRAPPED.fullmatch(text)
    return match["program"].strip() if match else None


def evaluate(
    asked: Program, data: Any, *, variables: Mapping[str, Any], now: float
) -> ProgramOutput:
    """Run a program on `data`; only the variables it names travel to the child.

    :raises pool.ProgramError: when it fails.
    :raises pool.BrokenError: when it breaks its budget.
    """
    if asked.native is not None:
        try:
            return ProgramOutput(asked.native.follow(data, variables))
        except NotPlainError:
            pass  # jq says what is wrong
    given = {name: variables[name] for name in sorted(asked.names & variables.keys())}
    # Who does not ask for the time is not told: a task that is tried again then asks for the same.
    told = now if "now" in asked.text else 0
    return pool.shared().evaluate(_source(asked.text, tuple(given)), [data, given, told])


def refusal(asked: Program, names: frozenset[str]) -> str | None:
    """Return why a program cannot be accepted where the variables `names` exist, or None."""
    if asked.native is not None and asked.names <= names:
        return None
    # Strings hold no calls but for interpolations, which the shadowing prelude guards at run time.
    bare = _STRING.sub('""', asked.text)
    for word in _WORD.findall(bare):
        if word in REFUSED:
            return f"{word} is not available in expressions"
    if _ENVIRONMENT.search(bare):
        return "$ENV is not available in expressions"
    try:
        pool.shared().check(_source(asked.text, tuple(sorted(asked.names & names))))
    except pool.ProgramError as error:
        return _shortened(str(error))
    except pool.BrokenError:
        return "the expression takes too long to compile"
    return None


def _source(text: str, names: tuple[str, ...]) -> str:
    """Bind variables from the input, so that a program compiles once whatever their values are."""
    bound = "".join(f"$__given.{name} as ${name} | " for name in names)
    return (
        f"{_PRELUDE}. as [$__data, $__given, $__now] | def now: $__now; {{}} as $ENV | "
        f"{bound}$__data | ({text}\n)"  # a comment may end it, and its own first line is the first
    )


def _shortened(message: str) -> str:
    """Keep the first line of jq's report: what follows repeats our own wrapper."""
    return message.removeprefix("jq: error: ").split(" at <top-level>")[0].splitlines()[0]

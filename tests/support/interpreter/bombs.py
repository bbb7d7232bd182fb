"""Hostile programs, schemas and documents, and what must happen to each.

* `refused`: the parser refuses the definition.
* `ended`: it exceeds its budget, which ends the execution; no `catch` may catch that.
* `error`: an error of the language, which a `catch` may catch.
* `harmless`: its value reveals nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

REFUSED, ENDED, ERROR, HARMLESS = "refused", "ended", "error", "harmless"

DEEP_SCHEMA: dict[str, Any] = {
    "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
}
DEEP_SCHEMA["$defs"]["d40"] = {"type": "null"}
DEEP_SCHEMA["$ref"] = "#/$defs/d0"


@dataclass(frozen=True, slots=True)
class Bomb:
    """Tasks with their input, and their only allowed outcome."""

    name: str
    outcome: str
    steps: list[dict[str, Any]]
    data: Any = None
    value: Any = None  # of a harmless one


def program(name: str, outcome: str, text: str, *, data: Any = None, value: Any = None) -> Bomb:
    """Return a task whose output is a program's."""
    return Bomb(name, outcome, [{"bomb": {"set": {"x": "${ " + text + " }"}}}], data, {"x": value})


def schema(name: str, outcome: str, text: dict[str, Any], data: Any) -> Bomb:
    """Return a task whose input must match a schema."""
    transform = {"schema": {"format": "json", "document": text}}
    return Bomb(name, outcome, [{"bomb": {"input": transform, "set": {"x": 1}}}], data, {"x": 1})


BOMBS = [
    # Time
    program("endless range", ENDED, "last(range(infinite))"),
    program("endless until", ENDED, "until(false; .)"),
    program("endless while", ENDED, "last(while(true; .))"),
    program("endless repeat", ENDED, "last(repeat(.))"),
    program("endless recurse", ENDED, "last(recurse(.))"),
    program("endless tail call", ENDED, "def f: f; f"),
    program("endless reduce", ENDED, "reduce range(infinite) as $i (0; . + 1)"),
    program("endless foreach", ENDED, "last(foreach range(infinite) as $i (0; . + 1))"),
    program(
        "endless label", ENDED, "label $out | repeat(.) | if . == 1 then break $out else empty end"
    ),
    program("endless limit", ENDED, "last(limit(infinite; repeat(1)))"),
    program("endless error handling", ENDED, 'def f: try error("x") catch f; f'),
    program("endless first", ENDED, "first(repeat(.) | select(. == 1))"),
    program("endless any", ENDED, "any(repeat(.); . == 1)"),
    program("busy sort", ENDED, "[range(3000000)] | sort_by(-.) | length"),
    program(
        "fibonacci", ENDED, "def f: if . < 2 then . else ((. - 1) | f) + ((. - 2) | f) end; 45 | f"
    ),
    program(
        "hanoi", ENDED, "def h: if . == 0 then 0 else ((. - 1) | h) + ((. - 1) | h) + 1 end; 40 | h"
    ),
    program("combinations", ENDED, "[range(3000)] | [., .] | first(combinations | select(false))"),
    program(
        "all paths again and again",
        ENDED,
        "[range(9999)] | last(range(9999) as $i | [paths] | length)",
    ),
    # Memory
    program("all numbers", ENDED, "[range(infinite)] | length"),
    program("all strings", ENDED, "[range(infinite) | tostring] | length"),
    program("doubled string", ENDED, 'reduce range(40) as $i ("x"; . + .) | length'),
    program("doubled array", ENDED, "reduce range(40) as $i ([1]; . + .) | length"),
    program(
        "doubled object",
        ENDED,
        "last(range(infinite) as $i | reduce range(infinite) as $k ({}; .[$k | tostring] = .))",
    ),
    program("multiplied string", REFUSED, '"x" * 1000000000 | length'),
    program("multiplied text of the data", ENDED, ". * 1000000000 | length", data="x"),
    program("far index", ERROR, "[] | .[1000000000] = 1 | length"),
    program("far slice", ENDED, "[limit(100000000; repeat(0))] | length"),
    program("exploded string", ENDED, '("x" * 30000000) | explode | length'),
    program(
        "joined strings",
        ENDED,
        '[range(3000000) | "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"] | join(",") | length',
    ),
    # Stack
    program("deep recursion", ENDED, "def f: 1 + f; f"),
    program("deep arrays", ENDED, "def f: [f]; f"),
    program("deep closures", ENDED, "def f(g): f(g | g); f(.)"),
    program("deep value", ENDED, "reduce range(100000) as $i (null; [.])"),
    program("deep text", ERROR, '("[" * 20000) | fromjson'),
    program(
        "deep value as text", ENDED, "reduce range(1000000) as $i (null; [.]) | tojson | length"
    ),
    program("deep program", HARMLESS, "(" * 8000 + "1" + ")" * 8000, value=1),
    # Regular expressions
    program("nested quantifier", ENDED, '("a" * 40 + "!") | test("^(a+)+$")'),
    program("alternatives", ENDED, '("a" * 40 + "!") | test("^(a|a)*$")'),
    program("overlapping quantifiers", ENDED, '("x" * 3000) | test("(x+x+)+y")'),
    program("stars in stars", ENDED, '("a" * 30000) | test("(a*)*(a*)*(a*)*[^a]$")'),
    program("empty matches", ENDED, '("a" * 1000000) | [match(""; "g")] | length'),
    program("a huge repeat", HARMLESS, '"a" | test("(((a{100}){100}){100}){100}")', value=False),
    # Big numbers
    program("huge exponent", HARMLESS, "1e1000000000 > 1e300", value=True),
    program("huge power", HARMLESS, "pow(10; 1e9) > 1", value=True),
    program("long digits", ERROR, '("9" * 900000) | tonumber | error'),
    program("huge date", ERROR, "1e300 | todate"),
    program("huge format", ERROR, '1e18 | strftime("%A" * 100000)'),
    # Access to the process
    program("environment", REFUSED, "env"),
    program("environment as variable", REFUSED, "$ENV"),
    program("environment in a string", ERROR, '"\\(env)"'),
    program("environment by its other name", REFUSED, "$__prog_args"),
    program("next input", REFUSED, "input"),
    program("all inputs", REFUSED, "[inputs]"),
    program("input in a string", ERROR, '"\\(input)"'),
    program("halt", REFUSED, "halt"),
    program("halt with error", REFUSED, '"x" | halt_error'),
    program("halt with code", REFUSED, '"x" | halt_error(1)'),
    program("halt in a string", ERROR, '"\\(halt)"'),
    program("import of a module", REFUSED, 'import "a" as a; a::b'),
    program("import of a file", REFUSED, 'import "/etc/passwd" as $d {search: "/"}; $d'),
    program("include", REFUSED, 'include "a"; 1'),
    program("debug", REFUSED, "debug"),
    program("standard error", REFUSED, "stderr"),
    program("file name", REFUSED, "input_filename"),
    program("module meta", REFUSED, '"a" | modulemeta'),
    program("our wrapper's end", REFUSED, "1) | (env"),
    program("our wrapper's variables", HARMLESS, "[$__loc__.line] | length", value=1),
    program("secrets of the pool", ERROR, '"/proc/self/environ" | getpath(["a"])'),
    # Output
    program("huge output", ERROR, '[range(20000) | "x" * 100]'),
    program("huge text", ERROR, '"x" * 2000000'),
    program("many outputs", HARMLESS, "range(infinite)", value=0),
    program("huge error", ERROR, '("x" * 2000000) | error'),
    Bomb(
        "one value many times",
        ERROR,
        [{"bomb": {"set": {f"k{n}": "${ . }" for n in range(40)}}}],
        "x" * 50_000,
    ),
    Bomb(
        "doubled by steps",
        ERROR,
        [
            {
                "grow": {
                    "for": {"in": "${ [range(30)] }"},
                    "do": [{"twice": {"set": {"x": "${ [., .] }"}}}],
                }
            }
        ],
        "x" * 100,
    ),
    # Loops
    Bomb(
        "a loop of too many",
        ENDED,
        [{"bomb": {"for": {"in": "${ [range(100001)] }"}, "do": [{"x": {"set": {"x": 1}}}]}}],
    ),
    Bomb("a wait of decades", ENDED, [{"bomb": {"wait": {"days": 10_000}}}]),
    Bomb("a wait of centuries", REFUSED, [{"bomb": {"wait": {"days": 100_000}}}]),
    Bomb(
        "a fork of too many",
        REFUSED,
        [{"bomb": {"fork": {"branches": [{f"b{n}": {"set": {"x": 1}}} for n in range(65)]}}}],
    ),
    Bomb("steps without end", REFUSED, [{f"s{n}": {"set": {"x": 1}}} for n in range(2001)]),
    # Schemas
    schema("a schema's pattern", ENDED, {"pattern": "^(a+)+$"}, "a" * 40 + "!"),
    schema("a schema's names", ENDED, {"patternProperties": {"^(a+)+$": {}}}, {"a" * 40 + "!": 1}),
    schema("a schema of doubled references", ENDED, DEEP_SCHEMA, None),
    schema("a schema that is itself", ERROR, {"$ref": "#"}, 1),
    schema("a schema elsewhere", ERROR, {"$ref": "http://127.0.0.1/schema"}, 1),
    schema("a schema's file", ERROR, {"$ref": "file:///etc/passwd"}, 1),
    schema("a schema's huge repeat", ERROR, {"pattern": "(((a{100}){100}){100}){100}"}, "a"),
    schema(
        "a schema's many alternatives",
        ENDED,
        {"anyOf": [{"pattern": f"^(a|a)*{n}$"} for n in range(50)]},
        "a" * 40,
    ),
]

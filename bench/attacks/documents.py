"""Definitions that attackers write."""

from __future__ import annotations

HEAD = "document: {dsl: '1.0.3', namespace: bench, name: case, version: '1.0.0'}\n"
ONE_STEP = HEAD + "do:\n  - double: {set: {double: '${ .n * 2 }'}}\n"
FAULTY = HEAD + "do:\n  - double: {sets: {double: 2}}\n"
ITEMS = 110_000  # of a list, a line each: 330 KB, which a slow reader reads for seconds
PROGRAM_LENGTH = 16_000
PROGRAMS = 62  # of that length: less than 1 MiB


def dense_yaml(number: int) -> str:
    """Return a document of YAML that is one long list, a line for each item."""
    return f"{HEAD}# {number}\ndo:\n  - a: {{set: {{x: [" + "a,\n" * ITEMS + "]}}\n"


def many_programs(number: int) -> str:
    """Return a document of nearly 1 MiB of expressions, each with hundreds of functions."""
    functions = (
        f"(def f{n}: [.a{n}, .b{number}] | map(. as $x | $x); f{n})" for n in range(PROGRAM_LENGTH)
    )
    program = next(functions)
    for function in functions:
        if len(program) + len(function) > PROGRAM_LENGTH:
            break
        program += f" | {function}"
    steps = (f"  - s{n}: {{set: {{x: '${{ {program} | .n{n} }}'}}}}\n" for n in range(PROGRAMS))
    return f"{HEAD}do:\n{''.join(steps)}"


def call(arguments: str) -> str:
    """Return a document with one call, as `call: …, with: {…}` says it."""
    return f"{HEAD}do:\n  - call: {{{arguments}}}\n"


def get(port: int) -> str:
    """Return the part of a document that sends one GET to a peer."""
    return f"call: http, with: {{method: get, endpoint: 'http://127.0.0.1:{port}/'}}"


def repeat_get(port: int, times: int) -> str:
    """Return a document that sends a GET some times, one after the other, whatever comes of it."""
    attempt = f"{{try: [{{one: {{{get(port)}}}}}], catch: {{}}}}"
    each = f"{{for: {{in: '${{ [range({times})] }}'}}, do: [{{attempt: {attempt}}}]}}"
    return f"{HEAD}do:\n  - each: {each}\n"


def fork_get(port: int, branches: int) -> str:
    """Return a document that sends a GET in each branch of a fork at once."""
    lines = (
        f"          - b{n}: {{try: [{{one: {{{get(port)}}}}}], catch: {{}}}}\n"
        for n in range(branches)
    )
    return f"{HEAD}do:\n  - all:\n      fork:\n        branches:\n{''.join(lines)}"


def openapi(port: int) -> str:
    """Return a document that calls an operation of an OpenAPI document that a peer serves."""
    place = f"{{endpoint: 'http://127.0.0.1:{port}/'}}"
    return call(f"call: openapi, with: {{document: {place}, operationId: none}}")


def subscription(port: int) -> str:
    """Return a document that awaits messages of the AsyncAPI document that a peer serves."""
    place = f"{{endpoint: 'http://127.0.0.1:{port}/'}}"
    consume = "subscription: {consume: {amount: 5}}"
    return call(f"call: asyncapi, with: {{document: {place}, channel: t, {consume}}}")

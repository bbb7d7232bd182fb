"""What one attacker costs others: `python -m bench.attacks`; `bin/attack` runs it after its tests.

Each attack is that of one account within its documented limits, or of a stranger. It has a platform
of its own. Neighbours execute one step, execute one call and read their account at a steady pace,
first alone, then beside the attack. The table has the 95th percentiles of both, and how many
executions did not complete in 25 s. It also has the attacker's requests and what they took. That is
the processor time of web and of all other processes, without the neighbours' own share. It is also
the memory by which web or the Temporal worker grew. `--only` measures some attacks, `--list` says
what each tries. The exit status is 1 when an aim is missed; `--exit-zero` leaves that to the table.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Sequence

from bench.attacks import answers, calls, definitions, front_door
from bench.attacks.attacker import Attack
from bench.attacks.measurement import (
    COLUMNS,
    EXECUTION_RATIO_MAX,
    READ_RATIO_MAX,
    Outcome,
    measure,
    p95,
    row,
)
from bench.page import table
from bench.results import record

ATTACKS: dict[str, Attack] = {
    attack.__name__.replace("_", "-"): attack
    for attack in (
        definitions.low_order_executions,
        definitions.low_order_definitions,
        definitions.dense_yaml_creations,
        definitions.many_programs_creations,
        definitions.dense_yaml_validations,
        definitions.many_programs_validations,
        definitions.oversize_validations,
        calls.hanging_calls,
        calls.openapi_references,
        calls.answer_headers,
        calls.tiny_chunks,
        calls.mqtt_flood,
        calls.redis_replies,
        front_door.slow_bodies,
        front_door.idle_connections,
        front_door.large_heads,
        front_door.endless_heads,
        front_door.slow_readers,
        answers.conflicts_in_full,
        answers.agent_ids,
    )
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the chosen attacks, print the table, and say whether all aims are met."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.attacks", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--only", action="append", choices=list(ATTACKS), help="measure this one; repeatable"
    )
    parser.add_argument("--list", action="store_true", help="measure nothing: list the attacks")
    parser.add_argument("--exit-zero", action="store_true", help="exit with 0 if an aim is missed")
    options = parser.parse_args(arguments)
    names = options.only or list(ATTACKS)
    if options.list:
        print("\n".join(f"{name}: {describe(ATTACKS[name])}" for name in names))
        return
    outcomes = []
    for name in names:
        outcomes.append(outcome := measure(name, ATTACKS[name]))
        record_outcome(outcome)
        print(" | ".join(row(outcome)), flush=True)
    print(f"\n{table(COLUMNS, [row(outcome) for outcome in outcomes])}")
    for outcome in outcomes:
        if failures := outcome.alone.failures:
            print(f"{outcome.name}: no baseline; neighbours alone were answered {dict(failures)}")
        if failures := outcome.beside.failures:
            print(f"{outcome.name}: neighbours were answered {dict(failures)}")
    misses = [outcome.name for outcome in outcomes if not outcome.meets_aims]
    print(f"{len(outcomes) - len(misses)} of {len(outcomes)} attacks harm no neighbour")
    if misses and not options.exit_zero:
        sys.exit(1)


def describe(attack: Attack) -> str:
    """Return the first line of an attack's docstring."""
    return (inspect.getdoc(attack) or "").partition("\n")[0]


def record_outcome(outcome: Outcome) -> None:
    """Record a neighbour's latencies beside an attack over those alone."""
    alone, beside = outcome.alone, outcome.beside
    for claim, before, during, ratio_max in (
        ("an execution", alone.executions, beside.executions, EXECUTION_RATIO_MAX),
        ("a call", alone.calls, beside.calls, EXECUTION_RATIO_MAX),
        ("GET /api/auth/me", alone.reads, beside.reads, READ_RATIO_MAX),
    ):
        record(
            f"{claim} beside {outcome.name}, p95",
            1000 * p95(during),
            "ms",
            over="the same alone",
            baseline=1000 * p95(before),
            at_most=ratio_max,
        )


if __name__ == "__main__":
    main()

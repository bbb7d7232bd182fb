"""A timeline has each entry once, in one order, whichever workers run the execution."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from uuid_utils.compat import uuid7

from bin.devtools.conformance.in_memory_events import Broker, Memory
from engine.contracts.executions import (
    EXECUTION,
    FLUSH_TIMELINE,
    ExecutionStart,
    OpenedExecution,
    TimelineFlush,
)
from engine.contracts.pause import PAUSE_SIGNAL, PauseSignal
from engine.contracts.timeline import COUNTED_PHASES, TimelineEntry
from engine.interpreter.runtime.timeline import TimelineOutput
from engine.temporal_workflows.execution import ExecutionWorkflow
from tests.support.interpreter.executions import HEADER, CompletedExecution, Execute
from tests.support.interpreter.replays import replay
from tests.support.interpreter.rests import BRANCHES, CASES, FAIL, runs
from tests.support.interpreter.retries import OPEN, SHUT, USE, WHOLE

pytestmark = pytest.mark.stack


NAP = {"nap": {"wait": {"milliseconds": 300}}}
SET = {"set": {"n": 1}}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass(slots=True)
class Record:
    """All that was told, by execution and number."""

    told: dict[str, dict[int, list[TimelineEntry]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    def add(self, entry: TimelineEntry) -> None:
        self.told[entry.execution_id][entry.seq].append(entry)

    def of(self, execution: CompletedExecution | str) -> list[TimelineEntry]:
        """Return an execution's entries; assert that entries of one number are equal."""
        name = execution if isinstance(execution, str) else execution.settlement.execution_id
        told = self.told[name]
        assert sorted(told) == list(range(1, len(told) + 1))
        for entries in told.values():  # the time after a local activity may differ by milliseconds
            assert len({replace(entry, at=NOON) for entry in entries}) == 1, entries
        return [told[seq][0] for seq in sorted(told)]


@pytest.fixture
def record() -> Iterator[Record]:
    """Where this process' walks tell their steps during a test."""
    TimelineOutput.sink = found = Record()
    yield found
    TimelineOutput.sink = None


def happened(entries: list[TimelineEntry]) -> list[tuple[str, str, int]]:
    return [(entry.place, entry.phase, entry.attempt) for entry in entries]


@pytest.mark.parametrize("case", CASES)
async def test_an_execution_in_many_runs_tells_what_it_tells_in_one(
    execute: Execute, temporal: Client, record: Record, case: str
) -> None:
    whole = await execute(CASES[case], {"path": ["in"]})
    parts = await execute(CASES[case], {"path": ["in"]}, rests_every=1)
    assert record.of(parts)[-1].running == record.of(whole)[-1].running == ()
    if (
        "race" not in case and "fault" not in case
    ):  # where others are stopped at whatever they are at
        assert sorted(happened(record.of(parts))) == sorted(happened(record.of(whole)))
        assert record.of(parts)[-1].counts == record.of(whole)[-1].counts
    before = len(record.of(parts))
    await runs(temporal, parts.handle)  # which replays them all
    assert len(record.of(parts)) == before


async def test_what_is_told_says_how_far_the_walk_is(execute: Execute, record: Record) -> None:
    steps = [{"all": {"fork": {"branches": BRANCHES}}}, {"skip": {"if": "false", **SET}}]
    entries = record.of(await execute(steps, {}))
    running: list[str] = []
    counts = dict.fromkeys(COUNTED_PHASES, 0)
    for entry in entries:
        counts[entry.phase] += 1
        if entry.phase == "started":
            running.append(entry.place)
        elif entry.phase != "skipped":
            running.remove(entry.place)
        assert sorted(entry.running) == sorted(running)
        assert entry.counts == tuple(counts.values())
    assert entries[-1].phase == "skipped"


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        ([{"bad": {"set": {"n": "${ error }"}}}], ("/do/0", "failed", "expression")),
        ([{"bad": {"if": ". | error", **SET}}], ("/do/0", "failed", "expression")),
        ([FAIL], ("/do/0", "failed", "raised")),
        (
            [{"nap": {"wait": "PT20S", "timeout": {"after": "PT0.05S"}}}],
            ("/do/0", "failed", "timeout"),
        ),
        (
            [{"long": {"for": {"in": "[range(100001)]"}, "do": [{"s": SET}]}}],
            ("/do/0", "failed", "runtime"),
        ),
        (
            [{"outer": {"do": [NAP], "timeout": {"after": "PT0.05S"}}}],
            ("/do/0", "failed", "timeout"),
        ),
    ],
)
async def test_a_step_that_fails_says_which_kind_of_error_and_no_more(
    execute: Execute, record: Record, steps: list[dict[str, Any]], last: tuple[str, str, str]
) -> None:
    entry = record.of(await execute(steps, {}))[-1]
    assert (entry.place, entry.phase, entry.error) == last
    assert entry.running == ()


async def test_what_is_stopped_from_around_is_cancelled(execute: Execute, record: Record) -> None:
    branches = [{"slow": {"do": [{"nap": {"wait": "PT20S"}}]}}, {"quick": SET}]
    told = record.of(
        await execute([{"race": {"fork": {"compete": True, "branches": branches}}}], {})
    )
    cancelled = [entry.place for entry in told if entry.phase == "cancelled"]
    assert cancelled == ["/do/0/fork/branches/0/do/0", "/do/0/fork/branches/0"]


async def start(
    temporal: Client, broker: Broker, queue: str, steps: list[dict[str, Any]], rests_every: int
) -> WorkflowHandle[Any, Any]:
    execution_id = str(uuid7())
    document = {"document": HEADER, "do": steps}
    broker.open(execution_id, execution_id, document, {}, rests_every=rests_every)
    return await temporal.start_workflow(
        EXECUTION,
        ExecutionStart(execution_id, execution_id),
        id=f"execution:{execution_id}",
        task_queue=queue,
    )


@pytest.mark.parametrize("rests_every", [0, 1])
async def test_a_walk_that_is_paused_holds_in_all_its_branches_and_in_whichever_run(
    temporal: Client, broker: Broker, memory: Memory, queue: str, record: Record, rests_every: int
) -> None:
    nap = {"nap": {"wait": {"seconds": 2}}}  # long enough for the word to come before it ends
    branch = {"do": [nap, {"after": SET}, {"last": SET}]}
    steps = [{"both": {"fork": {"branches": [{"a": branch}, {"b": branch}]}}}]
    handle = await start(temporal, broker, queue, steps, rests_every)
    execution_id = handle.id.partition(":")[2]
    while sum(entry.phase == "started" for entry in record.of(execution_id)) < 5:
        await handle.query("trail")
    await handle.signal(PAUSE_SIGNAL, PauseSignal(3, paused=True))
    await handle.signal(PAUSE_SIGNAL, PauseSignal(2, paused=False))  # which has been overtaken
    held: list[tuple[str, str, int]] = []
    while ("", "paused", 1) not in held or sum(phase == "completed" for _, phase, _ in held) < 2:
        await handle.query("trail")
        held = happened(record.of(execution_id))
    assert not [place for place, phase, _ in held if place.endswith("/do/1")]
    await temporal.get_workflow_handle(handle.id).signal(PAUSE_SIGNAL, PauseSignal(4, paused=False))
    await handle.result()
    assert memory.settlements[execution_id].error is None
    entries = record.of(execution_id)
    assert [entry.phase for entry in entries if not entry.place] == ["paused", "resumed"]
    assert entries[-1].counts == (9, 9, 0, 0, 0, 0)
    for run in await runs(temporal, handle):
        assert run


async def test_a_pause_before_the_first_step_is_kept_to(
    temporal: Client, broker: Broker, queue: str, record: Record
) -> None:
    execution_id = str(uuid7())
    broker.open(execution_id, execution_id, {"document": HEADER, "do": [{"s": SET}]}, {})
    handle = await temporal.start_workflow(
        EXECUTION,
        ExecutionStart(execution_id, execution_id),
        id=f"execution:{execution_id}",
        task_queue=queue,
        start_signal=PAUSE_SIGNAL,
        start_signal_args=[PauseSignal(1, paused=True)],
    )
    while not record.of(execution_id):
        await handle.query("trail")
    assert happened(record.of(execution_id)) == [("", "paused", 1)]
    await handle.signal(PAUSE_SIGNAL, PauseSignal(2, paused=False))
    await handle.result()
    await replay(await handle.fetch_history())
    assert [entry.phase for entry in record.of(execution_id)] == [
        "paused",
        "resumed",
        "started",
        "completed",
    ]


async def test_a_run_that_goes_over_to_another_leaves_no_entry_behind(
    temporal: Client, memory: Memory, record: Record
) -> None:
    execution_id, kept = str(uuid7()), []

    @activity.defn(name=FLUSH_TIMELINE)
    async def keep(told: TimelineFlush) -> None:
        kept.append(len(record.of(told.execution_id)))

    document = {"document": HEADER, "do": CASES["branches"]}
    opened = OpenedExecution("kit", 1, document, {}, execution_id, rests_every=1)
    memory.openings[execution_id] = opened
    async with Worker(
        temporal,
        task_queue=execution_id,
        workflows=[ExecutionWorkflow],
        activities=[memory.open, memory.settle, keep],
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,
    ):
        handle = await temporal.start_workflow(
            EXECUTION,
            ExecutionStart(execution_id, execution_id),
            id=f"execution:{execution_id}",
            task_queue=execution_id,
        )
        await handle.result()
    told = len(record.of(execution_id))
    histories = await runs(temporal, handle)
    assert len(kept) >= len(histories) - 1 > 3
    assert kept == sorted(kept)
    assert len(record.of(execution_id)) == told > kept[-1]


async def test_an_execution_that_goes_on_for_another_tells_which_steps_it_takes_up(
    execute: Execute, record: Record
) -> None:
    steps = WHOLE["a list in a list"]
    failed = await execute(steps, use=USE, secrets=SHUT)
    again = await execute(steps, use=USE, secrets=OPEN, left=failed.settlement.left)
    assert happened(record.of(again)) == [
        ("/do/0", "started", 1),
        ("/do/0/do/1", "skipped", 1),
        ("/do/0/do/2", "started", 1),
        ("/do/0/do/2", "completed", 1),
        ("/do/0", "completed", 1),
        ("/do/1", "started", 1),
        ("/do/1", "completed", 1),
    ]

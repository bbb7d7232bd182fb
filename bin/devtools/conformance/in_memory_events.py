"""Executions, events and schedules in memory: an event reaches its account's workflows at once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from uuid_utils.compat import uuid7

from engine.contracts.child_executions import FIND_DEFINITION, DefinitionName
from engine.contracts.events import EVENT, PUBLISH_EVENTS, Publication
from engine.contracts.executions import (
    COUNT_STEPS,
    FLUSH_TIMELINE,
    OPEN_EXECUTION,
    SETTLE_EXECUTION,
    ExecutionStart,
    OpenedExecution,
    Settlement,
    StepCount,
    TimelineFlush,
)
from engine.contracts.schedules import (
    FIRE_DUE,
    FIRE_SCHEDULE,
    OPEN_SCHEDULE,
    SCHEDULE,
    DueExecution,
    DueFiring,
    TriggerDocument,
    TriggerExecution,
    TriggerFiring,
    TriggerStart,
)
from engine.interpreter import documents as grammar
from engine.interpreter.constructs import event_types
from engine.interpreter.constructs.run_task import LATEST
from engine.language import lifecycle_events
from engine.store.schedules import Schedule
from engine.workflows.schedules import recurrence, temporal_schedules
from engine.workflows.schedules.firings import DueTime
from engine.workflows.schedules.recurrence import Plan
from engine.workflows.schedules.temporal_schedules import TemporalSchedule

SECONDS_MAX = 30


@dataclass(slots=True)
class Memory:
    """Executions without a database: their definitions, inputs and outcomes, by id."""

    openings: dict[str, OpenedExecution] = field(default_factory=dict)
    settlements: dict[str, Settlement] = field(default_factory=dict)
    saved: dict[str, dict[str, Any]] = field(default_factory=dict)  # for `run: workflow`, by id
    rests_every: int = 0  # see `OpenedExecution`; for executions that other executions run

    @activity.defn(name=FIND_DEFINITION)
    async def find(self, query: DefinitionName) -> str:
        """Return the id of the matching workflow that was saved last."""
        words = [query.namespace, query.name] + ([] if query.version == LATEST else [query.version])
        for definition_id, document in reversed(self.saved.items()):
            header = document["document"]
            if [header["namespace"], header["name"], header["version"]][: len(words)] == words:
                return definition_id
        raise ApplicationError(
            "there is no such workflow", type="configuration", non_retryable=True
        )

    @activity.defn(name=OPEN_EXECUTION)
    async def open(self, start: ExecutionStart) -> OpenedExecution:
        """Return the scenario's definition and input."""
        if start.ordered is None:
            return self.openings[start.execution_id]
        return OpenedExecution(
            "kit",
            1,
            self.saved[start.ordered.definition_id],
            start.ordered.input,
            start.account_id,
            run_depth=start.ordered.depth,
            rests_every=self.rests_every,
        )

    @activity.defn(name=SETTLE_EXECUTION)
    async def settle(self, settlement: Settlement) -> str | None:
        """Store the outcome, and answer a waiting request with a placeholder."""
        self.settlements[settlement.execution_id] = settlement
        return "a.sealed.reply" if settlement.reply_key else None

    @activity.defn(name=COUNT_STEPS)
    async def take_steps(self, _steps: StepCount) -> float:
        """Allow the steps without a delay."""
        return 0.0

    @activity.defn(name=FLUSH_TIMELINE)
    async def keep_steps(self, _steps: TimelineFlush) -> None:
        """Store nothing, because there is no timeline."""

    def activities(self) -> list[Callable[..., Any]]:
        """Return the activities that a worker needs to open, count and settle executions."""
        return [self.open, self.settle, self.find, self.take_steps, self.keep_steps]


@dataclass(slots=True)
class Broker:
    """The running workflows of accounts, their event types, and the executions of schedules."""

    client: Client
    openings: dict[str, OpenedExecution]  # definitions and inputs of executions, by id
    rests_every: int = 0  # see `OpenedExecution`
    running: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    heard: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    documents: dict[str, dict[str, Any]] = field(
        default_factory=dict
    )  # of definitions with a schedule
    fired: dict[str, list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )  # ids, by account
    timed: dict[str, dict[UUID, str]] = field(
        default_factory=lambda: defaultdict(dict)
    )  # definitions
    published: set[str] = field(default_factory=set)  # keys of events
    _has_firing: asyncio.Event = field(default_factory=asyncio.Event)

    def open(
        self,
        account_id: str,
        execution_id: str,
        document: dict[str, Any],
        data: Any,
        *,
        rests_every: int | None = None,
        secrets: Mapping[str, Any] | None = None,
    ) -> None:
        """Register an execution with its document and the secrets that the document lists."""
        heard = [kind for kind in lifecycle_events.TYPES if kind in self.heard[account_id]]
        rests = self.rests_every if rests_every is None else rests_every
        secret_values = secrets or {}
        self.openings[execution_id] = OpenedExecution(
            *("kit", 1, document, data, account_id),
            secrets={
                name: secret_values[name]
                for name in grammar.secrets_of(document)
                if name in secret_values
            },
            rests_every=rests,
            heard=heard,
        )
        self.running[account_id].add(f"execution:{execution_id}")
        self.heard[account_id] |= event_types.of_tasks(document)

    async def deliver(self, account_id: str, event: dict[str, Any]) -> None:
        """Signal an event to all running workflows of the account."""
        for workflow_id in sorted(self.running[account_id]):
            with suppress(RPCError):  # it has ended
                await self.client.get_workflow_handle(workflow_id).signal(EVENT, [event])

    async def schedule(self, account_id: str, document: dict[str, Any], queue: str) -> None:
        """Start a definition's schedule."""
        definition_id = str(uuid7())
        self.documents[definition_id] = document
        schedule, now = grammar.parse(document).schedule, datetime.now(UTC)
        plans = recurrence.of_definition(schedule, now=now)
        for plan in plans.values():
            await self._by_the_clock(account_id, definition_id, plan, queue)
        for trigger in schedule.triggers() if schedule else ():
            if trigger in plans:
                continue
            handle: WorkflowHandle[Any, Any] = await self.client.start_workflow(
                SCHEDULE,
                TriggerStart(definition_id, account_id, trigger),
                id=f"schedule:{definition_id}:{trigger}",
                task_queue=queue,
            )
            self.running[account_id].add(handle.id)

    async def _by_the_clock(
        self, account_id: str, definition_id: str, plan: Plan, queue: str
    ) -> None:
        row = Schedule(
            **asdict(plan),
            id=uuid7(),
            account_id=UUID(account_id),
            definition_id=UUID(definition_id),
            revision=1,
            paused=False,
            counted_from=datetime.now(UTC),
        )
        schedule = temporal_schedules.of_row(
            row, execution_seconds_max=SECONDS_MAX, key_id="", task_queue=queue
        )
        await temporal_schedules.sync(self.client, schedule)
        self.timed[account_id][schedule.schedule_id] = definition_id

    async def nth(self, account_id: str, number: int) -> str:
        """Return the id of the `number`-th execution of a schedule, once it has started."""
        async with asyncio.timeout(SECONDS_MAX):
            while len(self.fired[account_id]) < number:
                self._has_firing.clear()
                await self._has_firing.wait()
        execution_id = self.fired[account_id][number - 1]
        handle = self.client.get_workflow_handle(f"execution:{execution_id}")
        async with asyncio.timeout(SECONDS_MAX):
            while True:
                try:
                    await handle.describe()
                except RPCError:  # it is about to start
                    await asyncio.sleep(0.02)
                else:
                    return execution_id

    def activities(self) -> list[Callable[..., Any]]:
        """Return the activities that a worker needs beside those of `Memory`."""
        return [self.publish, self.open_schedule, self.fire, self.fire_due]

    async def forget(self, account_id: str) -> None:
        """Stop the schedules and workflows of the account."""
        for schedule_id in self.timed.pop(account_id, {}):
            await temporal_schedules.sync(
                self.client, TemporalSchedule(schedule_id, UUID(account_id))
            )
        for workflow_id in self.running.pop(account_id, set()):
            with suppress(RPCError):
                await self.client.get_workflow_handle(workflow_id).terminate()

    @activity.defn(name=PUBLISH_EVENTS)
    async def publish(self, publication: Publication) -> None:
        """Deliver what an execution emits, once however often this is tried."""
        for entry in publication.events:
            if entry["key"] in self.published:
                continue
            self.published.add(entry["key"])
            await self.deliver(publication.account_id, entry["event"])

    @activity.defn(name=OPEN_SCHEDULE)
    async def open_schedule(self, start: TriggerStart) -> TriggerDocument:
        """Return the definition's document."""
        return TriggerDocument(self.documents[start.definition_id])

    @activity.defn(name=FIRE_SCHEDULE)
    async def fire(self, firing: TriggerFiring) -> TriggerExecution:
        """Have the execution opened that a schedule starts."""
        if firing.execution_id not in self.openings:
            document = self.documents[firing.definition_id]
            self.open(firing.account_id, firing.execution_id, document, firing.input)
            self.fired[firing.account_id].append(firing.execution_id)
            self._has_firing.set()
        return TriggerExecution(SECONDS_MAX)

    @activity.defn(name=FIRE_DUE)
    async def fire_due(self, due: DueFiring) -> DueExecution | None:
        """Have the execution opened for which the time has come."""
        schedule_id = UUID(due.schedule_id)
        definition_id = self.timed[due.account_id].get(schedule_id)
        if definition_id is None:
            return None
        time = DueTime(schedule_id, datetime.fromisoformat(due.due_at))
        execution_id = str(time.execution_id)
        await self.fire(TriggerFiring(execution_id, definition_id, due.account_id))
        return DueExecution(execution_id, definition_id, SECONDS_MAX)


def complete(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event with what a scenario need not say."""
    return {
        "specversion": "1.0",
        "id": str(uuid7()),
        "source": "https://example.com/tests",
        **event,
    }

"""Events and schedules without a database: what one workflow emits reaches its account's others at once."""

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

from engine.contracts import executions, schedules
from engine.contracts.child_executions import DefinitionName
from engine.interpreter import documents as grammar
from engine.interpreter.constructs import event_types
from engine.interpreter.constructs.run_task import LATEST
from engine.language import lifecycle_events
from engine.store.schedules import Schedule
from engine.workflows.schedules import recurrence, temporal_schedules
from engine.workflows.schedules.firings import Time
from engine.workflows.schedules.recurrence import Plan
from engine.workflows.schedules.temporal_schedules import Followed

SECONDS_MAX = 30


@dataclass(slots=True)
class Memory:
    """Executions without a database: what they open and how they settled, by id."""

    openings: dict[str, executions.Opened] = field(default_factory=dict)
    settlements: dict[str, executions.Settlement] = field(default_factory=dict)
    saved: dict[str, dict[str, Any]] = field(
        default_factory=dict
    )  # documents that others run, by id
    rests_every: int = 0  # see `Opened`; of those that others run

    @activity.defn(name=executions.FIND_DEFINITION)
    async def find(self, wanted: DefinitionName) -> str:
        """Return the id of the workflow that was saved last of those that are meant."""
        words = [wanted.namespace, wanted.name] + (
            [] if wanted.version == LATEST else [wanted.version]
        )
        for definition_id, document in reversed(self.saved.items()):
            header = document["document"]
            if [header["namespace"], header["name"], header["version"]][: len(words)] == words:
                return definition_id
        raise ApplicationError(
            "there is no such workflow", type="configuration", non_retryable=True
        )

    @activity.defn(name=executions.OPEN_EXECUTION)
    async def open(self, start: executions.ExecutionStart) -> executions.Opened:
        """Return the scenario's definition and input."""
        if start.ordered is None:
            return self.openings[start.execution_id]
        return executions.Opened(
            "kit",
            1,
            self.saved[start.ordered.definition_id],
            start.ordered.input,
            start.account_id,
            run_depth=start.ordered.depth,
            rests_every=self.rests_every,
        )

    @activity.defn(name=executions.SETTLE_EXECUTION)
    async def settle(self, settlement: executions.Settlement) -> str | None:
        """Keep the outcome; answer whoever waits with something that is not it."""
        self.settlements[settlement.execution_id] = settlement
        return "a.sealed.reply" if settlement.reply_key else None

    @activity.defn(name=executions.TAKE_STEPS)
    async def take_steps(self, _taken: executions.StepsTaken) -> float:
        """Let the steps pass without a wait."""
        return 0.0

    @activity.defn(name=executions.KEEP_STEPS)
    async def keep_steps(self, _told: executions.StepsTold) -> None:
        """Keep nothing: there is no journal."""

    def activities(self) -> list[Callable[..., Any]]:
        """Return the activities that a worker needs to open, count and settle executions."""
        return [self.open, self.settle, self.find, self.take_steps, self.keep_steps]


@dataclass(slots=True)
class Broker:
    """The workflows of accounts that run, what they listen for, and what schedules have begun."""

    client: Client
    openings: dict[str, executions.Opened]  # where executions are opened from, by id
    rests_every: int = 0  # see `Opened`
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
    _begun: asyncio.Event = field(default_factory=asyncio.Event)

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
        """Have an execution opened with this document and what it lists of the secrets, listening."""
        heard = [kind for kind in lifecycle_events.TYPES if kind in self.heard[account_id]]
        rests = self.rests_every if rests_every is None else rests_every
        known = secrets or {}
        self.openings[execution_id] = executions.Opened(
            *("kit", 1, document, data, account_id),
            secrets={name: known[name] for name in grammar.secrets_of(document) if name in known},
            rests_every=rests,
            heard=heard,
        )
        self.running[account_id].add(executions.execution_workflow_id(execution_id))
        self.heard[account_id] |= event_types.of_tasks(document)

    async def deliver(self, account_id: str, event: dict[str, Any]) -> None:
        """Signal an event to all workflows of the account that run."""
        for workflow_id in sorted(self.running[account_id]):
            with suppress(RPCError):  # it has ended
                await self.client.get_workflow_handle(workflow_id).signal(executions.EVENT, [event])

    async def schedule(self, account_id: str, document: dict[str, Any], queue: str) -> None:
        """Begin a definition's schedule."""
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
                executions.SCHEDULE,
                executions.ScheduleStart(definition_id, account_id, trigger),
                id=executions.schedule_workflow_id(definition_id, trigger),
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
        wanted = temporal_schedules.of(row, execution_seconds_max=SECONDS_MAX, task_queue=queue)
        await temporal_schedules.follow(self.client, wanted)
        self.timed[account_id][wanted.schedule_id] = definition_id

    async def nth(self, account_id: str, number: int) -> str:
        """Return the id of the execution that a schedule begins as its `number`-th, once it has."""
        async with asyncio.timeout(SECONDS_MAX):
            while len(self.fired[account_id]) < number:
                self._begun.clear()
                await self._begun.wait()
        execution_id = self.fired[account_id][number - 1]
        handle = self.client.get_workflow_handle(executions.execution_workflow_id(execution_id))
        async with asyncio.timeout(SECONDS_MAX):
            while True:
                try:
                    await handle.describe()
                except RPCError:  # it is made, and about to be started
                    await asyncio.sleep(0.02)
                else:
                    return execution_id

    def activities(self) -> list[Callable[..., Any]]:
        """Return what a worker needs beside what opens and settles executions."""
        return [self.publish, self.open_schedule, self.fire, self.fire_due]

    async def forget(self, account_id: str) -> None:
        """End the account's schedules: a trial is over."""
        for schedule_id in self.timed.pop(account_id, {}):
            await temporal_schedules.follow(self.client, Followed(schedule_id, UUID(account_id)))
        for workflow_id in self.running.pop(account_id, set()):
            with suppress(RPCError):
                await self.client.get_workflow_handle(workflow_id).terminate()

    @activity.defn(name=executions.PUBLISH_EVENTS)
    async def publish(self, publication: executions.Publication) -> None:
        """Deliver what an execution emits, once however often this is tried."""
        for told in publication.events:
            if told["key"] in self.published:
                continue
            self.published.add(told["key"])
            await self.deliver(publication.account_id, told["event"])

    @activity.defn(name=executions.OPEN_SCHEDULE)
    async def open_schedule(self, start: executions.ScheduleStart) -> executions.Scheduled:
        """Return the definition's document."""
        return executions.Scheduled(self.documents[start.definition_id])

    @activity.defn(name=executions.FIRE_SCHEDULE)
    async def fire(self, firing: schedules.Firing) -> schedules.Fired:
        """Have the execution opened that a schedule starts."""
        if firing.execution_id not in self.openings:
            document = self.documents[firing.definition_id]
            self.open(firing.account_id, firing.execution_id, document, firing.input)
            self.fired[firing.account_id].append(firing.execution_id)
            self._begun.set()
        return schedules.Fired(SECONDS_MAX)

    @activity.defn(name=schedules.FIRE_DUE)
    async def fire_due(self, due: schedules.Due) -> schedules.Made | None:
        """Have the execution opened for which the time has come."""
        schedule_id = UUID(due.schedule_id)
        definition_id = self.timed[due.account_id].get(schedule_id)
        if definition_id is None:
            return None
        time = Time(UUID(due.account_id), schedule_id, datetime.fromisoformat(due.due_at))
        execution_id = str(time.execution_id)
        await self.fire(schedules.Firing(execution_id, definition_id, due.account_id))
        return schedules.Made(execution_id, definition_id, SECONDS_MAX)


def complete(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event with what a scenario need not say."""
    return {
        "specversion": "1.0",
        "id": str(uuid7()),
        "source": "https://example.com/tests",
        **event,
    }

"""Activities fail once, but for outages, which their workflows survive without open tasks."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from psycopg import errors as postgresql
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from sqlalchemy.exc import DataError, OperationalError
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from uuid_utils.compat import uuid7

from engine.config.settings import Settings
from engine.contracts.executions import UNDONE
from engine.contracts.task_queue import CROWDED
from engine.errors import InvalidError, UnavailableError
from engine.expressions.sandbox.fair_queue import BusyError
from engine.interpreter.runtime.environment import ActivityCall
from engine.language.errors import FaultError
from engine.temporal import outages
from engine.temporal.outages import FailureClassifier, is_outage
from engine.temporal_workflows import local_activities
from engine.temporal_workflows.environment import TemporalEnvironment
from engine.temporal_workflows.local_activities import run_local_activity

TIMEOUT = timedelta(seconds=60)  # ends a workflow that hangs


def database_error(kind: type[psycopg.Error]) -> OperationalError:
    return OperationalError("", {}, kind())


OUTAGES = {
    "no connection": database_error(psycopg.OperationalError),
    "the server shuts down": database_error(postgresql.AdminShutdown),
    "a deadlock": database_error(postgresql.DeadlockDetected),
    "a full disk": database_error(postgresql.DiskFull),
    "a replica": database_error(postgresql.ReadOnlySqlTransaction),
    "a connection as it is made": postgresql.CannotConnectNow(),
    "Redis": RedisConnectionError(),
    "Temporal": RPCError("", RPCStatusCode.UNAVAILABLE, b""),
    "a busy machine": BusyError(""),
    "a part of ours": UnavailableError("some_part", ""),
}
DEFECTS = {
    "a value that the database refuses": DataError("", {}, postgresql.UntranslatableCharacter()),
    "a row that is too large": database_error(postgresql.ProgramLimitExceeded),
    "a wrong command to Redis": ResponseError(),
    "a request that Temporal refuses": RPCError("", RPCStatusCode.INVALID_ARGUMENT, b""),
    "a refusal": InvalidError("some_rule", ""),
    "a low order point": ValueError("Error computing shared key."),
    "nested data": RecursionError(),
}


@pytest.mark.unit
@pytest.mark.parametrize("kind", OUTAGES)
def test_an_outage_of_a_part_is_one(kind: str) -> None:
    assert is_outage(OUTAGES[kind])


@pytest.mark.unit
@pytest.mark.parametrize("kind", DEFECTS)
def test_what_would_meet_each_attempt_is_no_outage(kind: str) -> None:
    assert not is_outage(DEFECTS[kind])


@pytest.mark.unit
def test_a_failure_for_good_stays_benign() -> None:
    benign = ApplicationErrorCategory.BENIGN
    failure = outages.classify(ApplicationError("", 3.0, type=CROWDED, category=benign))
    assert (failure.type, failure.details, failure.non_retryable) == (CROWDED, (3.0,), True)
    assert failure.category is benign


class Parts:
    """Activities that fail as their argument says, and count their attempts by it."""

    def __init__(self) -> None:
        self.attempts = Counter[str]()
        self.release = threading.Event()

    @activity.defn(name="part")
    def run(self, kind: str) -> object:
        self.attempts[kind] += 1
        if kind == "returns no JSON":
            return object()
        if kind in DEFECTS:
            raise DEFECTS[kind]
        if kind == "fails, and says that it may be retried":
            raise ApplicationError(kind)
        if kind in OUTAGES and self.attempts[kind] < 3:
            raise OUTAGES[kind]
        if kind == "hangs":
            self.release.wait()
        return "done"


@workflow.defn(name="local")
class LocalWorkflow:
    """A local activity, as the engine's workflows run theirs."""

    @workflow.run
    async def run(self, kind: str) -> str:
        """Run it."""
        return str(await run_local_activity("part", kind, str))


@workflow.defn(name="regular", failure_exception_types=[FaultError])
class RegularWorkflow:
    """A call that may be repeated."""

    @workflow.run
    async def run(self, kind: str) -> str:
        """Make it."""
        call = ActivityCall("part", kind, str, seconds=2, repeatable=True)
        return str(await TemporalEnvironment("", "").call(call, task=None, number=1))


@pytest.fixture
async def temporal(settings: Settings) -> Client:
    return await Client.connect(settings.temporal_address, namespace=settings.temporal_namespace)


async def executed(
    client: Client, name: str, *kinds: str, parts: Parts, thread_count: int = 1
) -> list[str]:
    """Run a workflow for each kind at once; return their results or the types of their failures.

    What hangs is released once its workflow has ended.
    """
    queue = f"outages-{uuid7()}"
    with ThreadPoolExecutor(thread_count) as threads:
        async with Worker(
            client,
            task_queue=queue,
            workflows=[LocalWorkflow, RegularWorkflow],
            activities=[parts.run],
            activity_executor=threads,
            interceptors=[FailureClassifier()],
            workflow_runner=UnsandboxedWorkflowRunner(),
            debug_mode=True,
        ):
            handles = [
                await client.start_workflow(
                    name, kind, id=f"{uuid7()}", task_queue=queue, execution_timeout=TIMEOUT
                )
                for kind in kinds
            ]
            results = []
            for kind, handle in zip(kinds, handles, strict=True):
                results.append(await outcome(handle))
                if kind == "hangs":
                    parts.release.set()
    return results


async def outcome(handle: WorkflowHandle[object, object]) -> str:
    try:
        return str(await handle.result())
    except WorkflowFailureError as failure:
        return str(getattr(failure.cause, "type", None))


ONCE = [*DEFECTS, "returns no JSON", "fails, and says that it may be retried"]


@pytest.mark.stack
async def test_a_local_activity_that_fails_is_not_tried_again(temporal: Client) -> None:
    parts = Parts()
    results = await executed(temporal, "local", *ONCE, parts=parts)
    assert results == [UNDONE] * len(ONCE)
    assert parts.attempts == dict.fromkeys(ONCE, 1)


@pytest.mark.stack
async def test_an_outage_is_survived(temporal: Client) -> None:
    parts = Parts()
    assert await executed(temporal, "local", "Redis", "a deadlock", parts=parts) == ["done"] * 2
    assert parts.attempts == {"Redis": 3, "a deadlock": 3}


@pytest.mark.stack
async def test_an_outage_that_does_not_end_is_given_up(
    temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_activities, "OUTAGE_MAX", timedelta(0))
    parts = Parts()
    assert await executed(temporal, "local", "Redis", parts=parts) == [UNDONE]
    assert parts.attempts == {"Redis": 2}


@pytest.mark.stack
async def test_a_local_activity_that_hangs_fails_and_one_that_waits_behind_it_runs(
    temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_activities, "TIMEOUT_SECONDS", 10.0)
    monkeypatch.setattr(outages, "THREAD_WAIT_SECONDS_MAX", 4.0)
    parts = Parts()
    assert await executed(temporal, "local", "hangs", "waits", parts=parts) == [UNDONE, "done"]
    assert parts.attempts == {"hangs": 1, "waits": 1}


@pytest.mark.stack
async def test_a_call_that_fails_or_takes_too_long_is_not_made_again(temporal: Client) -> None:
    parts = Parts()
    kinds = ("nested data", "hangs")
    results = await executed(temporal, "regular", *kinds, parts=parts, thread_count=2)
    assert results == ["FaultError"] * 2
    assert parts.attempts == {"nested data": 1, "hangs": 1}

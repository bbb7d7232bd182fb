"""What is too large for Temporal is kept beside it, sealed, for as long as it can be asked for."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client, WorkflowFailureError, WorkflowHistory
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from uuid_utils.compat import uuid7

from bin.devtools.conformance.in_memory_events import Memory
from bin.devtools.stack.fresh_keys import fresh_keys
from bin.devtools.stack.servers import Stack
from engine.activities.http import HttpActivities
from engine.calls.http import HttpCaller
from engine.config.settings import Settings
from engine.contracts.executions import EXECUTION, ExecutionStart, OpenedExecution, Settlement
from engine.egress.guard import Egress
from engine.errors import NotFoundError
from engine.store.account_scope import AccountScope
from engine.store.executions import Execution
from engine.store.payload_claims import Claim
from engine.temporal import payload_claims
from engine.temporal.connection import connect
from engine.temporal.heartbeat_interceptor import Heartbeats
from engine.temporal.payload_offload import claim_check
from engine.temporal_workflows.execution import ExecutionWorkflow
from engine.workflows import definitions
from engine.workflows.executions import executions
from tests.support.interpreter.echo import echo
from tests.support.interpreter.executions import HEADER

pytestmark = pytest.mark.stack


NOW = datetime(2026, 1, 2, tzinfo=UTC)
BYTES_MIN = 32_768
CANARY = "canary-" + "x" * 400_000
Run = Callable[..., Awaitable[tuple[Settlement, WorkflowHistory]]]


@pytest.fixture
async def run(stack: Stack, sessions: sessionmaker[Session]) -> AsyncIterator[Run]:
    """Run steps on a worker that seals its payloads and claims the large ones."""
    settings = Settings.from_env(stack.environ() | fresh_keys())
    storage = claim_check(sessions, bytes_min=BYTES_MIN)
    client = await connect(settings, keyed=True, storage=storage)
    memory, queue = Memory(), f"claims-{uuid7()}"
    async with echo() as port:

        async def execute(
            steps: list[dict[str, Any]], data: Any, *, rests_every: int = 0
        ) -> tuple[Settlement, WorkflowHistory]:
            execution_id = str(uuid7())
            document = {"document": HEADER, "do": steps}
            memory.openings[execution_id] = OpenedExecution(
                "d",
                1,
                document,
                data | {"url": f"http://127.0.0.1:{port}/"},
                "a",
                rests_every=rests_every,
            )
            handle = await client.start_workflow(
                EXECUTION,
                ExecutionStart(execution_id, "a"),
                id=f"execution:{execution_id}",
                task_queue=queue,
                execution_timeout=timedelta(seconds=60),
            )
            with suppress(WorkflowFailureError):
                await handle.result()
            plain = await Client.connect(stack.temporal_address, namespace=stack.temporal_namespace)
            return memory.settlements[execution_id], await plain.get_workflow_handle(
                handle.id
            ).fetch_history()

        async with Worker(
            client,
            task_queue=queue,
            workflows=[ExecutionWorkflow],
            activities=[
                *memory.activities(),
                HttpActivities(HttpCaller(Egress(allow=f"127.0.0.1:{port}"))).call,
            ],
            interceptors=[Heartbeats()],
            workflow_runner=UnsandboxedWorkflowRunner(),
            debug_mode=True,
            max_cached_workflows=0,  # every task replays, and asks for all claims again
        ):
            yield execute


def kept(sessions: sessionmaker[Session], workflow_id: str) -> list[Claim]:
    with sessions() as session:
        return list(session.scalars(select(Claim).where(Claim.workflow_id == workflow_id)))


async def test_steps_of_half_a_megabyte_leave_no_trace_of_their_size_in_the_history(
    run: Run, sessions: sessionmaker[Session]
) -> None:
    call = {
        "call": "http",
        "with": {"method": "put", "endpoint": "${ $workflow.input.url }", "body": "${ .text }"},
    }
    each = {
        "for": {"in": "[range(6)]"},
        "do": [
            {"send": call},
            {"keep": {"set": {"text": "${ .body }", "n": "${ .body | length }"}}},
        ],
    }
    settlement, history = await run([{"each": each}], {"text": CANARY})
    assert settlement.error is None, settlement.error
    assert settlement.result == {"text": CANARY, "n": len(CANARY)}
    assert max(event.ByteSize() for event in history.events) < BYTES_MIN + 2048
    rows = kept(sessions, history.workflow_id)
    assert len(rows) > 12
    assert not [row for row in rows if b"canary" in row.data or b"xxxxxxxx" in row.data]


async def test_a_context_of_several_megabytes_goes_from_run_to_run(
    run: Run, sessions: sessionmaker[Session]
) -> None:
    steps: list[dict[str, Any]] = []
    for number in range(8):
        seen = {f"t{before}": f"${{ $context.t{before} }}" for before in range(number)}
        export = {"as": seen | {f"t{number}": "${ .text }"}}
        steps.append({f"note{number}": {"set": {"text": "${ .text }"}, "export": export}})
    steps += [{"tell": {"set": {"sizes": "${ [$context[] | length] }"}}}]
    settlement, history = await run(steps, {"text": CANARY}, rests_every=2)
    assert settlement.error is None, settlement.error
    assert settlement.result == {"sizes": [len(CANARY)] * 8}
    assert len({row.run_id for row in kept(sessions, history.workflow_id)}) > 2


def test_claims_are_fetched_in_the_order_asked_for(session: Session) -> None:
    ids = payload_claims.store(session, [b"one", b"two"], workflow_id="w", run_id="r")
    assert payload_claims.fetch(session, ids[::-1]) == [b"two", b"one"]
    with pytest.raises(NotFoundError):
        payload_claims.fetch(session, [*ids, uuid7()])


def started(session: Session, account_id: UUID) -> Execution:
    draft = definitions.Draft("name", "sealed", "key")
    definition = definitions.save(AccountScope(session, account_id, NOW), draft)
    order = executions.SealedInput("sealed", seal_result=False)
    return executions.start(AccountScope(session, account_id, NOW), definition, order)


def test_claims_go_an_hour_after_their_execution(session: Session, account_id: UUID) -> None:
    execution = started(session, account_id)
    workflow_id = f"execution:{execution.id}"
    (claim_id,) = payload_claims.store(session, [b"data"], workflow_id=workflow_id, run_id="r")
    session.execute(update(Claim).values(created_at=NOW))
    execution.ended_at = NOW
    session.flush()
    session.execute(payload_claims.expiry(NOW + timedelta(minutes=59)))
    assert payload_claims.fetch(session, [claim_id]) == [b"data"]
    session.execute(payload_claims.expiry(NOW + timedelta(minutes=61)))
    with pytest.raises(NotFoundError):
        payload_claims.fetch(session, [claim_id])


def test_what_an_execution_gave_the_one_that_ordered_it_is_kept_as_long_as_that_runs(
    session: Session, account_id: UUID
) -> None:
    orderer, execution = started(session, account_id), started(session, account_id)
    execution.ordered_by, execution.ended_at = orderer.id, NOW
    session.flush()
    workflow_id = f"execution:{execution.id}"
    (claim_id,) = payload_claims.store(session, [b"data"], workflow_id=workflow_id, run_id="r")
    session.execute(update(Claim).values(created_at=NOW))
    session.execute(payload_claims.expiry(NOW + timedelta(days=2)))
    assert payload_claims.fetch(session, [claim_id]) == [b"data"]
    orderer.ended_at = NOW + timedelta(days=2)
    session.flush()
    session.execute(payload_claims.expiry(NOW + timedelta(days=3)))
    with pytest.raises(NotFoundError):
        payload_claims.fetch(session, [claim_id])


def test_the_claims_of_one_workflow_do_not_go_with_another_ones(session: Session) -> None:
    ids = {}
    for day, (workflow_id, run_id) in enumerate((("a", ""), ("b", ""), ("a", "one"), ("a", "two"))):
        (ids[workflow_id, run_id],) = payload_claims.store(
            session, [b"x"], workflow_id=workflow_id, run_id=run_id
        )
        at = NOW + timedelta(days=day)
        session.execute(
            update(Claim).where(Claim.id == ids[workflow_id, run_id]).values(created_at=at)
        )
    session.execute(payload_claims.expiry(NOW + timedelta(days=4)))
    assert payload_claims.fetch(session, [ids["b", ""], ids["a", "one"]]) == [b"x", b"x"]
    with pytest.raises(NotFoundError):
        payload_claims.fetch(session, [ids["a", ""]])


def test_claims_of_runs_that_others_went_on_for_go_before_the_execution_ends(
    session: Session,
) -> None:
    ids = {}
    for number, run_id in enumerate(("first", "second", "third")):
        (ids[run_id],) = payload_claims.store(
            session, [run_id.encode()], workflow_id="part", run_id=run_id
        )
        at = NOW + timedelta(days=number)
        session.execute(update(Claim).where(Claim.id == ids[run_id]).values(created_at=at))
    session.execute(payload_claims.expiry(NOW + timedelta(days=3)))
    assert payload_claims.fetch(session, [ids["second"], ids["third"]]) == [b"second", b"third"]
    with pytest.raises(NotFoundError):
        payload_claims.fetch(session, [ids["first"]])
    session.execute(payload_claims.expiry(NOW + timedelta(days=40)))
    with pytest.raises(NotFoundError):
        payload_claims.fetch(session, [ids["third"]])

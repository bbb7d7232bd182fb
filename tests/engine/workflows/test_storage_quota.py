"""The quota of workflows, executions and events: what their rows use, counted by triggers."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, sessionmaker

from engine.contracts.workflow_ids import ExecutionWorkflowId, VersionReference
from engine.errors import Fault, ForbiddenError
from engine.store import usage
from engine.store.account_scope import AccountScope
from engine.store.executions import Execution
from engine.store.usage import ENTRIES_MAX, UsageEntry
from engine.store.workflows import Definition
from engine.temporal import payload_claims
from engine.workflows import definitions, deletion, replacement
from engine.workflows.definitions import Diagnosis, Draft
from engine.workflows.events import queue
from engine.workflows.events.queue import SealedEvent
from engine.workflows.executions import completion, executions
from engine.workflows.executions import deletion as execution_deletion
from engine.workflows.executions.executions import ExecutionLimits, SealedInput

pytestmark = pytest.mark.stack

SESSIONS = sessionmaker[Session]
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DRAFT = Draft("name", 5000 * "é", "key", "description")
ROWS = text("""
    SELECT coalesce(sum(bytes), 0) FROM (
        SELECT 256 + octet_length(name) + coalesce(octet_length(description), 0)
            + octet_length(encrypted_data) + octet_length(encryption_key)
            + octet_length(diagnostics::text) + coalesce(octet_length(diagnostics_sealed), 0)
            AS bytes FROM definitions WHERE account_id = :id
        UNION ALL SELECT 256 + octet_length(name) + coalesce(octet_length(description), 0)
            + octet_length(encrypted_data) + octet_length(encryption_key)
            + octet_length(diagnostics::text) + coalesce(octet_length(diagnostics_sealed), 0)
            FROM definition_versions WHERE account_id = :id
        UNION ALL SELECT 256 + octet_length(input_sealed)
            + coalesce(octet_length(outcome_sealed), 0) + coalesce(octet_length(left_sealed), 0)
            FROM executions WHERE account_id = :id
        UNION ALL SELECT 256 + coalesce(octet_length(sealed), 0) FROM events WHERE account_id = :id
        UNION ALL SELECT 256 FROM execution_steps JOIN executions ON executions.id = execution_id
            WHERE account_id = :id
        UNION ALL SELECT 256 + octet_length(data) FROM claims
            JOIN executions ON executions.id = execution_id WHERE account_id = :id
    ) AS stored
""")
STEP = text("""
    INSERT INTO execution_steps (execution_id, seq, place, kind, phase, attempt, at)
    SELECT :id, number, '/do/0', 'set', 'started', 1, now() FROM generate_series(1, 3) AS number
""")


def measure(session: Session, account_id: UUID) -> int:
    """Return the bytes that are counted, which are those of the rows."""
    session.flush()
    counted = usage.measure_account(session, account_id)
    assert counted == session.scalar(ROWS, {"id": account_id})
    return counted


def entries(session: Session, account_id: UUID) -> int:
    return session.scalar(select(func.count()).where(UsageEntry.account_id == account_id)) or 0


def start(scope: AccountScope, definition: Definition, jwe: str = "sealed") -> Execution:
    return executions.start(scope, definition, SealedInput(jwe, seal_result=False))


def test_every_row_counts_from_its_making_to_its_deletion(
    session: Session, account_id: UUID
) -> None:
    scope = AccountScope(session, account_id, NOW)
    definition = definitions.save(scope, DRAFT)
    sizes = [measure(session, account_id)]
    diagnosis = Diagnosis([Fault("/do", "detail")], 500 * "x")
    definitions.diagnose(scope, VersionReference(definition.id), diagnosis)
    sizes.append(measure(session, account_id))
    session.refresh(definition)
    replacement.replace(scope, definition, DRAFT, definition_bytes_max=10**6)
    sizes.append(measure(session, account_id))
    execution = start(scope, definition)
    session.execute(STEP, {"id": execution.id})
    workflow_id = str(ExecutionWorkflowId(execution.id))
    payload_claims.store(session, [b"x" * 900], workflow_id=workflow_id, run_id="run")
    sizes.append(measure(session, account_id))
    completion.settle(scope, execution.id, status="completed", outcome_sealed=700 * "x")
    sizes.append(measure(session, account_id))
    event = SealedEvent(uuid4(), 800 * "x")
    queue.accept(scope, [event])
    sizes.append(measure(session, account_id))
    assert sizes == sorted(set(sizes)), "each step stores something"
    queue.mark_routed(session, [event.key], now=NOW)
    assert measure(session, account_id) == sizes[-1] - 800
    execution_deletion.delete(scope, execution.id)
    assert measure(session, account_id) == sizes[2] + 256, "the event's id is still stored"
    start(scope, definition)
    deletion_of_all(scope, definition)
    assert measure(session, account_id) == 256


def deletion_of_all(scope: AccountScope, definition: Definition) -> None:
    """Delete a definition whose execution, with its parts, follows by reference."""
    execution_id = definition.last_execution_id
    scope.session.execute(STEP, {"id": execution_id})
    completion.settle(scope, UUID(str(execution_id)), status="completed", outcome_sealed="x")
    deletion.delete(scope, definitions.find(scope, definition.id, lock=True))


def test_many_entries_are_replaced_by_their_sum(session: Session, account_id: UUID) -> None:
    definition = definitions.save(AccountScope(session, account_id, NOW), DRAFT)
    for _ in range(ENTRIES_MAX):
        start(AccountScope(session, account_id, NOW), definition)
    assert entries(session, account_id) > ENTRIES_MAX
    before = measure(session, account_id)
    assert entries(session, account_id) == 1
    assert measure(session, account_id) == before


def test_a_full_account_starts_nothing_and_deletes_everything(
    session: Session, account_id: UUID
) -> None:
    scope = AccountScope(session, account_id, NOW)
    definition = definitions.save(scope, DRAFT)
    full = measure(session, account_id)
    limits = ExecutionLimits(running_max=9, quota_bytes=full)
    sealed_input = SealedInput("sealed", seal_result=False)
    growing: list[Callable[[], object]] = [
        lambda: definitions.save(scope, DRAFT, quota_bytes=full),
        lambda: replacement.replace(
            scope, definition, DRAFT, definition_bytes_max=10**6, quota_bytes=full
        ),
        lambda: executions.execute(scope, definition.id, sealed_input, version=None, limits=limits),
        lambda: queue.accept(scope, [SealedEvent(uuid4(), "x")], quota_bytes=full),
    ]
    for grow in growing:
        with pytest.raises(ForbiddenError) as refused:
            grow()
        assert (refused.value.code, refused.value.extra["quota"]) == ("quota_exceeded", full)
    deletion.delete(scope, definitions.find(scope, definition.id, lock=True))
    assert measure(session, account_id) == 0
    assert definitions.save(scope, DRAFT, quota_bytes=full)


def test_simultaneous_requests_do_not_exceed_the_quota(
    sessions: SESSIONS, account_id: UUID
) -> None:
    quota_bytes = 5 * (2 * DRAFT.text_bytes + 600)

    def save(_: int) -> bool:
        with sessions() as session:
            scope = AccountScope(session, account_id, NOW)
            try:
                definitions.save(scope, DRAFT, quota_bytes=quota_bytes)
            except ForbiddenError:
                return False
            session.commit()
            return True

    with ThreadPoolExecutor(8) as threads:
        saved: Sequence[bool] = list(threads.map(save, range(16)))
    with sessions() as session:
        assert quota_bytes - 2 * DRAFT.text_bytes < measure(session, account_id) <= quota_bytes
    assert saved.count(True) == 5

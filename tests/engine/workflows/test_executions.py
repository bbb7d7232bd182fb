"""Rows of definitions and executions: checked once, ended once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from engine.contracts.outbox_messages import ExecutionLaunch, VersionCheck
from engine.contracts.workflow_ids import VersionReference
from engine.errors import ConflictError, Fault, NotFoundError, TooLargeError
from engine.store.account_scope import AccountScope
from engine.store.executions import Execution
from engine.store.outbox import OutboxMessage
from engine.store.workflows import Definition
from engine.workflows import definitions
from engine.workflows.definitions import Diagnosis, Draft
from engine.workflows.executions import completion, executions
from engine.workflows.executions.executions import ExecutionLimits, SealedInput

pytestmark = pytest.mark.stack


NOW = datetime(2126, 1, 2, tzinfo=UTC)  # a relay that runs beside the test carries nothing before
DRAFT = Draft("name", "sealed", "key")
Started = Callable[[], Execution]


@pytest.fixture
def definition(sessions: sessionmaker[Session], account_id: UUID) -> Definition:
    with sessions.begin() as session:
        return definitions.save(AccountScope(session, account_id, NOW), DRAFT)


@pytest.fixture
def start(sessions: sessionmaker[Session], definition: Definition) -> Started:
    def begin() -> Execution:
        with sessions.begin() as session:
            return executions.start(
                AccountScope(session, definition.account_id, NOW),
                session.get_one(Definition, definition.id),
                SealedInput("sealed", seal_result=True),
            )

    return begin


def settle(sessions: sessionmaker[Session], execution: Execution, status: str) -> bool:
    with sessions.begin() as session:
        return completion.settle(
            AccountScope(session, execution.account_id, NOW),
            execution.id,
            status=status,
            outcome_sealed="outcome",
        )


def waiting(session: Session, kind: str, subject: UUID) -> int:
    query = select(func.count()).where(
        OutboxMessage.kind == kind, OutboxMessage.subject == str(subject)
    )
    return session.scalar(query) or 0


def test_a_draft_waits_in_the_outbox_to_be_checked_and_the_first_check_counts(
    session: Session, definition: Definition
) -> None:
    assert waiting(session, VersionCheck.kind, definition.id) == 1
    for detail in ("first", "second"):
        definitions.diagnose(
            AccountScope(session, definition.account_id, NOW),
            VersionReference(definition.id),
            Diagnosis([Fault("/do", detail)], "sealed"),
        )
    checked = session.get_one(Definition, definition.id)
    assert checked.diagnostics == [{"pointer": "/do", "detail": "first"}]
    assert waiting(session, VersionCheck.kind, definition.id) == 0


def test_a_definition_that_must_be_too_large_is_refused(session: Session, account_id: UUID) -> None:
    large = Draft("name", "x" * 4000, "key")
    with pytest.raises(TooLargeError):
        definitions.save(AccountScope(session, account_id, NOW), large, definition_bytes_max=1000)


def test_a_definition_follows_its_latest_execution(
    sessions: sessionmaker[Session], definition: Definition, start: Started
) -> None:
    earlier, latest = start(), start()
    assert settle(sessions, earlier, "failed")
    with sessions() as session:
        found = session.get_one(Definition, definition.id)
        assert (found.status, found.last_execution_id) == ("running", latest.id)
    assert settle(sessions, latest, "completed")
    with sessions() as session:
        assert session.get_one(Definition, definition.id).status == "completed"


def test_of_eight_that_settle_one_execution_one_does(
    sessions: sessionmaker[Session], start: Started
) -> None:
    execution, statuses = start(), ["completed", "failed"] * 4
    with ThreadPoolExecutor(8) as threads:
        ended = list(threads.map(lambda status: settle(sessions, execution, status), statuses))
    assert ended.count(True) == 1
    with sessions() as session:
        found = session.get_one(Execution, execution.id)
        assert found.status == statuses[ended.index(True)]
        assert waiting(session, ExecutionLaunch.kind, execution.id) == 0


def test_of_eight_that_start_at_once_as_many_run_as_an_account_may_have(
    sessions: sessionmaker[Session], definition: Definition
) -> None:
    def ask(_: int) -> Execution | str:
        with sessions.begin() as session:
            scope = AccountScope(session, definition.account_id, NOW)
            try:
                executions.admit(scope, "sealed", ExecutionLimits(3))
            except ConflictError as refusal:
                return refusal.code
            known = session.get_one(Definition, definition.id)
            order = SealedInput("sealed", seal_result=True)
            return executions.start(scope, known, order)

    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(ask, range(8)))
    running = [one for one in told if isinstance(one, Execution)]
    assert (len(running), told.count("executions_too_many")) == (3, 5)
    assert settle(sessions, running[0], "completed")
    assert isinstance(ask(8), Execution)
    assert ask(9) == "executions_too_many"


def test_another_accounts_rows_are_as_unknown_as_none(session: Session, start: Started) -> None:
    execution, stranger = start(), uuid7()
    with pytest.raises(NotFoundError, match="no such workflow"):
        definitions.find(AccountScope(session, stranger, NOW), execution.definition_id)
    with pytest.raises(NotFoundError, match="no such execution"):
        executions.find(AccountScope(session, stranger, NOW), execution.id)
    settled = completion.settle(
        AccountScope(session, stranger, NOW), execution.id, status="failed", outcome_sealed="theirs"
    )
    assert not settled


def adopt(sessions: sessionmaker[Session], by: Execution, execution_id: UUID, most: int) -> bool:
    """Tell whether an execution that another one ordered was let in."""
    with sessions.begin() as session:
        refusal = executions.start_child(
            AccountScope(session, by.account_id, NOW),
            session.get_one(Definition, by.definition_id),
            execution_id,
            limits=ExecutionLimits(most),
            parent_id=by.id,
            input_jwe="sealed",
        )
    return refusal is None


def test_an_ordered_execution_is_stored_once_and_sealed_as_its_orderers_is(
    sessions: sessionmaker[Session], start: Started
) -> None:
    orderer, execution_id = start(), uuid7()
    assert [adopt(sessions, orderer, execution_id, 2) for _ in range(2)] == [True, True]
    with sessions() as session:
        found = session.get_one(Execution, execution_id)
        assert (found.ordered_by, found.seal_result, found.status) == (orderer.id, True, "running")
        assert waiting(session, ExecutionLaunch.kind, execution_id) == 0, (
            "its workflow runs already"
        )


def test_of_executions_ordered_at_once_no_more_are_let_in_than_may_run(
    sessions: sessionmaker[Session], start: Started
) -> None:
    orderer, ids = start(), [uuid7() for _ in range(6)]
    with ThreadPoolExecutor(len(ids)) as threads:
        let_in = [*threads.map(lambda execution_id: adopt(sessions, orderer, execution_id, 4), ids)]
    assert let_in.count(True) == 3
    with sessions() as session:
        query = select(func.count()).where(Execution.ordered_by == orderer.id)
        assert session.scalar(query) == len(ids), "one that is refused is there to say so"

"""Stored timelines: each entry once, and all of them at an execution's end."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from engine.config.settings import Settings
from engine.contracts.timeline import COMPLETED, COUNTED_PHASES, STARTED, TimelineEntry
from engine.errors import NotFoundError
from engine.store.account_scope import AccountScope
from engine.workflows import definitions
from engine.workflows.definitions import Draft
from engine.workflows.executions import executions, timeline
from engine.workflows.executions.executions import SealedInput
from engine.workflows.executions.timeline_writer import TimelineWriter
from tests.support.waiting import until

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def execution_id(sessions: sessionmaker[Session], account_id: UUID) -> UUID:
    """An execution that runs."""
    with sessions.begin() as session:
        definition = definitions.save(
            AccountScope(session, account_id, NOON), Draft("name", "-", "-")
        )
        order = SealedInput("-", seal_result=False)
        return executions.start(AccountScope(session, account_id, NOON), definition, order).id


def told(account_id: UUID, execution_id: UUID, count: int) -> list[TimelineEntry]:
    """Make the entries of steps that run one after the other."""
    found = []
    for seq in range(1, count + 1):
        begins, step = seq % 2 == 1, (seq - 1) // 2
        counts = [0 for _ in COUNTED_PHASES]
        counts[:2] = [step + 1, step + (not begins)]
        found.append(
            TimelineEntry(
                account_id=str(account_id),
                execution_id=str(execution_id),
                seq=seq,
                place=f"/do/{step}",
                kind="set",
                phase=STARTED if begins else COMPLETED,
                attempt=1,
                at=NOON,
                error=None,
                running=(f"/do/{step}",) if begins else (),
                counts=tuple(counts),
            )
        )
    return found


def read(
    sessions: sessionmaker[Session], account_id: UUID, execution_id: UUID
) -> list[tuple[int, str, str]]:
    with sessions() as session:
        found = timeline.read(
            AccountScope(session, account_id, NOON), execution_id, after=0, limit=1000
        )
        return [(step.seq, step.place, step.phase) for step in found.steps]


def of(entries: Sequence[TimelineEntry]) -> list[tuple[int, str, str]]:
    return [(entry.seq, entry.place, entry.phase) for entry in entries]


@pytest.mark.stack
def test_what_is_told_again_is_kept_once(
    sessions: sessionmaker[Session], account_id: UUID, execution_id: UUID
) -> None:
    entries = told(account_id, execution_id, 5)
    for part in (entries[:3], entries[:2], entries):
        with sessions.begin() as session:
            timeline.store(session, part, part[-1:])
    assert read(sessions, account_id, execution_id) == of(entries)
    with sessions() as session:
        standing = timeline.progress(session, execution_id)
        assert (standing["current"], standing["attempts"]) == (["/do/2"], 0)
        assert (standing["steps"]["started"], standing["steps"]["completed"]) == (3, 2)


@pytest.mark.stack
def test_what_a_killed_worker_told_of_an_unfinished_task_is_corrected_by_the_next(
    sessions: sessionmaker[Session], account_id: UUID, execution_id: UUID
) -> None:
    entries = told(account_id, execution_id, 4)
    other = replace(entries[2], place="/do/7")
    for last in (other, entries[2], entries[3]):
        with sessions.begin() as session:
            timeline.store(session, [*entries[:2], last], [last])
    assert read(sessions, account_id, execution_id) == of(entries)


@pytest.mark.stack
def test_a_repeated_task_tells_its_steps_twice_in_one_batch_and_the_later_ones_count(
    sessions: sessionmaker[Session], account_id: UUID, execution_id: UUID
) -> None:
    entries = told(account_id, execution_id, 4)
    with sessions.begin() as session:
        first = [*entries[:3], replace(entries[3], place="/do/7")]
        timeline.store(session, [*first, *entries], entries[-1:])
    assert read(sessions, account_id, execution_id) == of(entries)


@pytest.mark.stack
def test_a_word_from_before_does_not_set_back_how_far_an_execution_is(
    sessions: sessionmaker[Session], account_id: UUID, execution_id: UUID
) -> None:
    entries = told(account_id, execution_id, 4)
    for last in (entries[3], entries[0]):
        with sessions.begin() as session:
            timeline.store(session, [last], [last])
    with sessions() as session:
        assert timeline.progress(session, execution_id)["steps"]["completed"] == 2


@pytest.mark.stack
def test_a_journal_is_its_accounts_alone_and_goes_with_its_execution(
    sessions: sessionmaker[Session], account_id: UUID, execution_id: UUID
) -> None:
    entries = told(account_id, execution_id, 2)
    with sessions.begin() as session:
        timeline.store(session, entries, entries[-1:])
    with sessions() as session, pytest.raises(NotFoundError):
        timeline.read(AccountScope(session, uuid7(), NOON), execution_id, after=0, limit=1)
    with sessions.begin() as session:
        session.execute(text("DELETE FROM executions WHERE id = :id"), {"id": execution_id})
        left = "SELECT count(*) FROM execution_{} WHERE execution_id = :id"
        for table in ("steps", "progress"):
            assert session.scalar(text(left.format(table)), {"id": execution_id}) == 0


@pytest.mark.stack
def test_entries_are_written_soon_and_a_deleted_execution_holds_up_nobody(
    sessions: sessionmaker[Session], settings: Settings, account_id: UUID, execution_id: UUID
) -> None:
    writer, gone = TimelineWriter(sessions, settings), told(account_id, UUID(str(uuid7())), 2)
    entries = told(account_id, execution_id, 600)
    with writer.run():
        for entry in [*gone, *entries]:
            writer.add(entry)
        assert until(lambda: len(read(sessions, account_id, execution_id)) == len(entries))
    assert read(sessions, account_id, execution_id) == of(entries)


@pytest.mark.stack
def test_pending_entries_are_stored_when_the_worker_stops(
    sessions: sessionmaker[Session], settings: Settings, account_id: UUID, execution_id: UUID
) -> None:
    writer, entries = TimelineWriter(sessions, settings), told(account_id, execution_id, 3)
    with writer.run():
        for entry in entries:
            writer.add(entry)
    assert read(sessions, account_id, execution_id) == of(entries)


@pytest.mark.stack
def test_past_the_limit_only_the_progress_is_stored(
    sessions: sessionmaker[Session], settings: Settings, account_id: UUID, execution_id: UUID
) -> None:
    writer = TimelineWriter(sessions, replace(settings, execution_steps_kept=3))
    entries = told(account_id, execution_id, 9)
    with writer.run():
        for entry in entries:
            writer.add(entry)
    assert read(sessions, account_id, execution_id) == of(entries[:3])
    with sessions() as session:
        assert timeline.progress(session, execution_id)["current"] == ["/do/4"]


@pytest.mark.stack
def test_entries_are_stored_with_what_is_committed_beside_them_or_are_pending_again(
    sessions: sessionmaker[Session], settings: Settings, account_id: UUID, execution_id: UUID
) -> None:
    writer, entries = TimelineWriter(sessions, settings), told(account_id, execution_id, 4)
    for entry in entries:
        writer.add(entry)
    ids = (str(account_id), str(execution_id))
    with pytest.raises(ZeroDivisionError), writer.transaction(*ids):
        raise ZeroDivisionError
    assert read(sessions, account_id, execution_id) == []
    with writer.transaction(*ids):
        pass
    assert read(sessions, account_id, execution_id) == of(entries)


@pytest.mark.stack
def test_flushing_the_timeline_of_a_deleted_execution_stores_nothing(
    sessions: sessionmaker[Session], settings: Settings, account_id: UUID
) -> None:
    writer, nobody = TimelineWriter(sessions, settings), UUID(str(uuid7()))
    entries = told(account_id, nobody, 2)
    for entry in entries:
        writer.add(entry)
    writer.flush(str(account_id), str(nobody))
    with sessions.begin() as session, pytest.raises(IntegrityError):
        timeline.store(session, entries, entries[-1:])


@pytest.mark.unit
@pytest.mark.parametrize(
    ("running", "current"),
    [
        ([], []),
        (["/do/1"], ["/do/1"]),
        (["/do/1", "/do/1/do/0", "/do/10"], ["/do/1/do/0", "/do/10"]),
        (
            ["/do/0", "/do/0/fork/branches/0", "/do/0/fork/branches/1"],
            ["/do/0/fork/branches/0", "/do/0/fork/branches/1"],
        ),
        (["/do/0", "/do/0"], ["/do/0"]),
    ],
)
def test_the_current_steps_are_the_innermost(running: list[str], current: list[str]) -> None:
    assert timeline.innermost(running) == current

"""Rows of a definition's versions: in order, while others check, schedule and delete."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from engine.accounts import payload_disclosure
from engine.contracts.outbox_messages import TriggersEnd, VersionCheck
from engine.contracts.workflow_ids import VersionReference
from engine.errors import (
    ConflictError,
    EngineError,
    Fault,
    ForbiddenError,
    NotFoundError,
    TooLargeError,
)
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.outbox import OutboxMessage
from engine.store.workflows import Definition, DefinitionVersion
from engine.workflows import definitions, deletion, replacement, versions
from engine.workflows.definitions import Diagnosis, Draft
from engine.workflows.executions import executions
from engine.workflows.executions.executions import ExecutionLimits, SealedInput
from engine.workflows.schedules import triggers

pytestmark = pytest.mark.stack


NOW = datetime(2126, 1, 2, tzinfo=UTC)  # no relay beside delivers what is due then
FIRST, SECOND = Draft("first", "sealed", "key"), Draft("second", "resealed", "key", "why")


@pytest.fixture
def definition_id(sessions: sessionmaker[Session], account_id: UUID) -> UUID:
    with sessions.begin() as session:
        return definitions.save(AccountScope(session, account_id, NOW), FIRST).id


def change(
    session: Session, account_id: UUID, definition_id: UUID, draft: Draft = SECOND
) -> Definition:
    found = definitions.find(AccountScope(session, account_id, NOW), definition_id, lock=True)
    replacement.replace(
        AccountScope(session, account_id, NOW), found, draft, definition_bytes_max=1000
    )
    return found


def waiting(session: Session, kind: str, definition_id: UUID) -> set[str]:
    subject = OutboxMessage.subject
    query = select(subject).where(
        OutboxMessage.kind == kind, subject.startswith(str(definition_id))
    )
    return set(session.scalars(query))


def diagnose(session: Session, account_id: UUID, definition_id: UUID, version: int) -> None:
    found = Diagnosis(
        [Fault("/do", f"of {version}")], "sealed", f"reference {version}", f"family {version}"
    )
    definitions.diagnose(
        AccountScope(session, account_id, NOW), VersionReference(definition_id, version), found
    )


def test_a_change_keeps_the_old_version_and_waits_to_be_checked_and_unscheduled(
    session: Session, account_id: UUID, definition_id: UUID
) -> None:
    diagnose(session, account_id, definition_id, 1)
    changed = change(session, account_id, definition_id)
    assert (changed.version, changed.name, changed.description) == (2, "second", "why")
    assert (changed.diagnostics, changed.diagnostics_sealed, changed.checked_at) == ([], None, None)
    assert (changed.reference, changed.family) == ("reference 1", "family 1"), "until it is checked"
    kept = session.get_one(DefinitionVersion, (definition_id, 1))
    assert (kept.encrypted_data, kept.name) == ("sealed", "first")
    assert waiting(session, VersionCheck.kind, definition_id) == {f"{definition_id}:2"}
    assert waiting(session, TriggersEnd.kind, definition_id) == {str(definition_id)}


def test_checks_that_come_in_any_order_tell_of_their_own_versions(
    session: Session, account_id: UUID, definition_id: UUID
) -> None:
    change(session, account_id, definition_id)
    for version in (2, 1):
        diagnose(session, account_id, definition_id, version)
    shown = definitions.find(AccountScope(session, account_id, NOW), definition_id)
    session.refresh(shown)
    assert (shown.diagnostics[0]["detail"], shown.reference) == ("of 2", "reference 2")
    page = versions.browse(
        AccountScope(session, account_id, NOW), definition_id, limit=9, after=None
    )
    assert [one.diagnostics[0]["detail"] for one in page.versions] == ["of 2", "of 1"]
    assert waiting(session, VersionCheck.kind, definition_id) == set()


def test_of_eight_changes_at_once_each_has_a_version_of_its_own(
    sessions: sessionmaker[Session], account_id: UUID, definition_id: UUID
) -> None:
    def put(_: int) -> int:
        with sessions.begin() as session:
            return change(session, account_id, definition_id).version

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(put, range(8))) == [*range(2, 10)]


def test_a_change_that_must_be_too_large_changes_nothing(
    session: Session, account_id: UUID, definition_id: UUID
) -> None:
    with pytest.raises(TooLargeError):
        change(session, account_id, definition_id, Draft("name", "x" * 4000, "key"))
    assert definitions.find(AccountScope(session, account_id, NOW), definition_id).version == 1


def test_only_the_newest_version_is_started_by_its_schedule(
    session: Session, account_id: UUID, definition_id: UUID
) -> None:
    change(session, account_id, definition_id)

    def fires(version: int) -> bool:
        return triggers.fire(
            AccountScope(session, account_id, NOW),
            VersionReference(definition_id, version),
            execution_id=uuid7(),
            input_jwe="sealed",
            limits=ExecutionLimits(9),
        )

    assert (fires(1), fires(2)) == (False, True)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (ExecutionLimits(0), "executions_too_many"),
        (ExecutionLimits(9, quota_bytes=1), "quota_exceeded"),
    ],
)
def test_a_trigger_starts_nothing_for_which_the_account_has_no_room(
    session: Session, account_id: UUID, definition_id: UUID, limits: ExecutionLimits, code: str
) -> None:
    with pytest.raises((ConflictError, ForbiddenError)) as refusal:
        triggers.fire(
            AccountScope(session, account_id, NOW),
            VersionReference(definition_id, 1),
            execution_id=uuid7(),
            input_jwe="sealed",
            limits=limits,
        )
    assert refusal.value.code == code


def test_what_is_opened_is_the_version_that_was_started(
    session: Session, account_id: UUID, definition_id: UUID
) -> None:
    found = definitions.find(AccountScope(session, account_id, NOW), definition_id, lock=True)
    order = SealedInput("sealed", seal_result=False)
    old = executions.start(AccountScope(session, account_id, NOW), found, order)
    change(session, account_id, definition_id)
    new = executions.start(AccountScope(session, account_id, NOW), found, order)
    again = executions.start(AccountScope(session, account_id, NOW), found, order, version=1)
    opened = [
        executions.open_with_definition(
            AccountScope(session, account_id, NOW), execution.id, run_id=uuid7()
        ).version
        for execution in (old, new, again)
    ]
    assert [version.encrypted_data for version in opened] == ["sealed", "resealed", "sealed"]


def test_of_a_start_and_a_deletion_at_once_one_finds_the_other(
    sessions: sessionmaker[Session], account_id: UUID
) -> None:
    def begin(definition_id: UUID) -> str:
        with sessions.begin() as session:
            try:
                found = definitions.find(
                    AccountScope(session, account_id, NOW), definition_id, lock=True
                )
                order = SealedInput("sealed", seal_result=False)
                executions.start(AccountScope(session, account_id, NOW), found, order)
            except EngineError as refusal:
                return refusal.code
            return "started"

    def delete(definition_id: UUID) -> str:
        with sessions.begin() as session:
            try:
                found = definitions.find(
                    AccountScope(session, account_id, NOW), definition_id, lock=True
                )
                deletion.delete(AccountScope(session, account_id, NOW), found)
            except ConflictError as refusal:
                return refusal.code
            return "deleted"

    for _ in range(10):
        with sessions.begin() as session:
            made = definitions.save(AccountScope(session, account_id, NOW), FIRST).id
        with ThreadPoolExecutor(2) as threads:
            one, other = threads.submit(begin, made), threads.submit(delete, made)
            assert {one.result(), other.result()} in (
                {"started", "workflow_running"},
                {"workflow_unknown", "deleted"},
            )


def test_nothing_of_a_deleted_definition_is_left_to_be_checked(
    session: Session, account_id: UUID, definition_id: UUID
) -> None:
    found = change(session, account_id, definition_id)
    session.execute(outbox.deletion(VersionCheck(account_id, VersionReference(definition_id))))
    deletion.delete(AccountScope(session, account_id, NOW), found)
    assert waiting(session, VersionCheck.kind, definition_id) == set()
    assert waiting(session, TriggersEnd.kind, definition_id) == {
        str(definition_id),
        f"{definition_id}:2",
    }
    with pytest.raises(NotFoundError, match="no such workflow"):
        versions.find(AccountScope(session, account_id, NOW), definition_id, 1)


def test_a_stranger_finds_no_version(session: Session, definition_id: UUID) -> None:
    with pytest.raises(NotFoundError, match="no such workflow"):
        versions.find(AccountScope(session, uuid7(), NOW), definition_id, 1)
    with pytest.raises(NotFoundError, match="no such workflow"):
        versions.browse(AccountScope(session, uuid7(), NOW), definition_id, limit=1, after=None)


def test_the_check_of_a_later_version_is_disclosed_as_the_firsts_is(
    session: Session, definition_id: UUID
) -> None:
    ours = {f"definition:{definition_id}", f"definition:{definition_id}:12"}
    others = {
        *(
            f"definition:{definition_id}:0",
            f"definition:{definition_id}:",
            f"definition:{uuid7()}:2",
        ),
        *(
            f"execution:{definition_id}",
            f"execution:{definition_id}:2",
            "definition:x",
            "",
            "read:1",
        ),
    }
    assert payload_disclosure.disclose(session, ours | others, now=NOW) == ours

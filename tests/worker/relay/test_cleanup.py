"""What has had its time is deleted, and nothing else."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.accounts.sessions import SessionLifetime
from engine.store.accounts import Account, Challenge, IdempotencyKey, RefreshSession
from engine.store.executions import Execution
from engine.store.workflows import Definition
from engine.workflows.executions import deletion
from worker.relay.cleanup import LOCK, sweep

pytestmark = pytest.mark.stack


NOW = datetime(2026, 1, 2, tzinfo=UTC)
LIFETIME = SessionLifetime(timedelta(days=7), timedelta(days=30))


def begun(session: Session, account_id: UUID, days: int) -> UUID:
    at = NOW - timedelta(days=days)
    made = RefreshSession(account_id=account_id, created_at=at, rotated_at=at, proved_at=at)
    session.add(made)
    session.flush()
    return made.id


def test_each_thing_goes_when_it_has_had_its_time(session: Session) -> None:
    account = Account(email=f"{uuid7()}@x", password_hash="-", public_key="-", created_at=NOW)
    session.add(account)
    session.flush()
    old, young = begun(session, account.id, 61), begun(session, account.id, 59)
    for hours, holder in ((25, "old"), (23, "young")):
        at = NOW - timedelta(hours=hours)
        session.add(
            IdempotencyKey(
                account_id=account.id, key=holder, fingerprint="-", subject=uuid7(), created_at=at
            )
        )
    for minutes, purpose in ((-1, "old"), (1, "young")):
        expires_at = NOW + timedelta(minutes=minutes)
        session.add(Challenge(session_id=young, purpose=purpose, value="00", expires_at=expires_at))
    session.flush()
    assert sweep(session, session_lifetime=LIFETIME, now=NOW) is not None
    session.expire_all()
    mine = select(RefreshSession.id).where(RefreshSession.account_id == account.id)
    assert session.scalars(mine).all() == [young] != [old]
    keys = select(IdempotencyKey.key).where(IdempotencyKey.account_id == account.id)
    assert session.scalars(keys).all() == ["young"]
    challenges = select(Challenge.purpose).where(Challenge.session_id == young)
    assert session.scalars(challenges).all() == ["young"]


def test_of_two_relays_one_sweeps(session: Session) -> None:
    assert session.bind is not None
    with Session(session.bind) as other:
        other.scalar(select(func.pg_advisory_xact_lock(LOCK)))
        assert sweep(session, session_lifetime=LIFETIME, now=NOW) is None


def ran(
    session: Session, definition: Definition, *, days: int | None, by: UUID | None = None
) -> Execution:
    """Store an execution that ended so many days ago, or runs."""
    ended_at = None if days is None else NOW - timedelta(days=days)
    made = Execution(
        account_id=definition.account_id,
        definition_id=definition.id,
        definition_version=1,
        status="running" if days is None else "completed",
        input_sealed="-",
        seal_result=False,
        ordered_by=by,
        created_at=NOW - timedelta(days=200),
        ended_at=ended_at,
    )
    session.add(made)
    session.flush()
    return made


def test_executions_go_when_they_ended_long_ago_a_batch_at_a_time(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account(email=f"{uuid7()}@x", password_hash="-", public_key="-", created_at=NOW)
    session.add(account)
    session.flush()
    times = {"created_at": NOW, "updated_at": NOW}
    definition = Definition(
        account_id=account.id, name="-", encrypted_data="-", encryption_key="-", **times
    )
    session.add(definition)
    session.flush()
    running = ran(session, definition, days=None)
    young = ran(session, definition, days=89)
    awaited = ran(session, definition, days=91, by=running.id)
    old = [
        ran(session, definition, days=91, by=young.id),
        *(ran(session, definition, days=91) for _ in "abc"),
    ]
    definition.last_execution_id = old[0].id
    session.flush()
    monkeypatch.setattr(deletion, "BATCH_ROWS", 3)
    counts = [deletion.delete_expired(session, days=90, now=NOW) for _ in range(3)]
    assert counts == [3, 1, 0]
    session.expire_all()
    left = select(Execution.id).where(Execution.account_id == account.id)
    assert set(session.scalars(left)) == {running.id, young.id, awaited.id}
    assert definition.last_execution_id is None

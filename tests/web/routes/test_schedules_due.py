"""What becomes of the times at which schedules are due."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, sessionmaker

from bin.devtools.stack.client import Client
from engine.contracts.outbox_messages import ExecutionLaunch
from engine.store.executions import Execution
from engine.store.outbox import OutboxMessage
from engine.store.schedules import Firing, Schedule
from tests.support.waiting import until
from tests.support.web.schedules import (
    SLEEPER,
    YEARLY,
    create_schedule,
    path,
    refusal,
    stamp,
    wait_for_end,
    wait_for_firings,
)

pytestmark = [pytest.mark.platform, pytest.mark.usefixtures("_stopped")]


def test_a_stretch_of_time_is_made_up_for_once_and_in_turn(
    laptop: Client, sessions: sessionmaker[Session]
) -> None:
    noon = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=12)
    schedule = create_schedule(
        laptop, cron="0 * * * *", paused=True, startAt=stamp(noon - timedelta(days=1))
    )
    asked = {"since": stamp(noon), "until": stamp(noon + timedelta(hours=4))}
    answer = laptop.http.post(f"{path(schedule)}/backfill", json=asked)
    assert (answer.status_code, answer.json()["times"]) == (202, 5)
    fives = wait_for_firings(laptop, schedule, 5)
    assert [one["dueAt"] for one in fives] == [
        stamp(noon + timedelta(hours=h)) for h in (4, 3, 2, 1, 0)
    ]
    for one in fives:
        assert wait_for_end(laptop, one["executionId"])["status"] == "completed"
    wider = asked | {"until": stamp(noon + timedelta(hours=6))}
    laptop.request("POST", f"{path(schedule)}/backfill", json=wider)
    sevens = wait_for_firings(laptop, schedule, 7)
    assert [one["executionId"] for one in sevens[2:]] == [one["executionId"] for one in fives]
    with sessions() as session:
        runs = select(func.count()).where(Execution.definition_id == UUID(schedule["workflowId"]))
        assert session.scalar(runs) == 7


def test_a_backfill_is_bounded(laptop: Client) -> None:
    schedule = create_schedule(laptop, every=60, paused=True)
    now = datetime.now(UTC)

    def asked(start: datetime, end: datetime) -> dict[str, Any]:
        body = {"since": stamp(start), "until": stamp(end)}
        return refusal(laptop, "POST", f"{path(schedule)}/backfill", json=body)

    assert asked(now - timedelta(days=1), now)["code"] == "backfill_too_long"
    assert asked(now, now - timedelta(days=1))["at"] == ["/until"]
    assert asked(now + timedelta(days=1), now + timedelta(days=2))["at"] == ["/until"]


@contextmanager
def left(laptop: Client, schedule: dict[str, Any]) -> Iterator[Callable[[], list[str]]]:
    """Give the statuses of a schedule's executions, oldest first; stop them all on the way out."""

    def statuses() -> list[str]:
        return [one["status"] for one in reversed(laptop.request("GET", path(schedule))["recent"])]

    yield statuses
    laptop.delete_schedule(schedule)
    for one in laptop.request("GET", "/api/executions", params={"status": "running"})["executions"]:
        laptop.http.post(f"/api/executions/{one['executionId']}/terminate")


def test_by_default_a_time_is_skipped_while_the_execution_before_runs(laptop: Client) -> None:
    schedule = create_schedule(laptop, SLEEPER, every=1)
    with left(laptop, schedule) as statuses:
        wait_for_firings(laptop, schedule)
        other = create_schedule(laptop, every=1)  # is due three times meanwhile
        wait_for_firings(laptop, other, 3)
        assert statuses() == ["running"]
        laptop.delete_schedule(other)


@pytest.mark.parametrize("overlap", ["cancel_other", "terminate_other"])
def test_the_execution_before_is_stopped_if_that_is_asked_for(laptop: Client, overlap: str) -> None:
    schedule = create_schedule(laptop, SLEEPER, every=2, overlap=overlap)
    with left(laptop, schedule) as statuses:
        wait_for_firings(laptop, schedule, 2)
        until(lambda: statuses()[0] == "failed")


def test_executions_run_side_by_side_if_that_is_asked_for(laptop: Client) -> None:
    schedule = create_schedule(laptop, SLEEPER, every=1, overlap="allow_all")
    with left(laptop, schedule) as statuses:
        wait_for_firings(laptop, schedule, 2)
        assert set(statuses()) == {"running"}


@contextmanager
def many(sessions: sessionmaker[Session], schedule: dict[str, Any], count: int) -> Iterator[None]:
    """Start so many executions that are due in a year, so that nothing expects them before."""
    now, workflow = datetime.now(UTC), UUID(schedule["workflowId"])
    with sessions.begin() as session:
        account = session.scalars(
            select(Schedule.account_id).where(Schedule.definition_id == workflow)
        ).one()
        rows = [
            Execution(
                account_id=account,
                definition_id=workflow,
                definition_version=1,
                status="running",
                input_sealed="-",
                seal_result=False,
                created_at=now,
            )
            for _ in range(count)
        ]
        session.add_all(rows)
        session.flush()
        due = now + timedelta(days=365)
        session.add_all(
            OutboxMessage(
                account_id=account,
                kind=ExecutionLaunch.kind,
                subject=str(row.id),
                created_at=now,
                due_at=due,
            )
            for row in rows
        )
    try:
        yield
    finally:
        with sessions.begin() as session:
            session.execute(delete(OutboxMessage).where(OutboxMessage.account_id == account))


def test_past_the_accounts_limit_a_time_is_refused_and_says_so(
    laptop: Client, sessions: sessionmaker[Session]
) -> None:
    schedule = create_schedule(laptop, cron=YEARLY)
    with many(sessions, schedule, 100):
        last = datetime(datetime.now(UTC).year, 1, 1, tzinfo=UTC)
        stretch = {"since": stamp(last), "until": stamp(last + timedelta(hours=1))}
        laptop.request("PATCH", path(schedule), json={"startAt": None}, headers={"If-Match": "*"})
        laptop.request("POST", f"{path(schedule)}/backfill", json=stretch)
        (firing,) = wait_for_firings(laptop, schedule)
        assert (firing["refusal"], firing["executionId"]) == ("executions_too_many", None)
        assert refusal(laptop, "POST", f"{path(schedule)}/run")["code"] == "executions_too_many"


def test_a_firing_names_one_execution_however_often_it_comes(
    laptop: Client, sessions: sessionmaker[Session]
) -> None:
    schedule = create_schedule(laptop, every=1)
    wait_for_firings(laptop, schedule, 3)
    laptop.request("POST", f"{path(schedule)}/pause")
    end = datetime.now(UTC)
    stretch = {"since": stamp(end - timedelta(seconds=5)), "until": stamp(end)}
    for _ in range(2):
        laptop.request("POST", f"{path(schedule)}/backfill", json=stretch)
    until(lambda: len(laptop.request("GET", path(schedule))["recent"]) >= 5)
    with sessions() as session:
        times = session.scalars(
            select(Firing.due_at).where(Firing.schedule_id == UUID(schedule["id"]))
        ).all()
        runs = select(func.count()).where(Execution.definition_id == UUID(schedule["workflowId"]))
        assert len(times) == len(set(times)) == session.scalar(runs)

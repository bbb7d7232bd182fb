"""Temporal's schedules follow ours, whatever becomes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client as TemporalClient
from temporalio.service import RPCError, RPCStatusCode

from bin.devtools.stack.client import Client
from engine.config.settings import Settings
from engine.contracts.outbox_messages import ScheduleSync
from engine.store.account_scope import AccountScope
from engine.store.outbox import OutboxMessage
from engine.store.schedules import Schedule
from engine.store.workflows import Definition
from engine.workflows.schedules import schedules, temporal_schedules
from tests.support.platform import Platform
from tests.support.waiting import until
from tests.support.web.schedules import HEAD, create_schedule, path, refusal

pytestmark = [pytest.mark.platform, pytest.mark.usefixtures("_stopped")]


async def test_a_deleted_schedule_is_no_more_in_temporal_either(
    laptop: Client, platform: Platform
) -> None:
    schedule = create_schedule(laptop)
    temporal = await TemporalClient.connect(
        platform.environ["TEMPORAL_ADDRESS"], namespace=platform.environ["TEMPORAL_NAMESPACE"]
    )
    handle = temporal.get_schedule_handle(f"schedule:{schedule['id']}")
    assert (await handle.describe()).schedule.action is not None
    laptop.delete_schedule(schedule)
    with pytest.raises(RPCError, match="not found"):
        await handle.describe()
    assert refusal(laptop, "GET", path(schedule))["code"] == "schedule_unknown"


async def test_nothing_that_a_user_wrote_stands_in_temporals_schedule(
    laptop: Client, platform: Platform
) -> None:
    schedule = create_schedule(laptop, note="canary-note", input={"canary": "canary-input"})
    temporal = await TemporalClient.connect(
        platform.environ["TEMPORAL_ADDRESS"], namespace=platform.environ["TEMPORAL_NAMESPACE"]
    )
    described = await temporal.get_schedule_handle(f"schedule:{schedule['id']}").describe()
    assert schedule["id"] in str(described.raw_description)
    assert "canary" not in str(described.raw_description)


async def test_a_schedule_that_temporal_has_lost_is_made_again_when_it_is_looked_at(
    laptop: Client, platform: Platform
) -> None:
    schedule = create_schedule(laptop)
    temporal = await TemporalClient.connect(
        platform.environ["TEMPORAL_ADDRESS"], namespace=platform.environ["TEMPORAL_NAMESPACE"]
    )
    handle = temporal.get_schedule_handle(f"schedule:{schedule['id']}")
    await handle.delete()
    assert len(laptop.request("GET", path(schedule))["nextTimes"]) == 10
    assert (await handle.describe()).schedule.action is not None


async def test_a_schedule_that_temporal_has_lost_is_made_again_by_the_relays_look(
    laptop: Client, platform: Platform, sessions: sessionmaker[Session]
) -> None:
    schedule, other = create_schedule(laptop), create_schedule(laptop)
    temporal = await TemporalClient.connect(
        platform.environ["TEMPORAL_ADDRESS"], namespace=platform.environ["TEMPORAL_NAMESPACE"]
    )
    handle = temporal.get_schedule_handle(f"schedule:{schedule['id']}")
    await handle.delete()
    with sessions.begin() as session:
        later = datetime.now(UTC) + timedelta(hours=1)
        known = {row.id for row in session.scalars(select(Schedule))} - {UUID(schedule["id"])}
        assert UUID(other["id"]) in known
        assert schedules.sync_missing(session, known, now=later) == 1
        session.execute(update(OutboxMessage).values(due_at=datetime.now(UTC)))

    async def there() -> bool:
        try:
            await handle.describe()
        except RPCError:
            return False
        return True

    while not await there():
        pass


async def test_the_relay_finds_the_schedules_of_an_old_command_key_and_sends_them_anew(
    laptop: Client, platform: Platform
) -> None:
    schedule_id = UUID(create_schedule(laptop)["id"])
    temporal = await TemporalClient.connect(
        platform.environ["TEMPORAL_ADDRESS"], namespace=platform.environ["TEMPORAL_NAMESPACE"]
    )

    async def found(key_id: str) -> bool:
        ids = temporal_schedules.list_ids_by_key(temporal, key_id)
        return schedule_id in {each async for each in ids}

    key_id = Settings.from_env(platform.environ).current_key_id("command_keys")
    while not await found(key_id):  # the list lags
        pass
    assert not await found(f"{key_id}0")


def test_the_schedules_of_a_workflow_go_with_it(
    laptop: Client, sessions: sessionmaker[Session]
) -> None:
    schedule = create_schedule(laptop)
    with sessions.begin() as session:
        definition = session.get_one(Definition, UUID(schedule["workflowId"]))
        schedules.delete_of_definition(
            AccountScope(session, definition.account_id, datetime.now(UTC)), definition.id
        )
        session.delete(definition)
    assert laptop.request("GET", "/api/schedules")["schedules"] == []
    with sessions() as session:
        message = select(OutboxMessage).where(
            OutboxMessage.kind == ScheduleSync.kind, OutboxMessage.subject == schedule["id"]
        )
        until(lambda: not session.scalars(message.execution_options(populate_existing=True)).all())


def own(laptop: Client, workflow: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = laptop.request(
        "GET", "/api/schedules", params={"workflowId": workflow["id"]}
    )["schedules"]
    return found


def saved(laptop: Client, workflow: dict[str, Any], document: str) -> None:
    where = f"/api/workflows/{workflow['id']}"
    sealed = {"name": "changed"} | laptop.seal_workflow(document)
    laptop.request("PUT", where, json=sealed, headers={"If-Match": "*"})
    until(lambda: _checked(laptop, where))


def _checked(laptop: Client, where: str) -> bool:
    version = laptop.request("GET", where)["workflow"]["version"]
    with_marks: dict[str, Any] = laptop.request("GET", f"{where}/versions/{version}")["version"]
    return with_marks["checkedAt"] is not None


async def test_a_new_version_changes_the_times_of_its_workflow_and_a_faulty_one_ends_them(
    laptop: Client, platform: Platform
) -> None:
    steps = "do: [{a: {set: {n: 1}}}]\n"
    workflow = laptop.create_workflow(
        "mine", f"{HEAD}schedule: {{every: PT1H, cron: '0 0 1 1 *'}}\n{steps}"
    )
    before = {one["every"]: one["id"] for one in own(laptop, workflow)}
    assert len(before) == 2
    laptop.request("POST", f"/api/schedules/{before[3600]}/pause")
    saved(laptop, workflow, f"{HEAD}schedule: {{every: PT2H}}\n{steps}")
    (after,) = own(laptop, workflow)
    assert (after["id"], after["every"], after["paused"]) == (before[3600], 7200, True)
    saved(laptop, workflow, f"{HEAD}schedule: {{every: PT2H}}\ndo: [{{a: {{nonsense: 1}}}}]\n")
    assert own(laptop, workflow) == []
    temporal = await TemporalClient.connect(
        platform.environ["TEMPORAL_ADDRESS"], namespace=platform.environ["TEMPORAL_NAMESPACE"]
    )
    for schedule_id in before.values():
        await forgotten(temporal, schedule_id)


async def test_a_deleted_workflow_is_due_no_more(laptop: Client, platform: Platform) -> None:
    schedule = create_schedule(laptop)
    temporal = await TemporalClient.connect(
        platform.environ["TEMPORAL_ADDRESS"], namespace=platform.environ["TEMPORAL_NAMESPACE"]
    )
    laptop.http.delete(
        f"/api/workflows/{schedule['workflowId']}", headers={"If-Match": "*"}
    ).raise_for_status()
    assert laptop.request("GET", "/api/schedules")["schedules"] == []
    await forgotten(temporal, schedule["id"])


async def forgotten(temporal: TemporalClient, schedule_id: str) -> None:
    """Return once Temporal has no such schedule."""
    handle = temporal.get_schedule_handle(f"schedule:{schedule_id}")
    there = True
    while there:
        try:
            await handle.describe()
        except RPCError as fault:
            there = fault.status != RPCStatusCode.NOT_FOUND

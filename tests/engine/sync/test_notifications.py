"""What agents are told, and what finding it out costs."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine.interfaces import CacheStats
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.accounts import agents
from engine.contracts import timestamps
from engine.contracts.outbox_messages import StateChange
from engine.store import outbox
from engine.store.account_scope import AccountScope, AgentScope
from engine.sync import notifications, pull
from engine.sync.change import Change, SyncLimits
from engine.sync.notifications import ChangeNotification
from engine.sync.push import push_changes

pytestmark = pytest.mark.stack


NOW = datetime(2026, 1, 2, tzinfo=UTC)
MANY = 2_000


@pytest.fixture(autouse=True)
def agents_of_the_account(session: Session, account_id: UUID) -> None:
    for agent_id in ("laptop", "phone", "tablet"):
        agents.record_sighting(AgentScope(session, account_id, NOW, agent_id))


def change(session: Session, account_id: UUID, agent_id: str, kind: str = "settings") -> int:
    """Let an agent push something new; return its stamp."""
    pushed = Change(kind, str(uuid7()), "-", "1", {})
    push_changes(AgentScope(session, account_id, NOW, agent_id), [pushed], SyncLimits())
    return pull.read_head(session, account_id)


def delivered(session: Session, account_id: UUID) -> dict[str, Any]:
    broadcast = notifications.take_broadcast(session, account_id)
    message: dict[str, Any] = json.loads(broadcast.message) if broadcast else {}
    return message


def test_news_is_the_newest_stamp_of_others_and_the_types_they_changed(
    session: Session, account_id: UUID
) -> None:
    done = (("laptop", "workflow"), ("phone", "agent"), ("laptop", "settings"))
    first, second, third = (change(session, account_id, agent_id, kind) for agent_id, kind in done)

    def news(agent_id: str, since: int) -> ChangeNotification | None:
        return notifications.find_changes(
            session, account_id=account_id, agent_id=agent_id, since=since
        )

    assert news("phone", 0) == ChangeNotification(third, ["settings", "workflow"])
    assert news("laptop", 0) == ChangeNotification(second, ["agent"])
    assert news("tablet", first) == ChangeNotification(third, ["agent", "settings"])
    assert news("laptop", second) is None


def test_every_live_agent_is_told_once_what_others_did(session: Session, account_id: UUID) -> None:
    first = change(session, account_id, "laptop", "workflow")
    second = change(session, account_id, "phone")
    agents.revoke(AccountScope(session, account_id, NOW), "tablet")
    assert delivered(session, account_id) == {
        "laptop": {"head": timestamps.to_text(second), "types": ["settings"]},
        "phone": {"head": timestamps.to_text(first), "types": ["workflow"]},
    }
    assert outbox.take_all(session, account_id=account_id, kind=StateChange.kind) == []
    assert delivered(session, account_id) == {}
    change(session, account_id, "laptop")
    assert set(delivered(session, account_id)) == {"phone"}


def test_what_a_notice_costs_does_not_grow_with_what_the_account_holds(
    session: Session, account_id: UUID
) -> None:
    made = [
        Change(("agent", "settings", "workflow")[n % 3], f"{n}", "-", "1", {}) for n in range(MANY)
    ]
    push_changes(AgentScope(session, account_id, NOW, "laptop"), made, SyncLimits())
    session.execute(text("ANALYZE sync_states"))
    asked: list[tuple[str, Any]] = []
    connection = session.connection()

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values))

    event.listen(connection, "before_cursor_execute", note)
    notifications.find_changes(session, account_id=account_id, agent_id="phone", since=0)
    delivered(session, account_id)
    event.remove(connection, "before_cursor_execute", note)
    reads = [one for one in asked if "sync_states" in one[0]]
    assert len(reads) == 2
    for statement, values in reads:
        plan = connection.exec_driver_sql(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values
        ).scalar_one()
        assert visited(plan[0]["Plan"]) <= 3 * 3, "a row for each type, for each agent"


def visited(plan: dict[str, Any]) -> float:
    """Return how many rows of states were read, those that were thrown away too."""
    mine = 0.0
    if plan.get("Relation Name") == "sync_states":
        mine = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return mine + sum(visited(inner) for inner in plan.get("Plans", []))


def asked(session: Session, account_id: UUID) -> list[CacheStats]:
    """Deliver; return whether each statement of it was known."""
    known: list[CacheStats] = []

    def note(*execution: Any) -> None:
        known.append(execution[4].cache_hit)

    with_connection = session.connection()
    event.listen(with_connection, "before_cursor_execute", note)
    delivered(session, account_id)
    event.remove(with_connection, "before_cursor_execute", note)
    return known


def test_a_message_too_many_costs_one_question(session: Session, account_id: UUID) -> None:
    change(session, account_id, "laptop")
    assert delivered(session, account_id) != {}
    assert len(asked(session, account_id)) == 1


def test_what_a_delivery_asks_is_put_into_sql_once(session: Session, account_id: UUID) -> None:
    change(session, account_id, "laptop")
    delivered(session, account_id)
    change(session, account_id, "laptop")
    known = asked(session, account_id)
    assert (len(known) > 1, set(known)) == (True, {CacheStats.CACHE_HIT})

"""Notifications: tell an account's agents that other agents have changed states, without content.

The fan-out process sends them from the outbox. A hint says the same of one change, right after its
commit, and may be lost: the notification follows.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Select,
    String,
    Table,
    bindparam,
    column,
    func,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import LateralFromClause

from engine.contracts import timestamps
from engine.contracts.outbox_messages import StateChange
from engine.store import outbox
from engine.store.accounts import Agent
from engine.store.sync import SyncHead, SyncState
from engine.sync.change import TYPES

AGENTS, HEADS, STATES = Agent.__table__.c, SyncHead.__table__.c, SyncState.__table__.c
# An array, because SQLAlchemy compiles a statement with VALUES anew each time.
_TYPES = (
    func.unnest(literal(list(TYPES), ARRAY(String)))
    .table_valued(column("type", String))
    .render_derived(name="types")
)


def _newest(account_id: Any, agent_id: Any, *, since: Any) -> LateralFromClause:
    """Return the newest stamp of another agent's change for each type that has one after `since`.

    It probes the newest end of the index once per type, whatever the account's number of states.
    """
    probe = select(STATES.stamp).where(
        STATES.account_id == account_id,
        STATES.type == _TYPES.c.type,
        STATES.stamp > since,
        STATES.agent_id != agent_id,
    )
    return probe.order_by(STATES.stamp.desc()).limit(1).lateral("newest")


def _agents_behind() -> Select[Any]:
    """Return the query for an account's live agents that were not notified of its head, by type."""
    newest = _newest(AGENTS.account_id, AGENTS.id, since=AGENTS.notified_stamp)
    return (
        select(AGENTS.id, _TYPES.c.type, newest.c.stamp, HEADS.stamp.label("head"))
        .select_from(Agent.__table__)
        .join(SyncHead.__table__, HEADS.account_id == AGENTS.account_id)
        .join(_TYPES, true())
        .join(newest, true(), isouter=True)
        .where(
            AGENTS.account_id == bindparam("account_id"),
            AGENTS.revoked_at.is_(None),
            AGENTS.notified_stamp < HEADS.stamp,
        )
    )


AGENTS_BEHIND = _agents_behind()
STORE_NOTIFIED_STAMP = (
    update(cast("Table", Agent.__table__))
    .where(AGENTS.account_id == bindparam("account"), AGENTS.notified_stamp < bindparam("head"))
    .values(notified_stamp=bindparam("head"))
)


@dataclass(frozen=True, slots=True)
class ChangeNotification:
    """Newest stamp of the changes that an agent has not seen, and their types."""

    head: int
    types: list[str]

    def to_json(self) -> dict[str, object]:
        """Return the JSON object that clients receive."""
        return {"head": timestamps.to_text(self.head), "types": self.types}


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Notifications of all agents of an account, published as one message."""

    head: int  # newest stamp that they cover
    by_agent: dict[str, ChangeNotification]

    @property
    def message(self) -> str:
        """Return the JSON text of the message: a notification by agent id."""
        return json.dumps({agent_id: item.to_json() for agent_id, item in self.by_agent.items()})


def channel(account_id: UUID | str) -> str:
    """Return the Redis channel of an account's notifications."""
    return f"notices:{account_id}"


def hint_channel(account_id: UUID | str) -> str:
    """Return the Redis channel of an account's hints."""
    return f"hints:{account_id}"


def write_hint(*, agent_id: str, head: int, types: Sequence[str]) -> str:
    """Return the JSON text of a hint: the agent changed states of these types, up to a stamp."""
    return json.dumps({"by": agent_id, "head": timestamps.to_text(head), "types": list(types)})


def find_changes(
    session: Session, *, account_id: UUID, agent_id: str, since: int
) -> ChangeNotification | None:
    """Return the notification of what other agents have changed after the stamp `since`, if any."""
    newest = _newest(literal(account_id), literal(agent_id), since=literal(since))
    rows = session.execute(select(_TYPES.c.type, newest.c.stamp).join(newest, true()))
    stamps = {row.type: row.stamp for row in rows}
    return ChangeNotification(max(stamps.values()), sorted(stamps)) if stamps else None


def take_broadcast(session: Session, account_id: UUID) -> Broadcast | None:
    """Delete the account's outbox messages of changes; return what its agents are to be told.

    The caller publishes the broadcast before it commits. Several changes make one broadcast. There
    is none when another call has covered the same changes.
    """
    if not outbox.take_all(session, account_id=account_id, kind=StateChange.kind):
        return None
    rows = session.execute(AGENTS_BEHIND, {"account_id": account_id}).all()
    if not rows:
        return None
    stamps: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for agent_id, kind, stamp, _ in rows:
        if stamp is not None:
            stamps[agent_id][kind] = stamp
    head: int = rows[0].head
    session.execute(STORE_NOTIFIED_STAMP, {"account": account_id, "head": head})
    by_agent = {
        agent_id: ChangeNotification(max(by_type.values()), sorted(by_type))
        for agent_id, by_type in stamps.items()
    }
    return Broadcast(head, by_agent)

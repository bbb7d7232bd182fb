"""Notices: telling an account's other agents that there is something to pull, and never what."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
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
# An array, for SQLAlchemy compiles a statement with VALUES anew each time.
_TYPES = (
    func.unnest(literal(list(TYPES), ARRAY(String)))
    .table_valued(column("type", String))
    .render_derived(name="types")
)


def _newest(account_id: Any, agent_id: Any, *, since: Any) -> LateralFromClause:
    """Return the newest stamp of another agent's change for each type that has one after `since`.

    One probe a type, from the index's newest end: it costs the same however much the account holds.
    """
    probe = select(STATES.stamp).where(
        STATES.account_id == account_id,
        STATES.type == _TYPES.c.type,
        STATES.stamp > since,
        STATES.agent_id != agent_id,
    )
    return probe.order_by(STATES.stamp.desc()).limit(1).lateral("newest")


def _behind() -> Select[Any]:
    """Return the statement for the agents of an account that have not been told of its head, by type."""
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


BEHIND = _behind()
NOTE = (
    update(cast("Table", Agent.__table__))
    .where(
        AGENTS.account_id == bindparam("told_account"), AGENTS.notified_stamp < bindparam("head")
    )
    .values(notified_stamp=bindparam("head"))
)


@dataclass(frozen=True, slots=True)
class Notice:
    """The newest stamp that is news to an agent, and the types that changed."""

    head: int
    types: list[str]

    def told(self) -> dict[str, object]:
        """Return it as clients see it."""
        return {"head": timestamps.text(self.head), "types": self.types}


def channel(account_id: UUID | str) -> str:
    """Return the Redis channel of an account's notices."""
    return f"notices:{account_id}"


def news(session: Session, *, account_id: UUID, agent_id: str, since: int) -> Notice | None:
    """Return what other agents have changed after the stamp `since`, or nothing."""
    newest = _newest(literal(account_id), literal(agent_id), since=literal(since))
    rows = session.execute(select(_TYPES.c.type, newest.c.stamp).join(newest, true()))
    return _notice({row.type: row.stamp for row in rows})


def deliver(
    session: Session, publish: Callable[[str, str], object], *, account_id: UUID
) -> int | None:
    """Tell every live agent of the account what others have changed since it was last told.

    One message for the account carries a notice per agent. Doing it twice tells nothing new; doing it
    once after many changes tells of all of them. What was waiting in the outbox before is then done.

    :return: the newest stamp that was told of, if there was one.
    """
    if not outbox.take_all(session, account_id=account_id, kind=StateChange.kind):
        return None  # another message of the same changes has told of them
    rows = session.execute(BEHIND, {"account_id": account_id}).all()
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for agent_id, kind, at, _ in rows:
        if at is not None:
            found[agent_id][kind] = at
    told = {
        agent_id: notice.told()
        for agent_id, by_type in found.items()
        if (notice := _notice(by_type))
    }
    if told:
        publish(channel(account_id), json.dumps(told))
    if not rows:
        return None
    head: int = rows[0].head
    session.execute(NOTE, {"told_account": account_id, "head": head})
    return head


def _notice(newest: dict[str, int]) -> Notice | None:
    return Notice(max(newest.values()), sorted(newest)) if newest else None

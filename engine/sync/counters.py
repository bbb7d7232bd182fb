"""The highest counter that each agent of an account was ever seen to use: what no clock may run ahead of."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from engine.store.models import SyncCounter


def see(session: Session, account_id: UUID, agent_id: str, counter: int) -> None:
    """Note a counter that an agent has used.

    Its row stays locked until the commit, and is taken before the account's head by every writer, so
    that no two of them wait for each other.
    """
    seen = insert(SyncCounter).values(account_id=account_id, agent_id=agent_id, counter=counter)
    session.execute(
        seen.on_conflict_do_update(
            index_elements=[SyncCounter.account_id, SyncCounter.agent_id],
            set_={"counter": seen.excluded.counter},
            where=SyncCounter.counter < seen.excluded.counter,
        )
    )

"""The highest counter that each agent of an account was ever seen to use: what no clock may run ahead of."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

SEE = text("""
    INSERT INTO sync_counters AS known (account_id, agent_id, counter)
    VALUES (:account_id, :agent_id, :counter)
    ON CONFLICT (account_id, agent_id) DO UPDATE SET counter = excluded.counter
    WHERE known.counter < excluded.counter
""")


def see(session: Session, account_id: UUID, agent_id: str, counter: int) -> None:
    """Note a counter that an agent has used in a version that was kept, but not accepted."""
    if counter:
        session.execute(SEE, {"account_id": account_id, "agent_id": agent_id, "counter": counter})

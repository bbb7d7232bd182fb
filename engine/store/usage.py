"""Table of the bytes that an account's workflows, executions and events use.

Triggers write an entry with each change of those tables. An entry is inserted, never updated: so
the writers of an account do not wait for one another. Sync counts its own rows in `sync_heads`.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import BigInteger, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.store.declarative import Base
from engine.store.sync import SyncHead

ENTRIES_MAX = 64  # of an account, before they are replaced by their sum


class UsageEntry(Base):
    """Bytes that a statement has added to an account, or taken from it."""

    __tablename__ = "usage_entries"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(index=True)
    bytes: Mapped[int] = mapped_column(BigInteger)


SUM = select(func.count(), func.coalesce(func.sum(UsageEntry.bytes), 0))
SYNC_BYTES = select(SyncHead.stored_bytes)
REPLACE_BY_SUM = text("""
    WITH entries AS (
        DELETE FROM usage_entries WHERE account_id = :account_id RETURNING bytes
    )
    INSERT INTO usage_entries (account_id, bytes)
    SELECT :account_id, sum(bytes) FROM entries HAVING count(*) > 0
""")


def measure_account(session: Session, account_id: UUID) -> int:
    """Return all bytes that an account stores; replace its entries by their sum when they are many.

    The caller has locked the account's row, so that nobody else replaces them.
    """
    sync_bytes = SYNC_BYTES.where(SyncHead.account_id == account_id).scalar_subquery()
    query = SUM.add_columns(sync_bytes).where(UsageEntry.account_id == account_id)
    count, workflow_bytes, of_sync = session.execute(query).one()
    if count > ENTRIES_MAX:
        session.execute(REPLACE_BY_SUM, {"account_id": account_id})
    return int(workflow_bytes) + (of_sync or 0)

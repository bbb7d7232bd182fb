"""Tables of sync: heads, agents' counters, states, siblings, changes, past versions and walks.

A stamp is the time of a change in microseconds since 1970, unique in its account.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from engine.store.declarative import Base


class SyncHead(Base):
    """Head of an account: the row that each of its writers locks last, just before the commit."""

    __tablename__ = "sync_heads"
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    stamp: Mapped[int] = mapped_column(BigInteger, default=0)  # of the newest change
    # Stamp of the newest tombstone that was deleted.
    horizon: Mapped[int] = mapped_column(BigInteger, default=0)
    link: Mapped[bytes] = mapped_column(LargeBinary)  # the hash chain's last link, 32 bytes
    states: Mapped[int] = mapped_column(BigInteger, default=0)  # without tombstones
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # of the states' data
    # Of all rows of sync, as `engine.sync.stored_bytes` measures them.
    stored_bytes: Mapped[int] = mapped_column(BigInteger, default=0)


class SyncCounter(Base):
    """Highest counter that an agent has used in a clock of a stored version."""

    __tablename__ = "sync_counters"
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    agent_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    counter: Mapped[int] = mapped_column(BigInteger)


class SyncState(Base):
    """Current version of one entity; the server reads nothing of it but its clock."""

    __tablename__ = "sync_states"
    __table_args__ = (
        UniqueConstraint("account_id", "stamp"),
        Index(None, "account_id", "type", "stamp"),
    )
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    type: Mapped[str] = mapped_column(String(16), primary_key=True)
    entity_id: Mapped[str] = mapped_column(String(256), primary_key=True)
    version: Mapped[str] = mapped_column(String(256))
    clock: Mapped[dict[str, int]]
    encrypted_data: Mapped[str] = mapped_column(Text)
    data_hash: Mapped[bytes] = mapped_column(LargeBinary)  # SHA-256 of the data
    digest: Mapped[bytes] = mapped_column(LargeBinary)  # of all but the stamp, for the hash chain
    agent_id: Mapped[str] = mapped_column(String(128))
    stamp: Mapped[int] = mapped_column(BigInteger)
    deleted: Mapped[bool] = mapped_column(default=False)  # a tombstone: it has no data
    # Most states have no sibling, and then nothing reads the siblings' table.
    sibling_count: Mapped[int] = mapped_column("kept", SmallInteger, default=0)


class SyncSibling(Base):
    """Refused concurrent version, stored until a write covers it."""

    __tablename__ = "sync_siblings"
    __table_args__ = (Index(None, "account_id", "type", "entity_id"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(16))
    entity_id: Mapped[str] = mapped_column(String(256))
    version: Mapped[str] = mapped_column(String(256))
    clock: Mapped[dict[str, int]]
    encrypted_data: Mapped[str] = mapped_column(Text)
    data_hash: Mapped[bytes] = mapped_column(LargeBinary)  # SHA-256 of the data
    agent_id: Mapped[str] = mapped_column(String(128))
    deleted: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


# The next two tables refer to the head, whose row their writer has locked anyway. A reference to
# the account would make all writers of an account lock one more row.


class SyncChange(Base):
    """Accepted change on the hash chain, without its data; never updated."""

    __tablename__ = "sync_changes"
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("sync_heads.account_id", ondelete="CASCADE"), primary_key=True
    )
    stamp: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    type: Mapped[str] = mapped_column(String(16))
    entity_id: Mapped[str] = mapped_column(String(256))
    version: Mapped[str] = mapped_column(String(256))
    clock: Mapped[dict[str, int]]
    agent_id: Mapped[str] = mapped_column(String(128))
    deleted: Mapped[bool] = mapped_column(default=False)
    data_hash: Mapped[bytes] = mapped_column(LargeBinary)
    link: Mapped[bytes] = mapped_column(LargeBinary)


class SyncPast(Base):
    """Data of a past version; the change with the same stamp has its other members."""

    __tablename__ = "sync_pasts"
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("sync_heads.account_id", ondelete="CASCADE"), primary_key=True
    )
    type: Mapped[str] = mapped_column(String(16), primary_key=True)
    entity_id: Mapped[str] = mapped_column(String(256), primary_key=True)
    stamp: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    encrypted_data: Mapped[str] = mapped_column(Text)


class SyncWalk(Base):
    """Progress of an agent that pulls from the start, before the horizon."""

    __tablename__ = "sync_walks"
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    agent_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    type: Mapped[str] = mapped_column(String(16), primary_key=True)  # empty for all types
    start: Mapped[int] = mapped_column(
        "begun", BigInteger
    )  # the account's newest stamp at the start
    since: Mapped[int] = mapped_column(BigInteger)  # of the last page, for a repeated request
    end: Mapped[int] = mapped_column("reached", BigInteger)  # end of that page

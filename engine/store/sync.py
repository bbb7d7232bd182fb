"""The tables of sync: where an account stands, its states, their siblings, and all that led there."""

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
    """Where an account stands: the one row its writers take last, just before commit."""

    __tablename__ = "sync_heads"
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    stamp: Mapped[int] = mapped_column(BigInteger, default=0)  # microseconds since 1970
    horizon: Mapped[int] = mapped_column(
        BigInteger, default=0
    )  # newest tombstone that is kept no more
    link: Mapped[bytes] = mapped_column(LargeBinary)  # the chain's last, 32 bytes
    states: Mapped[int] = mapped_column(BigInteger, default=0)  # how many are not deleted
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # of their data


class SyncCounter(Base):
    """The highest counter that an agent of an account was ever seen to use in a clock."""

    __tablename__ = "sync_counters"
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    agent_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    counter: Mapped[int] = mapped_column(BigInteger)


class SyncState(Base):
    """The current version of one entity, opaque to us but for its clock."""

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
    digest: Mapped[bytes] = mapped_column(
        LargeBinary
    )  # of all but the stamp, as the chain takes it
    agent_id: Mapped[str] = mapped_column(String(128))
    stamp: Mapped[int] = mapped_column(BigInteger)
    deleted: Mapped[bool] = mapped_column(
        default=False
    )  # a tombstone: no data, a clock like any version's
    kept: Mapped[int] = mapped_column(
        SmallInteger, default=0
    )  # siblings: most have none, none are asked for


class SyncSibling(Base):
    """A concurrent version that was refused, kept until a write has seen it."""

    __tablename__ = "sync_siblings"
    __table_args__ = (Index(None, "account_id", "type", "entity_id"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(16))
    entity_id: Mapped[str] = mapped_column(String(256))
    version: Mapped[str] = mapped_column(String(256))
    clock: Mapped[dict[str, int]]
    encrypted_data: Mapped[str] = mapped_column(Text)
    agent_id: Mapped[str] = mapped_column(String(128))
    deleted: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


# The following belong to the head, whose row their writer holds anyway: a reference to the account would have
# all writers of an account meet at one row more.


class SyncChange(Base):
    """An accepted change as the chain has it: never rewritten, without its data."""

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
    """The data of a version that is current no more; the change of the same stamp says the rest."""

    __tablename__ = "sync_pasts"
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("sync_heads.account_id", ondelete="CASCADE"), primary_key=True
    )
    type: Mapped[str] = mapped_column(String(16), primary_key=True)
    entity_id: Mapped[str] = mapped_column(String(256), primary_key=True)
    stamp: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    encrypted_data: Mapped[str] = mapped_column(Text)


class SyncWalk(Base):
    """How far an agent that pulls from the start has come, where deletions are told no more."""

    __tablename__ = "sync_walks"
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    agent_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    type: Mapped[str] = mapped_column(
        String(16), primary_key=True
    )  # the one it pulls; empty for all
    begun: Mapped[int] = mapped_column(BigInteger)  # the account's stamp when it began
    since: Mapped[int] = mapped_column(BigInteger)  # of its last page, which may be asked for again
    reached: Mapped[int] = mapped_column(BigInteger)  # by that page

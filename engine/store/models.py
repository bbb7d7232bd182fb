"""The tables, as plain SQLAlchemy models: web shares their metadata, workers use them bare."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from engine.store.people import (
    Account,
    AccountKey,
    Agent,
    AuditEvent,
    Challenge,
    Factor,
    IdempotencyKey,
    RecoveryCode,
    RefreshSession,
)
from engine.store.tables import Base

__all__ = [
    "Account",
    "AccountKey",
    "Agent",
    "AuditEvent",
    "Base",
    "Challenge",
    "Definition",
    "Execution",
    "Factor",
    "IdempotencyKey",
    "OutboxMessage",
    "RecoveryCode",
    "RefreshSession",
    "SyncCounter",
    "SyncHead",
    "SyncSibling",
    "SyncState",
]


class SyncHead(Base):
    """The newest stamp of an account: the one row its writers take last, just before commit."""

    __tablename__ = "sync_heads"
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    stamp: Mapped[int] = mapped_column(BigInteger, default=0)  # microseconds since 1970
    horizon: Mapped[int] = mapped_column(BigInteger, default=0)  # newest tombstone that is kept no more


class SyncCounter(Base):
    """The highest counter that an agent of an account was ever seen to use in a clock."""

    __tablename__ = "sync_counters"
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    agent_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    counter: Mapped[int] = mapped_column(BigInteger)


class SyncState(Base):
    """The current version of one entity, opaque to us but for its clock."""

    __tablename__ = "sync_states"
    __table_args__ = (
        UniqueConstraint("account_id", "stamp"),
        Index(None, "account_id", "type", "stamp"),
    )
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    type: Mapped[str] = mapped_column(String(16), primary_key=True)
    entity_id: Mapped[str] = mapped_column(String(256), primary_key=True)
    version: Mapped[str] = mapped_column(String(256))
    clock: Mapped[dict[str, int]]
    encrypted_data: Mapped[str] = mapped_column(Text)
    agent_id: Mapped[str] = mapped_column(String(128))
    stamp: Mapped[int] = mapped_column(BigInteger)
    deleted: Mapped[bool] = mapped_column(default=False)  # a tombstone: no data, a clock like any version's


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


class Definition(Base):
    """A workflow a user wrote, sealed; its status follows its latest execution."""

    __tablename__ = "definitions"
    __table_args__ = (Index(None, "account_id", "id"), Index(None, "account_id", "status", "id"))
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(256))
    description: Mapped[str | None] = mapped_column(Text)
    encrypted_data: Mapped[str] = mapped_column(Text)
    encryption_key: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16), default="draft")
    version: Mapped[int] = mapped_column(default=1)
    diagnostics: Mapped[list[Any]] = mapped_column(default=list)
    diagnostics_sealed: Mapped[str | None] = mapped_column(Text)  # JWE to the account's key
    checked_at: Mapped[datetime | None]
    last_execution_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Execution(Base):
    """One run of a definition: this row is the truth, the Temporal workflow does the work."""

    __tablename__ = "executions"
    __table_args__ = (Index(None, "account_id", "id"), Index(None, "definition_id", "id"))
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    definition_id: Mapped[UUID] = mapped_column(ForeignKey("definitions.id", ondelete="CASCADE"))
    definition_version: Mapped[int]
    status: Mapped[str] = mapped_column(String(16), default="running")
    input_sealed: Mapped[str] = mapped_column(Text)  # JWE to an engine key
    seal_result: Mapped[bool]  # to the account's public key; else under the account's own key at rest
    outcome_sealed: Mapped[str | None] = mapped_column(Text)  # {"result": …} or {"error": …}
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class OutboxMessage(Base):
    """Something to be carried to Dramatiq or Temporal, written in the transaction that made it true."""

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "kind", "account_id", "subject"),)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    account_id: Mapped[UUID]  # which may be no more: that too has to be told
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(64))  # a stamp or a UUID: ids only, never data
    created_at: Mapped[datetime] = mapped_column(index=True)
    due_at: Mapped[datetime] = mapped_column(index=True)  # when the relay should carry it

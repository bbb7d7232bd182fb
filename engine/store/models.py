"""The tables, as plain SQLAlchemy models: web shares their metadata, workers use them bare."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from engine.store.bulk import BulkJob
from engine.store.claims import Claim
from engine.store.happenings import Event, Listener
from engine.store.people import (
    Account,
    AccountKey,
    Agent,
    AuditEvent,
    Challenge,
    Channel,
    Factor,
    IdempotencyKey,
    RecoveryCode,
    RefreshSession,
    Secret,
)
from engine.store.progress import ExecutionProgress, ExecutionStep
from engine.store.schedules import Firing, Schedule
from engine.store.states import (
    SyncChange,
    SyncCounter,
    SyncHead,
    SyncPast,
    SyncSibling,
    SyncState,
    SyncWalk,
)
from engine.store.tables import Base
from engine.store.versions import DefinitionVersion

__all__ = [
    "Account",
    "AccountKey",
    "Agent",
    "AuditEvent",
    "Base",
    "BulkJob",
    "Challenge",
    "Channel",
    "Claim",
    "Definition",
    "DefinitionVersion",
    "Event",
    "Execution",
    "ExecutionProgress",
    "ExecutionStep",
    "Factor",
    "Firing",
    "IdempotencyKey",
    "Listener",
    "OutboxMessage",
    "RecoveryCode",
    "RefreshSession",
    "Schedule",
    "Secret",
    "SyncChange",
    "SyncCounter",
    "SyncHead",
    "SyncPast",
    "SyncSibling",
    "SyncState",
    "SyncWalk",
]


class Definition(Base):
    """A workflow a user wrote, as it was saved last, sealed; its status follows its latest execution."""

    __tablename__ = "definitions"
    __table_args__ = (
        Index(None, "account_id", "id"),
        Index(None, "account_id", "status", "id"),
        Index(None, "account_id", "reference"),
        Index(None, "account_id", "family"),
    )
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
    # HMACs under the account's key: of the document's namespace, name and version, and without the version.
    reference: Mapped[str | None] = mapped_column(String(43))
    family: Mapped[str | None] = mapped_column(String(43))
    last_execution_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Execution(Base):
    """One run of a definition: this row is the truth, the Temporal workflow does the work."""

    __tablename__ = "executions"
    __table_args__ = (
        Index(None, "account_id", "created_at", "id"),
        Index(None, "account_id", "status", "created_at", "id"),
        Index(None, "definition_id", "created_at", "id"),
        Index("ix_executions_running", "account_id", postgresql_where=text("status = 'running'")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    definition_id: Mapped[UUID] = mapped_column(ForeignKey("definitions.id", ondelete="CASCADE"))
    definition_version: Mapped[int]
    status: Mapped[str] = mapped_column(String(16), default="running")
    input_sealed: Mapped[str] = mapped_column(Text)  # JWE to an engine key
    ordered_by: Mapped[UUID | None]  # the execution that ran this one, and hears its end
    paused: Mapped[bool] = mapped_column(default=False, server_default=false())  # as its owner wants it
    holds: Mapped[int] = mapped_column(default=0, server_default="0")  # how often that has changed
    seal_result: Mapped[bool]  # to the account's public key; else under the account's own key at rest
    outcome_sealed: Mapped[str | None] = mapped_column(Text)  # {"result": …} or {"error": …}
    retry_of: Mapped[UUID | None] = mapped_column(
        index=True
    )  # the failed execution that this one goes on for
    left_sealed: Mapped[str | None] = mapped_column(Text, deferred=True)  # what a failed one goes on from
    ended_by: Mapped[str | None] = mapped_column(String(16))  # an ending's name, where there is no outcome
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
    traceparent: Mapped[str | None] = mapped_column(String(55))  # of what it is sent for (W3C Trace Context)

"""The table of executions."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from engine.store.declarative import Base


class Execution(Base):
    """Execution of a definition: this row is the truth, the Temporal workflow does the work."""

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
    ordered_by: Mapped[UUID | None]  # the parent execution, which receives the outcome
    opened_by: Mapped[UUID | None]  # the run of its workflow that has begun it; no other one may
    paused: Mapped[bool] = mapped_column(default=False, server_default=false())  # the owner's wish
    holds: Mapped[int] = mapped_column(default=0, server_default="0")  # counts changes of `paused`
    # To the account's public key; otherwise the outcome is only under the account's own key.
    seal_result: Mapped[bool]
    outcome_sealed: Mapped[str | None] = mapped_column(Text)  # {"result": …} or {"error": …}
    retry_of: Mapped[UUID | None] = mapped_column(index=True)  # the failed one that it continues
    left_sealed: Mapped[str | None] = mapped_column(Text, deferred=True)  # checkpoint for a retry
    ended_by: Mapped[str | None] = mapped_column(String(16))  # name of a forced end, see outcome
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

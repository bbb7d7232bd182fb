"""Tables of schedules, and of their firings."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from engine.store.declarative import Base


class Schedule(Base):
    """Schedule of a definition: this row is the truth, Temporal's schedule follows it.

    One of `every` and `cron` is set. A schedule with a trigger is written in the definition itself.
    """

    __tablename__ = "schedules"
    __table_args__ = (
        Index(None, "account_id", "id"),
        Index(None, "definition_id", "id"),
        Index(None, "definition_id", "trigger", unique=True),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    definition_id: Mapped[UUID] = mapped_column(ForeignKey("definitions.id", ondelete="CASCADE"))
    trigger: Mapped[str | None] = mapped_column(String(8))  # every | cron; None: a client's own
    revision: Mapped[int] = mapped_column(default=1)  # raised by one with each change
    every: Mapped[int | None]  # seconds
    counted_from: Mapped[datetime]  # the time from which `every` counts
    cron: Mapped[str | None] = mapped_column(String(256))
    timezone: Mapped[str] = mapped_column(String(64), default="UTC")
    start_at: Mapped[datetime | None]
    end_at: Mapped[datetime | None]
    overlap: Mapped[str] = mapped_column(String(16))
    catchup_seconds: Mapped[int]
    jitter_seconds: Mapped[int] = mapped_column(default=0)
    paused: Mapped[bool] = mapped_column(default=False)
    note: Mapped[str | None] = mapped_column(Text)
    input_sealed: Mapped[str] = mapped_column(Text)  # JWE to an engine key
    seal_result: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Firing(Base):
    """Time at which a schedule was due, with its execution or the reason why there is none."""

    __tablename__ = "firings"
    __table_args__ = (Index(None, "created_at"),)
    schedule_id: Mapped[UUID] = mapped_column(
        ForeignKey("schedules.id", ondelete="CASCADE"), primary_key=True
    )
    due_at: Mapped[datetime] = mapped_column(primary_key=True)
    execution_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("executions.id", ondelete="CASCADE"), index=True
    )
    refusal: Mapped[str | None] = mapped_column(String(32))  # a code
    created_at: Mapped[datetime]

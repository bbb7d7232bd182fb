"""Table of bulk jobs: one action for many executions."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from engine.store.declarative import Base


class BulkJob(Base):
    """Action for all executions that a query finds, and its progress.

    The transaction that acts on executions also stores the counts and the cursor of the last one.
    """

    __tablename__ = "bulk_jobs"
    __table_args__ = (Index(None, "account_id", "id"), Index(None, "ended_at"))
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    action: Mapped[str] = mapped_column(String(16))
    wanted_status: Mapped[str | None] = mapped_column(String(16))
    definition_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("definitions.id", ondelete="CASCADE")
    )
    since: Mapped[datetime | None]
    until: Mapped[datetime]  # no execution that is newer than the job
    status: Mapped[str] = mapped_column(String(8), default="running")  # running | done
    matched: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    place: Mapped[str | None] = mapped_column(String(64))  # cursor of the last one acted on
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

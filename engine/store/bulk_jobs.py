"""The table of bulk jobs: one verb for many executions."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from engine.store.declarative import Base


class BulkJob(Base):
    """A verb for all executions that a query finds, and how far it has come.

    The place of the last one that was seen is kept with the counts, in the transaction that acted on it.
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
    until: Mapped[datetime]  # no execution that was made after the job
    status: Mapped[str] = mapped_column(String(8), default="running")  # running | done
    matched: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    place: Mapped[str | None] = mapped_column(String(64))  # of the last one that was seen
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

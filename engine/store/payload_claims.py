"""Table of payload claims: payloads too large for Temporal, whose histories have their ids."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, func
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from engine.store.declarative import Base


class Claim(Base):
    """Payload as the codec encrypted it for the history, and the run that stored it."""

    __tablename__ = "claims"
    __table_args__ = (Index(None, "workflow_id", "created_at"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    execution_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("executions.id", ondelete="CASCADE"), index=True
    )  # null for a workflow without an execution's row
    workflow_id: Mapped[str] = mapped_column(String(256))
    run_id: Mapped[str] = mapped_column(String(64))
    data: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)

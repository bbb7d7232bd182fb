"""Tables of executions' timelines and progress."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from engine.store.declarative import Base


class ExecutionStep(Base):
    """Entry of a timeline: a phase of a step, whose place is a pointer without names."""

    __tablename__ = "execution_steps"
    execution_id: Mapped[UUID] = mapped_column(
        ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True
    )
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    place: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    phase: Mapped[str] = mapped_column(Text)
    attempt: Mapped[int]
    at: Mapped[datetime]
    error: Mapped[str | None] = mapped_column(Text)


class ExecutionProgress(Base):
    """Progress of an execution: which steps run, and how many there were in each phase."""

    __tablename__ = "execution_progress"
    execution_id: Mapped[UUID] = mapped_column(
        ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True
    )
    seq: Mapped[int]  # of the latest entry
    running: Mapped[list[Any]]  # places, outermost first
    started: Mapped[int]
    completed: Mapped[int]
    failed: Mapped[int]
    cancelled: Mapped[int]
    skipped: Mapped[int]
    retrying: Mapped[int]

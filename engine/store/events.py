"""The tables of events: what awaits its listeners, and who listens."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from engine.store.declarative import Base

WAITING = text("routed_at IS NULL")


class Event(Base):
    """A CloudEvent on its way to whoever listens in its account; once there, only its key stays for a while.

    The row is the outbox message: written in the transaction that made it true, carried at least once.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index(None, "account_id", "number", postgresql_where=WAITING),
        Index(None, "routed_at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)  # the same however often it is handed over
    number: Mapped[int] = mapped_column(BigInteger, Identity())  # the order in which events came
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    execution_id: Mapped[UUID | None]  # the one it is addressed to
    definition_id: Mapped[UUID | None]  # whose execution it comes from
    lifecycle: Mapped[bool] = mapped_column(default=False)
    sealed: Mapped[str | None] = mapped_column(
        Text
    )  # JWE to an engine key; emptied once it is there
    created_at: Mapped[datetime]
    routed_at: Mapped[datetime | None]


class Listener(Base):
    """A type of event that a running execution or a schedule may listen for."""

    __tablename__ = "listeners"
    __table_args__ = (Index(None, "account_id", "key"), Index(None, "definition_id"))
    workflow_id: Mapped[str] = mapped_column(String(96), primary_key=True)
    key: Mapped[str] = mapped_column(
        String(32), primary_key=True
    )  # of the type, keyed per account; or ANY
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    definition_id: Mapped[UUID] = mapped_column(ForeignKey("definitions.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]

"""Tables of events that await delivery, and of their listeners."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from engine.store.declarative import Base

WAITING = text("routed_at IS NULL")


class Event(Base):
    """CloudEvent for listeners of its account; after delivery only its id stays, for a day.

    The row is its own outbox message: the transaction that makes the event true writes it, and
    delivery is at least once.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index(None, "account_id", "number", postgresql_where=WAITING),
        Index(None, "routed_at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)  # the same in each repetition
    number: Mapped[int] = mapped_column(BigInteger, Identity())  # the order of acceptance
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    execution_id: Mapped[UUID | None]  # the only receiver
    definition_id: Mapped[UUID | None]  # of the execution that it comes from
    lifecycle: Mapped[bool] = mapped_column(default=False)
    sealed: Mapped[str | None] = mapped_column(Text)  # JWE to an engine key; null once delivered
    created_at: Mapped[datetime]
    routed_at: Mapped[datetime | None]


class Listener(Base):
    """Event type that a running execution or a trigger listens for."""

    __tablename__ = "listeners"
    __table_args__ = (Index(None, "account_id", "key"), Index(None, "definition_id"))
    workflow_id: Mapped[str] = mapped_column(String(96), primary_key=True)
    # Routing key: a digest of the type, keyed by account; or ANY_TYPE.
    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    definition_id: Mapped[UUID] = mapped_column(ForeignKey("definitions.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]

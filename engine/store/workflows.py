"""Tables of definitions (the API's workflows) and of all their saved versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from engine.store.declarative import Base


class Definition(Base):
    """Workflow of a user in its newest version; its latest execution sets its status."""

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
    # HMACs under the account's key: `reference` of the document's namespace, name and version,
    # `family` of namespace and name.
    reference: Mapped[str | None] = mapped_column(String(43))
    family: Mapped[str | None] = mapped_column(String(43))
    last_execution_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class DefinitionVersion(Base):
    """Saved version of a definition; the definition's own row repeats the newest one."""

    __tablename__ = "definition_versions"
    __table_args__ = (Index(None, "account_id"),)
    definition_id: Mapped[UUID] = mapped_column(
        ForeignKey("definitions.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(256))
    description: Mapped[str | None] = mapped_column(Text)
    encrypted_data: Mapped[str] = mapped_column(Text)
    encryption_key: Mapped[str] = mapped_column(Text)
    diagnostics: Mapped[list[Any]] = mapped_column(default=list)
    diagnostics_sealed: Mapped[str | None] = mapped_column(Text)  # JWE to the account's key
    checked_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

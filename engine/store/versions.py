"""The table of definitions' versions: what was sealed at each saving, kept as long as the definition."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from engine.store.tables import Base


class DefinitionVersion(Base):
    """A definition as it was saved once; the definition's own row shows the newest of them."""

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

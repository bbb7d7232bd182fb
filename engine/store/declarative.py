"""Base class of all tables: names of constraints, times with zones, JSON as jsonb."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

# Constraints have names, so that one migration can drop those of another.
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base class of all tables; times are timestamptz, JSON is jsonb, ids are UUIDv7."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {  # noqa: RUF012 - as SQLAlchemy declares it
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        dict[str, int]: JSONB,
        list[Any]: JSONB,
    }

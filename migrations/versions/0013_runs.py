"""Executions are listed by when they were made: of an account, of one status, of one definition."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

Columns = tuple[tuple[str, ...], ...]
BEFORE: Columns = (("account_id", "id"), ("definition_id", "id"))
AFTER: Columns = (
    ("account_id", "created_at", "id"),
    ("account_id", "status", "created_at", "id"),
    ("definition_id", "created_at", "id"),
)


def upgrade() -> None:
    for columns in AFTER:
        op.create_index(_name(columns), "executions", list(columns))
    for columns in BEFORE:
        op.drop_index(_name(columns), "executions")


def downgrade() -> None:
    for columns in BEFORE:
        op.create_index(_name(columns), "executions", list(columns))
    for columns in AFTER:
        op.drop_index(_name(columns), "executions")


def _name(columns: tuple[str, ...]) -> str:
    return op.f(f"ix_executions_{'_'.join(columns)}")

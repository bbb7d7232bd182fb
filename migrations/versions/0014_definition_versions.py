"""Every version of a definition is kept; what is there already is the first of its definition."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"

SHARED = (
    *("version", "account_id", "name", "description", "encrypted_data", "encryption_key"),
    *("diagnostics", "diagnostics_sealed", "checked_at", "created_at"),
)


def upgrade() -> None:
    op.create_table(
        "definition_versions",
        sa.Column("definition_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("encrypted_data", sa.Text(), nullable=False),
        sa.Column("encryption_key", sa.Text(), nullable=False),
        sa.Column("diagnostics", JSONB(), nullable=False),
        sa.Column("diagnostics_sealed", sa.Text(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_definition_versions_account_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["definition_id"],
            ["definitions.id"],
            name=op.f("fk_definition_versions_definition_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("definition_id", "version", name=op.f("pk_definition_versions")),
    )
    op.create_index(
        op.f("ix_definition_versions_account_id"), "definition_versions", ["account_id"]
    )
    columns = ", ".join(SHARED)
    op.execute(
        f"INSERT INTO definition_versions (definition_id, {columns}) "  # noqa: S608 - columns named above
        f"SELECT id, {columns} FROM definitions"
    )


def downgrade() -> None:
    op.drop_table("definition_versions")

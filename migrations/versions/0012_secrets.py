"""Secrets of accounts, how one definition finds another without names in the clear, and who ran whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "secrets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=True),
        sa.Column("kept", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_secrets_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_secrets")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_secrets_account_id_name")),
    )
    for column in ("reference", "family"):
        op.add_column("definitions", sa.Column(column, sa.String(length=43), nullable=True))
        op.create_index(
            op.f(f"ix_definitions_account_id_{column}"),
            "definitions",
            ["account_id", column],
            unique=False,
        )
    op.add_column("executions", sa.Column("ordered_by", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("executions", "ordered_by")
    for column in ("reference", "family"):
        op.drop_index(op.f(f"ix_definitions_account_id_{column}"), table_name="definitions")
        op.drop_column("definitions", column)
    op.drop_table("secrets")

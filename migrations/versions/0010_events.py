"""Events on their way, and who listens for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("execution_id", sa.Uuid(), nullable=True),
        sa.Column("definition_id", sa.Uuid(), nullable=True),
        sa.Column("lifecycle", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("routed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_events_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(
        op.f("ix_events_account_id_number"),
        "events",
        ["account_id", "number"],
        postgresql_where=sa.text("routed_at IS NULL"),
    )
    op.create_index(op.f("ix_events_routed_at"), "events", ["routed_at"])
    op.create_table(
        "listeners",
        sa.Column("workflow_id", sa.String(length=96), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("definition_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_listeners_account_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["definition_id"],
            ["definitions.id"],
            name=op.f("fk_listeners_definition_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workflow_id", "key", name=op.f("pk_listeners")),
    )
    op.create_index(op.f("ix_listeners_account_id_key"), "listeners", ["account_id", "key"])
    op.create_index(op.f("ix_listeners_definition_id"), "listeners", ["definition_id"])


def downgrade() -> None:
    op.drop_table("listeners")
    op.drop_table("events")

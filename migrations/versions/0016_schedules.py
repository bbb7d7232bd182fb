"""When definitions are executed without being asked to, and what came of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    _make_schedules()
    _make_firings()


def _make_schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("definition_id", sa.Uuid(), nullable=False),
        sa.Column("trigger", sa.String(length=8), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("every", sa.Integer(), nullable=True),
        sa.Column("counted_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cron", sa.String(length=256), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overlap", sa.String(length=16), nullable=False),
        sa.Column("catchup_seconds", sa.Integer(), nullable=False),
        sa.Column("jitter_seconds", sa.Integer(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("input_sealed", sa.Text(), nullable=False),
        sa.Column("seal_result", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_schedules_account_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["definition_id"],
            ["definitions.id"],
            name=op.f("fk_schedules_definition_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
    )
    op.create_index(op.f("ix_schedules_account_id_id"), "schedules", ["account_id", "id"])
    op.create_index(op.f("ix_schedules_definition_id_id"), "schedules", ["definition_id", "id"])
    op.create_index(
        op.f("ix_schedules_definition_id_trigger"),
        "schedules",
        ["definition_id", "trigger"],
        unique=True,
    )


def _make_firings() -> None:
    op.create_table(
        "firings",
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("execution_id", sa.Uuid(), nullable=True),
        sa.Column("refusal", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["schedule_id"],
            ["schedules.id"],
            name=op.f("fk_firings_schedule_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name=op.f("fk_firings_execution_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("schedule_id", "due_at", name=op.f("pk_firings")),
    )
    op.create_index(op.f("ix_firings_created_at"), "firings", ["created_at"])
    op.create_index(op.f("ix_firings_execution_id"), "firings", ["execution_id"])


def downgrade() -> None:
    op.drop_table("firings")
    op.drop_table("schedules")

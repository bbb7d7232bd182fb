"""What an account's owner watches over: sessions that prove and end, named agents, a trail of events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("key_proved_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("agents", sa.Column("name", sa.String(length=128), nullable=True))
    extend_sessions()
    create_audit_events()


def extend_sessions() -> None:
    # Sessions that were there before are full ones, begun with a password.
    op.add_column("sessions", sa.Column("proved_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE sessions SET proved_at = created_at")
    op.alter_column("sessions", "proved_at", nullable=False)
    op.add_column(
        "sessions", sa.Column("amr", sa.String(length=40), server_default="pwd", nullable=False)
    )
    op.alter_column("sessions", "amr", server_default=None)
    op.add_column(
        "sessions", sa.Column("pending", sa.Boolean(), server_default="false", nullable=False)
    )
    op.alter_column("sessions", "pending", server_default=None)
    op.add_column("sessions", sa.Column("tries", sa.Integer(), server_default="0", nullable=False))
    op.alter_column("sessions", "tries", server_default=None)


def create_audit_events() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("agent_id", sa.String(length=128), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_audit_events_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    op.create_index(
        op.f("ix_audit_events_account_id_id"), "audit_events", ["account_id", "id"], unique=False
    )


def downgrade() -> None:
    op.drop_table("audit_events")
    for column in ("tries", "pending", "amr", "proved_at"):
        op.drop_column("sessions", column)
    op.drop_column("agents", "name")
    op.drop_column("accounts", "key_proved_at")

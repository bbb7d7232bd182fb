"""What the clock's table and tombstones need: counters per agent, deletions, and the horizon behind them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    create_counters()
    for table in ("sync_states", "sync_siblings"):
        op.add_column(
            table, sa.Column("deleted", sa.Boolean(), server_default="false", nullable=False)
        )
        op.alter_column(table, "deleted", server_default=None)
    for table, column in (("sync_heads", "horizon"), ("agents", "pulled_stamp")):
        op.add_column(table, sa.Column(column, sa.BigInteger(), server_default="0", nullable=False))
        op.alter_column(table, column, server_default=None)


def create_counters() -> None:
    op.create_table(
        "sync_counters",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.String(length=128), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_sync_counters_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "agent_id", name=op.f("pk_sync_counters")),
    )
    # What clocks have counted so far is known from the versions that are kept.
    op.execute("""
        INSERT INTO sync_counters (account_id, agent_id, counter)
        SELECT account_id, agent_id, max(counter::bigint) FROM (
            SELECT account_id, entry.key AS agent_id, entry.value AS counter
            FROM sync_states, jsonb_each_text(clock) AS entry
            UNION ALL
            SELECT account_id, entry.key, entry.value FROM sync_siblings, jsonb_each_text(clock) AS entry
        ) AS entries GROUP BY account_id, agent_id
    """)


def downgrade() -> None:
    op.drop_column("agents", "pulled_stamp")
    op.drop_column("sync_heads", "horizon")
    for table in ("sync_siblings", "sync_states"):
        op.drop_column(table, "deleted")
    op.drop_table("sync_counters")

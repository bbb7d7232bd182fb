"""Create the tables of the first release, which 0001_first_release.sql lists."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())


def downgrade() -> None:
    op.execute("""
        DROP TABLE
            accounts, account_keys, secrets, idempotency_keys, audit_events, agents, channels,
            sessions, challenges, factors, recovery_codes, sync_heads, sync_states, sync_siblings,
            sync_counters, sync_walks, sync_changes, sync_pasts, definitions, definition_versions,
            executions, execution_steps, execution_progress, bulk_jobs, events, listeners,
            schedules, firings, claims, outbox, usage_entries
    """)
    op.execute("""
        DROP FUNCTION
            count_definitions, count_definition_versions, count_executions, count_events,
            count_schedules, count_execution_steps, count_claims, count_execution_parts
    """)

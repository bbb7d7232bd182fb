"""Executions that failed are retried: what they left, and which one goes on for which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("executions", sa.Column("retry_of", sa.Uuid()))
    op.add_column("executions", sa.Column("left_sealed", sa.Text()))
    op.create_index(op.f("ix_executions_retry_of"), "executions", ["retry_of"])


def downgrade() -> None:
    op.drop_index(op.f("ix_executions_retry_of"), "executions")
    op.drop_column("executions", "left_sealed")
    op.drop_column("executions", "retry_of")

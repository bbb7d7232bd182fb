"""Executions that ended from outside say by what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("executions", sa.Column("ended_by", sa.String(16)))


def downgrade() -> None:
    op.drop_column("executions", "ended_by")

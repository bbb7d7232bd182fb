"""Messages carry the trace of what they are sent for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("traceparent", sa.String(55)))


def downgrade() -> None:
    op.drop_column("outbox", "traceparent")

"""Outbox rows outlive their account: one of them says that the account is to be erased elsewhere too."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.drop_constraint(op.f("fk_outbox_account_id"), "outbox", type_="foreignkey")


def downgrade() -> None:
    op.execute("DELETE FROM outbox WHERE account_id NOT IN (SELECT id FROM accounts)")
    op.create_foreign_key(
        op.f("fk_outbox_account_id"),
        "outbox",
        "accounts",
        ["account_id"],
        ["id"],
        ondelete="CASCADE",
    )

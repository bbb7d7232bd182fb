"""The chain of accepted changes, past versions, sums, and how far who starts over has come."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATES = """
    SELECT account_id, type, entity_id, version, clock, agent_id, deleted, stamp,
        sha256(convert_to(encrypted_data, 'UTF8')) AS data_hash
    FROM sync_states ORDER BY account_id, stamp
"""
BATCH = 1000


def upgrade() -> None:
    create_tables()
    add_columns()
    begin_chains()
    op.execute("""
        UPDATE sync_states SET kept = (
            SELECT count(*) FROM sync_siblings AS kept WHERE kept.account_id = sync_states.account_id
                AND kept.type = sync_states.type AND kept.entity_id = sync_states.entity_id)
    """)
    op.execute("""
        UPDATE sync_heads SET (states, bytes) = (
            SELECT count(*), coalesce(sum(octet_length(encrypted_data)), 0) FROM sync_states
            WHERE sync_states.account_id = sync_heads.account_id AND NOT deleted)
    """)


def create_tables() -> None:
    op.create_table(
        "sync_changes",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("entity_id", sa.String(length=256), nullable=False),
        sa.Column("version", sa.String(length=256), nullable=False),
        sa.Column("clock", JSONB(), nullable=False),
        sa.Column("agent_id", sa.String(length=128), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("data_hash", sa.LargeBinary(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["sync_heads.account_id"],
            name=op.f("fk_sync_changes_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "stamp", name=op.f("pk_sync_changes")),
    )
    op.create_table(
        "sync_pasts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("entity_id", sa.String(length=256), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.Column("encrypted_data", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["sync_heads.account_id"],
            name=op.f("fk_sync_pasts_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "account_id", "type", "entity_id", "stamp", name=op.f("pk_sync_pasts")
        ),
    )
    op.create_table(
        "sync_walks",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.String(length=128), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("begun", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("reached", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_sync_walks_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "agent_id", "type", name=op.f("pk_sync_walks")),
    )


def add_columns() -> None:
    for table, name in (("sync_heads", "states"), ("sync_heads", "bytes"), ("sync_states", "kept")):
        kind = sa.SmallInteger() if name == "kept" else sa.BigInteger()
        op.add_column(table, sa.Column(name, kind, server_default="0", nullable=False))
        op.alter_column(table, name, server_default=None)
    for table, name in (
        ("sync_heads", "link"),
        ("sync_states", "data_hash"),
        ("sync_states", "digest"),
    ):
        op.add_column(table, sa.Column(name, sa.LargeBinary(), nullable=True))


def begin_chains() -> None:
    """Chain what is there in the order of its stamps: what it replaced is known no more."""
    connection = op.get_bind()
    connection.execute(
        sa.text(
            "UPDATE sync_heads SET link = sha256(convert_to('sync-chain:' || account_id, 'UTF8'))"
        )
    )
    found = connection.execute(sa.text(STATES), execution_options={"yield_per": BATCH})
    for rows in found.partitions():
        for row in rows:
            chain(connection, row)
    for table, name in (
        ("sync_heads", "link"),
        ("sync_states", "data_hash"),
        ("sync_states", "digest"),
    ):
        op.alter_column(table, name, nullable=False)


def chain(connection: sa.Connection, row: sa.Row[Any]) -> None:
    told = [
        row.type,
        row.entity_id,
        row.version,
        row.clock,
        row.agent_id,
        row.deleted,
        row.data_hash.hex(),
    ]
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    values = row._asdict() | {"digest": hashlib.sha256(text.encode()).digest()}
    moment = f"{EPOCH + timedelta(microseconds=row.stamp):%Y-%m-%dT%H:%M:%S.%f}Z"
    connection.execute(CHAIN, values | {"moment": moment})


CHAIN = sa.text("""
    WITH head AS (
        UPDATE sync_heads SET link = sha256(link || :digest || convert_to(:moment, 'UTF8'))
        WHERE account_id = :account_id RETURNING link
    ), state AS (
        UPDATE sync_states SET data_hash = :data_hash, digest = :digest
        WHERE account_id = :account_id AND stamp = :stamp
    )
    INSERT INTO sync_changes
        (account_id, stamp, type, entity_id, version, clock, agent_id, deleted, data_hash, link)
    SELECT :account_id, :stamp, :type, :entity_id, :version, :clock, :agent_id, :deleted, :data_hash, link
    FROM head
""").bindparams(sa.bindparam("clock", type_=JSONB()))


def downgrade() -> None:
    for table, name in (
        ("sync_heads", "link"),
        ("sync_heads", "states"),
        ("sync_heads", "bytes"),
        ("sync_states", "kept"),
        ("sync_states", "data_hash"),
        ("sync_states", "digest"),
    ):
        op.drop_column(table, name)
    op.drop_table("sync_walks")
    op.drop_table("sync_pasts")
    op.drop_table("sync_changes")

"""Many states inserted straight into the tables, as pushes leave them, without their hash chain."""

from __future__ import annotations

from uuid import UUID

import psycopg

STATES = """
WITH head AS (
    INSERT INTO sync_heads (account_id, stamp, horizon, link, states, bytes, stored_bytes)
    VALUES (%(account_id)s, %(newest)s, 0, sha256('filled'), %(states)s,
        %(states)s * %(data_bytes)s::bigint, 0)
), counters AS (
    INSERT INTO sync_counters (account_id, agent_id, counter)
    SELECT %(account_id)s, 'filler-' || n, %(states)s FROM generate_series(0, 2) AS n
)
INSERT INTO sync_states (account_id, type, entity_id, version, clock, encrypted_data, data_hash,
    digest, agent_id, stamp, deleted, kept)
SELECT %(account_id)s, (ARRAY['workflow', 'agent', 'settings'])[1 + n %% 3], 'filled-' || n, '1',
    jsonb_build_object('filler-' || n %% 3, n), data, sha256(data::bytea),
    sha256(('filled-' || n)::bytea),
    'filler-' || n %% 3, %(newest)s - %(states)s + n, false, 0
FROM generate_series(1, %(states)s) AS n, (SELECT repeat('x', %(data_bytes)s) AS data) AS same
"""


def insert_states(
    connection: psycopg.Connection,
    account_id: str | UUID,
    *,
    states: int,
    data_bytes: int,
    newest: int,
) -> None:
    """Insert `states` states of `data_bytes` each for a new account, and commit.

    Their stamps end with `newest`. The agents `filler-0` to `filler-2` and the three types
    alternate.
    """
    values = {
        "account_id": account_id,
        "states": states,
        "data_bytes": data_bytes,
        "newest": newest,
    }
    connection.execute(STATES, values)
    connection.commit()

"""Stored bytes: what each row of sync counts against the account's quota, in Python and in SQL.

Every row counts its texts and ROW_BYTES. The latter stand for the fixed columns, the row's header
and its entries in indexes.
"""

from __future__ import annotations

import json

from engine.sync.change import Entity
from engine.sync.clock import Clock

ROW_BYTES = 256
# The same in SQL. PostgreSQL writes jsonb with the separators of Python's json.
LABELS_SQL = "octet_length(entity_id) + octet_length(version) + octet_length(clock::text)"
VERSION_SQL = f"{ROW_BYTES} + {LABELS_SQL} + octet_length(encrypted_data)"
CHANGE_SQL = f"{ROW_BYTES} + {LABELS_SQL}"
PAST_SQL = f"{ROW_BYTES} + octet_length(entity_id) + octet_length(encrypted_data)"


def of_change(entity: Entity, version: str, clock: Clock) -> int:
    """Return what a change counts on the hash chain, where it has no data."""
    labels = len(entity[1].encode()) + len(version.encode()) + len(json.dumps(dict(clock)))
    return ROW_BYTES + labels


def of_version(entity: Entity, version: str, clock: Clock, data_bytes: int) -> int:
    """Return what a current version or a sibling counts."""
    return of_change(entity, version, clock) + data_bytes


def of_past(entity: Entity, data_bytes: int) -> int:
    """Return what a past version counts, whose labels are those of its change."""
    return ROW_BYTES + len(entity[1].encode()) + data_bytes

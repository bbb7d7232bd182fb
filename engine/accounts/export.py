"""Export of everything that is stored of an account, item by item, for its owner."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from engine.contracts import timestamps
from engine.store.account_scope import AccountScope
from engine.store.accounts import (
    Account,
    Agent,
    AuditEvent,
    Channel,
    Factor,
    RefreshSession,
    Secret,
)
from engine.store.bulk_jobs import BulkJob
from engine.store.declarative import Base
from engine.store.events import Event, Listener
from engine.store.executions import Execution
from engine.store.schedules import Schedule
from engine.store.sync import SyncChange, SyncPast, SyncSibling, SyncState
from engine.store.workflows import Definition, DefinitionVersion

BATCH = 100

# Kind, table and the columns that are left out. These hold nothing of the person's own: hashes,
# ciphertext under keys of the platform, and how far the platform has delivered notices.
KINDS: list[tuple[str, type[Base], set[str]]] = [
    ("agent", Agent, {"notified_stamp"}),
    ("channel", Channel, {"secret", "secret_before", "told_stamp", "queued_until", "leased_until"}),
    ("session", RefreshSession, {"counter", "tries"}),
    ("factor", Factor, {"secret", "last_step", "credential_id", "public_key", "sign_count"}),
    ("auditEvent", AuditEvent, set()),
    ("state", SyncState, {"kept"}),
    ("sibling", SyncSibling, set()),
    ("change", SyncChange, set()),
    ("pastVersion", SyncPast, set()),
    ("secret", Secret, {"sealed", "kept"}),
    ("workflow", Definition, {"reference", "family"}),
    ("workflowVersion", DefinitionVersion, set()),
    ("execution", Execution, {"outcome_sealed", "left_sealed"}),
    ("schedule", Schedule, set()),
    ("bulkJob", BulkJob, set()),
    ("event", Event, {"number", "sealed"}),
    ("listener", Listener, {"key"}),
]
STAMPS = {"stamp", "last_stamp"}
NAMES = {"clock": "vectorClock", "stamp": "updatedAt"}


def iterate_items(scope: AccountScope) -> Iterator[dict[str, Any]]:
    """Yield `{"kind", "value"}` for each row of an account, the account itself first.

    Rows are read as a stream. An execution's outcome is encrypted with the account's key, which
    only workers can decrypt: clients read it at `/api/executions/:id`. A secret appears by its
    name alone, because its value can never be read back.
    """
    session, account_id = scope.session, scope.account_id
    account = session.get_one(Account, account_id)
    yield {"kind": "account", "value": _to_members(account, {"password_hash"})}
    for kind, model, internal_columns in KINDS:
        query = select(model).where(model.__table__.c.account_id == account_id)
        for row in session.scalars(query.execution_options(yield_per=BATCH)):
            yield {"kind": kind, "value": _to_members(row, internal_columns | {"account_id"})}
            session.expunge(row)


def _to_members(row: Base, internal_columns: set[str]) -> dict[str, Any]:
    return {
        NAMES.get(column.name) or _to_camel_case(column.name): _to_json(
            column.name, getattr(row, column.name)
        )
        for column in row.__table__.columns
        if column.name not in internal_columns
    }


def _to_json(name: str, value: Any) -> Any:
    if name in STAMPS:
        return None if value is None else timestamps.to_text(value)
    if isinstance(value, datetime):
        return timestamps.to_text(timestamps.from_datetime(value.astimezone(UTC)))
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, UUID) else value


def _to_camel_case(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)

"""Everything that is kept of an account, item by item, for its owner to take along."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.contracts import timestamps
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

# Left out is nothing but what is ours and not the person's: hashes, wrapped keys, how far we have told.
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


def items(session: Session, *, account_id: UUID) -> Iterator[dict[str, Any]]:
    """Yield `{"kind", "value"}` for each thing of an account, the account itself first; read as a stream.

    Outcomes of executions are under the account's key, which only workers open: they are read at
    `/api/executions/:id`. Of secrets there are the names alone: nobody reads their values back.
    """
    account = session.get_one(Account, account_id)
    yield {"kind": "account", "value": _shown(account, {"password_hash"})}
    for kind, model, kept in KINDS:
        mine = select(model).where(model.__table__.c.account_id == account_id)
        for row in session.scalars(mine.execution_options(yield_per=BATCH)):
            yield {"kind": kind, "value": _shown(row, kept | {"account_id"})}
            session.expunge(row)


def _shown(row: Base, kept: set[str]) -> dict[str, Any]:
    return {
        NAMES.get(column.name) or _camel(column.name): _plain(
            column.name, getattr(row, column.name)
        )
        for column in row.__table__.columns
        if column.name not in kept
    }


def _plain(name: str, value: Any) -> Any:
    if name in STAMPS:
        return None if value is None else timestamps.to_text(value)
    if isinstance(value, datetime):
        return timestamps.to_text(timestamps.from_datetime(value.astimezone(UTC)))
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, UUID) else value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)

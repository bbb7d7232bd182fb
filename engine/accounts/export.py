"""Export of everything that is stored of an account, page by page, for its owner."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Select, select, tuple_

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

PAGE_ROWS = 1000
PAGE_BYTES = 1_048_576  # at which a page ends
ROWS_FETCHED = 10  # at once, so that few large rows are in memory

# Kind, table and the columns that are left out. These hold nothing of the person's own: hashes,
# ciphertext under keys of the platform, and how far the platform has delivered notices. A state
# that is replaced during the export becomes a past version, so past versions follow states. The log
# of changes follows both, and shows what came meanwhile.
KINDS: list[tuple[str, type[Base], set[str]]] = [
    ("agent", Agent, {"notified_stamp"}),
    ("channel", Channel, {"secret", "secret_before", "told_stamp", "queued_until", "leased_until"}),
    ("session", RefreshSession, {"counter", "tries"}),
    ("factor", Factor, {"secret", "last_step", "credential_id", "public_key", "sign_count"}),
    ("auditEvent", AuditEvent, set()),
    ("state", SyncState, {"kept"}),
    ("sibling", SyncSibling, set()),
    ("pastVersion", SyncPast, set()),
    ("change", SyncChange, set()),
    ("secret", Secret, {"sealed", "kept"}),
    ("workflow", Definition, {"reference", "family"}),
    ("workflowVersion", DefinitionVersion, set()),
    ("execution", Execution, {"outcome_sealed", "left_sealed"}),
    ("schedule", Schedule, set()),
    ("bulkJob", BulkJob, set()),
    ("event", Event, {"number", "sealed"}),
    ("listener", Listener, {"key"}),
]
# A page begins after the last row of the one before, in an order that an index has: the primary
# key's, except for these.
ORDERS: dict[type[Base], tuple[str, ...]] = {
    SyncSibling: ("type", "entity_id", "id"),
    Execution: ("created_at", "id"),
}
STAMPS = {"stamp", "last_stamp"}
NAMES = {"clock": "vectorClock", "stamp": "updatedAt"}


@dataclass(frozen=True, slots=True)
class ExportPosition:
    """Place in KINDS, and the ordering columns of the last row before it."""

    kind: int = 0
    key: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class ExportPage:
    """Lines of JSON, `{"kind", "value"}` each, and where the next page begins, if there is one."""

    lines: bytes
    next: ExportPosition | None


def read_page(scope: AccountScope, start: ExportPosition | None = None) -> ExportPage:
    """Return the rows from `start` on, until the page is full; the account itself comes first.

    Each page is read by itself, so that no transaction lasts as long as a client reads. An
    execution's outcome is encrypted with the account's key, which only workers can decrypt:
    clients read it at `/api/executions/:id`. A secret appears by its name alone, because its value
    can never be read back.
    """
    parts: list[bytes] = []
    if start is None:
        account = scope.session.get_one(Account, scope.account_id)
        parts.append(_to_line("account", account, {"password_hash"}))
        start = ExportPosition()
    size = 0
    for place in range(start.kind, len(KINDS)):
        kind, model, internal_columns = KINDS[place]
        key = start.key if place == start.kind else None
        order = _order(model)
        count = 0
        # A cursor of the server: few rows are in memory, and those beyond the page are not read.
        query = _query(scope, model, order, key).execution_options(yield_per=ROWS_FETCHED)
        with closing(scope.session.scalars(query)) as rows:
            for row in rows:
                parts.append(_to_line(kind, row, internal_columns | {"account_id"}))
                key = tuple(getattr(row, name) for name in order)
                scope.session.expunge(row)
                count, size = count + 1, size + len(parts[-1])
                if size >= PAGE_BYTES:
                    break
        if size >= PAGE_BYTES or count == PAGE_ROWS:
            return ExportPage(b"".join(parts), ExportPosition(place, key))
    return ExportPage(b"".join(parts), None)


def _order(model: type[Base]) -> tuple[str, ...]:
    keys = tuple(column.name for column in model.__table__.primary_key)
    return ORDERS.get(model) or tuple(name for name in keys if name != "account_id")


def _query(
    scope: AccountScope, model: type[Base], order: tuple[str, ...], key: tuple[Any, ...] | None
) -> Select[Base]:
    columns = [model.__table__.c[name] for name in order]
    query = select(model).where(model.__table__.c.account_id == scope.account_id)
    if key is not None:
        query = query.where(tuple_(*columns) > key)
    return query.order_by(*columns).limit(PAGE_ROWS)


def _to_line(kind: str, row: Base, internal_columns: set[str]) -> bytes:
    return orjson.dumps({"kind": kind, "value": _to_members(row, internal_columns)}) + b"\n"


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

"""Idempotency keys (draft-ietf-httpapi-idempotency-key-header): the same request twice does its work once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from engine.errors import ConflictError, InvalidError
from engine.store.accounts import IdempotencyKey

LASTS = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that bears a key: whose it is, and what it asks."""

    account_id: UUID
    key: str
    fingerprint: str

    @classmethod
    def of(cls, account_id: UUID, key: str, *asked: bytes) -> Request:
        """Take the fingerprint of what is asked: method, path, body."""
        digest = hashlib.sha256(
            b"".join(hashlib.sha256(part).digest() for part in asked)
        ).hexdigest()
        return cls(account_id, key, digest)


def claim(session: Session, request: Request, *, now: datetime) -> UUID | None:
    """Return what the same request made before; nothing when it is the first, which then holds the key.

    The key is held to the end of the transaction, in which the caller stores what it made (`remember`).

    :raises ConflictError: `idempotency_in_flight`, while another request holds the key.
    :raises InvalidError: `idempotency_key_reused`, when the key came with another request.
    """
    name = func.hashtextextended(f"{request.account_id}:{request.key}", 0)
    if not session.scalar(select(func.pg_try_advisory_xact_lock(name))):
        raise ConflictError(
            "idempotency_in_flight", "A request with this Idempotency-Key is under way."
        )
    session.execute(
        delete(IdempotencyKey).where(
            IdempotencyKey.account_id == request.account_id, IdempotencyKey.created_at < now - LASTS
        )
    )
    known = session.get(IdempotencyKey, (request.account_id, request.key))
    if known is None:
        return None
    if known.fingerprint != request.fingerprint:
        detail = "This Idempotency-Key came with another request before."
        raise InvalidError("idempotency_key_reused", detail)
    return known.subject


def remember(session: Session, request: Request, subject: UUID, *, now: datetime) -> None:
    """Store what a request that holds its key has made."""
    session.add(
        IdempotencyKey(
            account_id=request.account_id,
            key=request.key,
            fingerprint=request.fingerprint,
            subject=subject,
            created_at=now,
        )
    )

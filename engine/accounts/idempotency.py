"""Idempotency keys: a request that is sent twice does its work once.

The header is the one of draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from engine.errors import ConflictError, InvalidError
from engine.store.accounts import IdempotencyKey

LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """Account, key and fingerprint of a request that has an Idempotency-Key."""

    account_id: UUID
    key: str
    fingerprint: str

    @classmethod
    def of(cls, account_id: UUID, key: str, *parts: bytes) -> IdempotentRequest:
        """Compute the fingerprint of the request's parts: method, path, body."""
        digest = hashlib.sha256(
            b"".join(hashlib.sha256(part).digest() for part in parts)
        ).hexdigest()
        return cls(account_id, key, digest)


def claim(session: Session, request: IdempotentRequest, *, now: datetime) -> UUID | None:
    """Return the id of the object that the same request created before, if there is one.

    The first request gets None and locks the key until its transaction ends. In the
    same transaction the caller stores what it created (`remember`).

    :raises ConflictError: `idempotency_in_flight`, while another request has the lock.
    :raises InvalidError: `idempotency_key_reused`, when another request used the key.
    """
    name = func.hashtextextended(f"{request.account_id}:{request.key}", 0)
    if not session.scalar(select(func.pg_try_advisory_xact_lock(name))):
        raise ConflictError(
            "idempotency_in_flight", "A request with this Idempotency-Key is still in progress."
        )
    session.execute(
        delete(IdempotencyKey).where(
            IdempotencyKey.account_id == request.account_id,
            IdempotencyKey.created_at < now - LIFETIME,
        )
    )
    row = session.get(IdempotencyKey, (request.account_id, request.key))
    if row is None:
        return None
    if row.fingerprint != request.fingerprint:
        detail = "Another request used this Idempotency-Key before."
        raise InvalidError("idempotency_key_reused", detail)
    return row.subject


def remember(session: Session, request: IdempotentRequest, subject: UUID, *, now: datetime) -> None:
    """Store the id of the object that a request created while it had the lock on its key."""
    session.add(
        IdempotencyKey(
            account_id=request.account_id,
            key=request.key,
            fingerprint=request.fingerprint,
            subject=subject,
            created_at=now,
        )
    )

"""Challenges: random values that a session answers once, for one purpose, within five minutes."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from engine.store.accounts import Challenge

LIFETIME = timedelta(minutes=5)
NONCE_BYTES = 32


def create(session: Session, *, session_id: UUID, purpose: str, now: datetime) -> bytes:
    """Return a new challenge; it replaces the session's earlier one for the same purpose."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    values = {"value": nonce.hex(), "expires_at": now + LIFETIME}
    session.execute(
        insert(Challenge)
        .values(session_id=session_id, purpose=purpose, **values)
        .on_conflict_do_update(
            index_elements=[Challenge.session_id, Challenge.purpose], set_=values
        )
    )
    return nonce


def consume(session: Session, *, session_id: UUID, purpose: str, now: datetime) -> bytes | None:
    """Return the session's challenge for a purpose and delete it; None without a valid one."""
    statement = delete(Challenge).where(
        Challenge.session_id == session_id, Challenge.purpose == purpose
    )
    row = session.execute(statement.returning(Challenge.value, Challenge.expires_at)).one_or_none()
    return None if row is None or row.expires_at < now else bytes.fromhex(row.value)

"""Challenges: drawn for a session and a purpose, answered once, within five minutes."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from engine.store.accounts import Challenge

LASTS = timedelta(minutes=5)
NONCE_BYTES = 32


def draw(session: Session, *, session_id: UUID, purpose: str, now: datetime) -> bytes:
    """Return a new challenge; an earlier one of the session for the same purpose is forgotten."""
    value = secrets.token_bytes(NONCE_BYTES)
    drawn = {"value": value.hex(), "expires_at": now + LASTS}
    session.execute(
        insert(Challenge)
        .values(session_id=session_id, purpose=purpose, **drawn)
        .on_conflict_do_update(index_elements=[Challenge.session_id, Challenge.purpose], set_=drawn)
    )
    return value


def take(session: Session, *, session_id: UUID, purpose: str, now: datetime) -> bytes | None:
    """Return the session's challenge for a purpose, which is then used up; nothing when there is none."""
    taken = delete(Challenge).where(
        Challenge.session_id == session_id, Challenge.purpose == purpose
    )
    found = session.execute(taken.returning(Challenge.value, Challenge.expires_at)).one_or_none()
    return None if found is None or found.expires_at < now else bytes.fromhex(found.value)

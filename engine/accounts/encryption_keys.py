"""Accounts' own keys: what an account's values at rest are under; deleting one shreds them all."""

from __future__ import annotations

import os
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from engine.crypto.keyring import KEY_BYTES, Keyring
from engine.store.accounts import AccountKey


def obtain(session: Session, ring: Keyring, *, account_id: UUID) -> bytes:
    """Return an account's key, drawn at first need.

    :raises InvalidError: `key_unopenable`, when no key of the ring opens it.
    """
    known = session.get(AccountKey, account_id)
    if known is None:
        fresh = ring.wrap(os.urandom(KEY_BYTES), account_id)
        session.execute(
            insert(AccountKey).values(account_id=account_id, wrapped=fresh).on_conflict_do_nothing()
        )
        known = session.get_one(AccountKey, account_id)
    return ring.unwrap(known.wrapped, account_id)


def rewrap(session: Session, ring: Keyring) -> int:
    """Wrap every account's key under the ring's current key; return how many were under another."""
    rows = [row for row in session.scalars(select(AccountKey)) if not ring.is_current(row.wrapped)]
    for row in rows:
        row.wrapped = ring.wrap(ring.unwrap(row.wrapped, row.account_id), row.account_id)
    return len(rows)

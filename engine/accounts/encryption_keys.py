"""Encryption keys of accounts: each protects the account's values at rest.

Deleting the key of an account makes all of these values unreadable (crypto-shredding).
"""

from __future__ import annotations

import os
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from engine.crypto.keyring import KEY_BYTES, Keyring
from engine.store.accounts import AccountKey


def obtain(session: Session, ring: Keyring, *, account_id: UUID) -> bytes:
    """Return an account's key; the first call generates it.

    :raises InvalidError: `key_unopenable`, when no key of the keyring unwraps it.
    """
    row = session.get(AccountKey, account_id)
    if row is None:
        wrapped_key = ring.wrap(os.urandom(KEY_BYTES), account_id)
        session.execute(
            insert(AccountKey)
            .values(account_id=account_id, wrapped_key=wrapped_key)
            .on_conflict_do_nothing()
        )
        row = session.get_one(AccountKey, account_id)
    return ring.unwrap(row.wrapped_key, account_id)


def rewrap(session: Session, ring: Keyring) -> int:
    """Wrap the accounts' keys with the keyring's current key; return how many had another one."""
    rows = [
        row for row in session.scalars(select(AccountKey)) if not ring.is_current(row.wrapped_key)
    ]
    for row in rows:
        row.wrapped_key = ring.wrap(ring.unwrap(row.wrapped_key, row.account_id), row.account_id)
    return len(rows)

import os
from uuid import UUID

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from engine.accounts import encryption_keys
from engine.crypto import keyring
from engine.crypto.keyring import Keyring
from engine.errors import InvalidError
from engine.store.accounts import AccountKey


def ring(*kids: str) -> Keyring:
    return Keyring({kid: kid.encode().ljust(32, b".") for kid in kids})


@pytest.mark.unit
def test_a_value_opens_under_its_key_and_for_its_row_alone() -> None:
    key, row = os.urandom(32), uuid7()
    sealed = keyring.seal_value(key, b"secret", bound_to=row)
    assert keyring.open_value(key, sealed, bound_to=row) == b"secret"
    assert sealed != keyring.seal_value(key, b"secret", bound_to=row), (
        "each value has a key of its own"
    )
    for wrong_key, wrong_row in ((os.urandom(32), row), (key, uuid7())):
        with pytest.raises(InvalidError, match="cannot be decrypted"):
            keyring.open_value(wrong_key, sealed, bound_to=wrong_row)


@pytest.mark.stack
def test_an_accounts_key_is_drawn_once_and_rewrapped_without_changing(
    account_id: UUID, session: Session
) -> None:
    session.execute(
        delete(AccountKey)
    )  # those of accounts under other rings; rolled back after the test
    key = encryption_keys.obtain(session, ring("k1"), account_id=account_id)
    assert encryption_keys.obtain(session, ring("k1"), account_id=account_id) == key
    assert encryption_keys.rewrap(session, ring("k2", "k1")) == 1
    assert encryption_keys.rewrap(session, ring("k2", "k1")) == 0
    session.flush()
    assert encryption_keys.obtain(session, ring("k2"), account_id=account_id) == key
    with pytest.raises(InvalidError, match="no key 'k2'"):
        encryption_keys.obtain(session, ring("k1"), account_id=account_id)


@pytest.mark.stack
def test_deleting_the_accounts_key_shreds_what_it_sealed(
    sessions: sessionmaker[Session], account_id: UUID
) -> None:
    with sessions.begin() as session:
        sealed = keyring.seal_value(
            encryption_keys.obtain(session, ring("k1"), account_id=account_id),
            b"secret",
            bound_to=account_id,
        )
        session.execute(delete(AccountKey).where(AccountKey.account_id == account_id))
    with sessions.begin() as session:
        fresh = encryption_keys.obtain(session, ring("k1"), account_id=account_id)
        with pytest.raises(InvalidError, match="cannot be decrypted"):
            keyring.open_value(fresh, sealed, bound_to=account_id)

"""Recovery codes: ten, each good once, for who has lost the other factors."""

from __future__ import annotations

import hashlib
import secrets
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.orm import Session

from engine.store.accounts import RecoveryCode

CODES = 10
# 24 characters of five bits: at 120 bits a plain digest withstands guessing (ASVS 5.0, 6.5.2).
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: none that reads like another
GROUPS, GROUP = 4, 6
READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def draw(session: Session, *, account_id: UUID) -> list[str]:
    """Return ten new codes, which are stored as digests; the old ones are good no more."""
    forget(session, account_id=account_id)
    codes = ["-".join(_group() for _ in range(GROUPS)) for _ in range(CODES)]
    session.add_all(RecoveryCode(account_id=account_id, digest=_digest(code)) for code in codes)
    return codes


def spend(session: Session, *, account_id: UUID, code: str) -> bool:
    """Tell whether a code is one of the account's, which it then was."""
    found = delete(RecoveryCode).where(
        RecoveryCode.account_id == account_id, RecoveryCode.digest == _digest(code)
    )
    return session.scalar(found.returning(RecoveryCode.digest)) is not None


def forget(session: Session, *, account_id: UUID) -> None:
    """Make the account's codes good no more."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))


def _group() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(GROUP))


def _digest(code: str) -> str:
    return hashlib.sha256(code.upper().translate(READ_AS).encode()).hexdigest()

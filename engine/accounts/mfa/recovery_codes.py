"""Recovery codes: ten codes, each valid once, for an owner who lost the other factors."""

from __future__ import annotations

import hashlib
import secrets
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.orm import Session

from engine.store.accounts import RecoveryCode

CODE_COUNT = 10
# 24 characters of five bits: at 120 bits a plain digest withstands guessing (ASVS 5.0, 6.5.2).
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base32: no two look alike
GROUPS_PER_CODE, GROUP_LENGTH = 4, 6
SPELLINGS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def replace(session: Session, *, account_id: UUID) -> list[str]:
    """Return ten new codes and delete the old ones; the database stores digests only."""
    delete_all(session, account_id=account_id)
    codes = ["-".join(_generate_group() for _ in range(GROUPS_PER_CODE)) for _ in range(CODE_COUNT)]
    session.add_all(RecoveryCode(account_id=account_id, digest=_digest(code)) for code in codes)
    return codes


def consume(session: Session, *, account_id: UUID, code: str) -> bool:
    """Return whether the account has the code, and delete it."""
    statement = delete(RecoveryCode).where(
        RecoveryCode.account_id == account_id, RecoveryCode.digest == _digest(code)
    )
    return session.scalar(statement.returning(RecoveryCode.digest)) is not None


def delete_all(session: Session, *, account_id: UUID) -> None:
    """Delete the account's codes."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))


def _generate_group() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH))


def _digest(code: str) -> str:
    return hashlib.sha256(code.upper().translate(SPELLINGS).encode()).hexdigest()

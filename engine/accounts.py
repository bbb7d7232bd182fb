"""People: who registers, and who they are when they come back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.errors import ConflictError, ForbiddenError, UnauthenticatedError
from engine.passwords import Passwords
from engine.store.models import Account


def register(
    session: Session,
    passwords: Passwords,
    *,
    email: str,
    password: str,
    public_key: str,
    now: datetime,
    registration: str = "open",
) -> Account:
    """Make an account.

    :raises ForbiddenError: when registration is closed.
    :raises InvalidError: when the password cannot be used.
    :raises ConflictError: when the email is taken.
    """
    if registration != "open":
        raise ForbiddenError("registration_closed", "New accounts are not accepted here.")
    made = session.scalars(
        insert(Account)
        .values(
            id=uuid7(),
            email=_normal(email),
            password_hash=passwords.hash(password),
            public_key=public_key,
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=[Account.email])
        .returning(Account)
    ).one_or_none()
    if made is None:
        raise ConflictError("email_taken", "An account with this email exists.")
    return made


def recognise(session: Session, passwords: Passwords, *, email: str, password: str) -> Account:
    """Return the account that the email and the password belong to.

    An unknown email answers as a wrong password does, and costs the same.

    :raises UnauthenticatedError: when they belong to none.
    """
    account = session.scalars(select(Account).where(Account.email == _normal(email))).one_or_none()
    known = account.password_hash if account else None
    if not passwords.verify(known, password) or account is None:
        raise UnauthenticatedError("credentials_invalid", "The email or the password is wrong.")
    if passwords.outdated(account.password_hash):
        account.password_hash = passwords.hash(password)
    return account


def _normal(email: str) -> str:
    return email.strip().lower()

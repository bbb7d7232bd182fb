"""People: who registers, and who they are when they come back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.accounts.passwords import Passwords
from engine.errors import ConflictError, ForbiddenError, UnauthenticatedError
from engine.store.accounts import Account, Agent


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
            email=normal(email),
            password_hash=passwords.hash(password, personal=personal_words(email)),
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
    account = session.scalars(select(Account).where(Account.email == normal(email))).one_or_none()
    known = account.password_hash if account else None
    if not passwords.verify(known, password) or account is None:
        raise UnauthenticatedError("credentials_invalid", "The email or the password is wrong.")
    if passwords.outdated(account.password_hash):
        account.password_hash = passwords.hash(password)
    return account


def confirm(session: Session, passwords: Passwords, *, account_id: UUID, password: str) -> Account:
    """Return the account, whose owner has just shown its password.

    :raises UnauthenticatedError: when it is another.
    """
    account = session.get_one(Account, account_id)
    if not passwords.verify(account.password_hash, password):
        raise UnauthenticatedError("credentials_invalid", "The password is wrong.")
    return account


def personal_words(email: str) -> list[str]:
    """Return the words of an email that make no password for its owner."""
    return [normal(email), normal(email).partition("@")[0]]


def trusts(session: Session, *, email: str, agent_id: str | None) -> bool:
    """Tell whether the agent is a known one of the account with this email, and not revoked."""
    query = (
        select(Agent.id)
        .join(Account, Account.id == Agent.account_id)
        .where(Account.email == normal(email), Agent.id == agent_id, Agent.revoked_at.is_(None))
    )
    return session.scalar(query) is not None


def change_public_key(account: Account, public_key: str) -> None:
    """Replace the key that results are sealed to; that its holder has its private half is unproved."""
    account.public_key, account.key_proved_at = public_key, None


def normal(email: str) -> str:
    """Return the form in which two spellings of an email are the same."""
    return email.strip().lower()

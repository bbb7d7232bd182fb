"""Accounts: registration, verification of credentials, change of the public key, deletion."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.accounts.passwords import Passwords
from engine.contracts.outbox_messages import AccountErasure
from engine.errors import ConflictError, ForbiddenError, UnauthenticatedError
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account
from engine.store.outbox import OutboxMessage
from engine.store.usage import UsageEntry


@dataclass(frozen=True, slots=True)
class Registration:
    """Email, password and public key of an account to be created."""

    email: str
    password: str
    public_key: str


def register(
    session: Session,
    passwords: Passwords,
    registration: Registration,
    *,
    now: datetime,
    open_to_public: bool,
) -> Account:
    """Create an account.

    :raises ForbiddenError: when registration is closed.
    :raises InvalidError: when the password does not follow the rules.
    :raises ConflictError: when another account has the email.
    """
    if not open_to_public:
        raise ForbiddenError("registration_closed", "This server accepts no new accounts.")
    email = registration.email
    password_hash = passwords.hash(registration.password, personal=list_personal_words(email))
    account = session.scalars(
        insert(Account)
        .values(
            id=uuid7(),
            email=normalize_email(email),
            password_hash=password_hash,
            public_key=registration.public_key,
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=[Account.email])
        .returning(Account)
    ).one_or_none()
    if account is None:
        raise ConflictError("email_taken", "An account with this email exists.")
    return account


def verify_credentials(
    session: Session, passwords: Passwords, *, email: str, password: str
) -> Account:
    """Return the account of an email and a password, and renew an outdated hash.

    An unknown email is refused like a wrong password and takes as long.

    :raises UnauthenticatedError: when no account has both.
    """
    query = select(Account).where(Account.email == normalize_email(email))
    account = session.scalars(query).one_or_none()
    password_hash = account.password_hash if account else None
    if not passwords.verify(password_hash, password) or account is None:
        raise UnauthenticatedError("credentials_invalid", "The email or the password is wrong.")
    if passwords.needs_rehash(account.password_hash):
        account.password_hash = passwords.hash(password)
    return account


def verify_password(account: Account, passwords: Passwords, password: str) -> None:
    """Check the password of an account whose owner is logged in.

    :raises UnauthenticatedError: when the password is wrong.
    """
    if not passwords.verify(account.password_hash, password):
        raise UnauthenticatedError("credentials_invalid", "The password is wrong.")


def list_personal_words(email: str) -> list[str]:
    """Return the words of an email that its owner's password must not consist of."""
    return [normalize_email(email), normalize_email(email).partition("@")[0]]


def change_public_key(account: Account, public_key: str) -> None:
    """Replace the key that results are encrypted to, and reset the proof of its private half."""
    account.public_key, account.key_proved_at = public_key, None


def erase(scope: AccountScope) -> None:
    """Delete the account and all of its rows.

    The account's key is deleted too, so no copy of what it encrypted can be decrypted any more
    (crypto-shredding). The relay deletes the account's histories from Temporal.
    """
    session, account_id = scope.session, scope.account_id
    session.execute(delete(OutboxMessage).where(OutboxMessage.account_id == account_id))
    session.execute(delete(Account).where(Account.id == account_id))
    session.execute(delete(UsageEntry).where(UsageEntry.account_id == account_id))
    outbox.append(session, AccountErasure(account_id), now=scope.now, delay_seconds=0)


def normalize_email(email: str) -> str:
    """Return the form of an email that is compared: trimmed and in lower case."""
    return email.strip().lower()

"""Tables of accounts: agents, channels, sessions, factors, audit events, keys, secrets."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from engine.store.declarative import Base


class Account(Base):
    """Account of a person: email, password hash, public key that results are encrypted to."""

    __tablename__ = "accounts"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    email: Mapped[str] = mapped_column(String(320), unique=True)  # in lower case
    password_hash: Mapped[str] = mapped_column(Text)
    public_key: Mapped[str] = mapped_column(Text)  # byte for byte what the client sent
    created_at: Mapped[datetime]
    key_proved_at: Mapped[datetime | None]  # last proof of the private half


class AccountKey(Base):
    """Key of an account, wrapped with the keyring.

    Deleting the row makes everything that the key encrypted unreadable.
    """

    __tablename__ = "account_keys"
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    wrapped_key: Mapped[str] = mapped_column("wrapped", Text)


class Agent(Base):
    """Device or program of an account, identified by the `X-Agent-ID` that it sends."""

    __tablename__ = "agents"
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    notified_stamp: Mapped[int] = mapped_column(BigInteger, default=0)  # newest in its notices
    pulled_stamp: Mapped[int] = mapped_column(BigInteger, default=0)  # all up to it are pulled
    name: Mapped[str | None] = mapped_column(String(128))  # for people


class Channel(Base):
    """Push service or webhook that notifies an agent of changes while it has no live stream."""

    __tablename__ = "channels"
    __table_args__ = (UniqueConstraint("account_id", "agent_id", "endpoint"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    agent_id: Mapped[str] = mapped_column(String(128))
    kind: Mapped[str] = mapped_column(String(16))  # webPush | webhook
    endpoint: Mapped[str] = mapped_column(Text)
    public_key: Mapped[str | None] = mapped_column(String(88))  # webPush: the browser's P-256 point
    key_id: Mapped[str | None] = mapped_column(String(64))  # webPush: kid of the VAPID key
    secret: Mapped[str] = mapped_column(Text)  # wrapped: webPush's auth, or a webhook's signing key
    secret_before: Mapped[str | None] = mapped_column(Text)  # wrapped: the previous signing key
    secret_before_until: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(16), default="active")  # or failing, dead, paused
    failures: Mapped[int] = mapped_column(default=0)  # since the last success
    last_error: Mapped[str | None] = mapped_column(String(32))
    last_delivered_at: Mapped[datetime | None]
    last_stamp: Mapped[int | None] = mapped_column(BigInteger)  # of the last delivered notice
    told_stamp: Mapped[int] = mapped_column(BigInteger)  # no change up to it needs a notice
    next_try_at: Mapped[datetime | None] = mapped_column(index=True)  # None: nothing to deliver
    queued_until: Mapped[datetime | None]  # until then no second message is put into the queue
    leased_until: Mapped[datetime | None]  # until then one process delivers, and no other
    test_id: Mapped[UUID | None]  # of a test notice that has to be delivered
    tested_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class RefreshSession(Base):
    """Login session: one family of refresh tokens, bound to an agent at its first use."""

    __tablename__ = "sessions"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), index=True
    )
    agent_id: Mapped[str | None] = mapped_column(String(128))
    counter: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime]
    rotated_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str | None] = mapped_column(String(40))
    proved_at: Mapped[datetime]  # last proof of the owner's identity
    amr: Mapped[str] = mapped_column(String(40), default="pwd")  # RFC 8176, separated by spaces
    pending: Mapped[bool] = mapped_column(default=False)  # it still needs a second factor
    tries: Mapped[int] = mapped_column(default=0)  # wrong factors since the last right one


class Factor(Base):
    """Second factor: a secret shared with an authenticator app, or a passkey."""

    __tablename__ = "factors"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[str] = mapped_column(String(16))  # totp | passkey
    name: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]  # None: not enrolled yet
    used_at: Mapped[datetime | None]
    secret: Mapped[str | None] = mapped_column(Text)  # TOTP: wrapped with the factor keys
    last_step: Mapped[int | None] = mapped_column(BigInteger)  # TOTP: steps up to it are used
    credential_id: Mapped[bytes | None] = mapped_column(unique=True)
    public_key: Mapped[bytes | None]
    sign_count: Mapped[int | None] = mapped_column(BigInteger)


class RecoveryCode(Base):
    """Digest of a recovery code that was not used yet."""

    __tablename__ = "recovery_codes"
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256


class Challenge(Base):
    """Random value that a session has to answer once."""

    __tablename__ = "challenges"
    session_id: Mapped[UUID] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True
    )
    purpose: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime]


class AuditEvent(Base):
    """Event that concerns the security of an account."""

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "account_id", "id"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(40))
    session_id: Mapped[UUID | None]
    agent_id: Mapped[str | None] = mapped_column(String(128))
    at: Mapped[datetime]


class IdempotencyKey(Base):
    """Id of the object that a request created, so that the same request creates no second one."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index(None, "account_id", "created_at"),)
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))  # SHA-256 of method, path and body
    subject: Mapped[UUID]
    created_at: Mapped[datetime]


class Secret(Base):
    """Value that an account's workflows use by name; only the worker can decrypt it."""

    __tablename__ = "secrets"
    __table_args__ = (UniqueConstraint("account_id", "name"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(128))
    sealed: Mapped[str | None] = mapped_column(Text)  # JWE to an engine key, until its first use
    kept: Mapped[str | None] = mapped_column(Text)  # from then on: encrypted with the account's key
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

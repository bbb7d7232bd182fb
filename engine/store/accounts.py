"""The tables of people: accounts, their agents and sessions, their factors and their trail."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from engine.store.declarative import Base


class Account(Base):
    """A person: an email, a password's hash, and the public key that results are sealed to."""

    __tablename__ = "accounts"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    email: Mapped[str] = mapped_column(
        String(320), unique=True
    )  # as written, lower-cased for comparison
    password_hash: Mapped[str] = mapped_column(Text)
    public_key: Mapped[str] = mapped_column(Text)  # byte for byte as the client sent it
    created_at: Mapped[datetime]
    key_proved_at: Mapped[datetime | None]  # when its holder last proved to hold the private half


class AccountKey(Base):
    """An account's key-encryption key, wrapped by the keyring; deleting the row shreds what it sealed."""

    __tablename__ = "account_keys"
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    wrapped: Mapped[str] = mapped_column(Text)


class Agent(Base):
    """A device or program of an account, known by the `X-Agent-ID` it sends."""

    __tablename__ = "agents"
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    notified_stamp: Mapped[int] = mapped_column(
        BigInteger, default=0
    )  # newest stamp this agent was told of
    pulled_stamp: Mapped[int] = mapped_column(BigInteger, default=0)  # it has pulled past this one
    name: Mapped[str | None] = mapped_column(
        String(128)
    )  # for people; the id is what the agent sends


class Channel(Base):
    """Where an agent is told of changes when no live stream of its is open: a push service, or a webhook."""

    __tablename__ = "channels"
    __table_args__ = (UniqueConstraint("account_id", "agent_id", "endpoint"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    agent_id: Mapped[str] = mapped_column(String(128))
    kind: Mapped[str] = mapped_column(String(16))  # webPush | webhook
    endpoint: Mapped[str] = mapped_column(Text)
    public_key: Mapped[str | None] = mapped_column(String(88))  # webPush: the browser's P-256 point
    key_id: Mapped[str | None] = mapped_column(
        String(64)
    )  # webPush: which of our keys it subscribed to
    secret: Mapped[str] = mapped_column(Text)  # wrapped: webPush's auth, or what signs a webhook
    secret_before: Mapped[str | None] = mapped_column(
        Text
    )  # wrapped: the last one, which signs too
    secret_before_until: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(
        String(16), default="active"
    )  # active | failing | dead | paused
    failures: Mapped[int] = mapped_column(default=0)  # since the last success
    last_error: Mapped[str | None] = mapped_column(String(32))
    last_delivered_at: Mapped[datetime | None]
    last_stamp: Mapped[int | None] = mapped_column(
        BigInteger
    )  # of the last notice that was delivered
    told_stamp: Mapped[int] = mapped_column(BigInteger)  # there is no news for it up to this one
    next_try_at: Mapped[datetime | None] = mapped_column(index=True)  # nothing is owed without it
    queued_until: Mapped[
        datetime | None
    ]  # a message for it is in the queue, and no second one is sent
    leased_until: Mapped[datetime | None]  # a process is delivering, and no other does
    test_id: Mapped[UUID | None]  # of a test notice that is owed
    tested_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class RefreshSession(Base):
    """One refresh-token family, bound to an agent once it is known which."""

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
    proved_at: Mapped[datetime]  # when its holder last proved who they are
    amr: Mapped[str] = mapped_column(
        String(40), default="pwd"
    )  # how, as in RFC 8176, space between
    pending: Mapped[bool] = mapped_column(default=False)  # a second factor is still owed
    tries: Mapped[int] = mapped_column(
        default=0
    )  # factors that were wrong since the last right one


class Factor(Base):
    """A second factor: a secret shared with an authenticator app, or a passkey."""

    __tablename__ = "factors"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[str] = mapped_column(String(16))  # totp | passkey
    name: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]  # it counts from then on
    used_at: Mapped[datetime | None]
    secret: Mapped[str | None] = mapped_column(Text)  # TOTP: wrapped by the factor keys
    last_step: Mapped[int | None] = mapped_column(
        BigInteger
    )  # TOTP: none up to this one is taken again
    credential_id: Mapped[bytes | None] = mapped_column(unique=True)
    public_key: Mapped[bytes | None]
    sign_count: Mapped[int | None] = mapped_column(BigInteger)


class RecoveryCode(Base):
    """A code that has not been used yet, as its digest."""

    __tablename__ = "recovery_codes"
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256


class Challenge(Base):
    """Something unpredictable that a session is to answer, once."""

    __tablename__ = "challenges"
    session_id: Mapped[UUID] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True
    )
    purpose: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime]


class AuditEvent(Base):
    """Something that happened to an account's security."""

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "account_id", "id"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(40))
    session_id: Mapped[UUID | None]
    agent_id: Mapped[str | None] = mapped_column(String(128))
    at: Mapped[datetime]


class IdempotencyKey(Base):
    """What a request made, so that the same one sent again makes nothing."""

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
    """A value that an account's workflows may use by name; only the worker opens it."""

    __tablename__ = "secrets"
    __table_args__ = (UniqueConstraint("account_id", "name"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(128))
    sealed: Mapped[str | None] = mapped_column(Text)  # JWE to an engine key; none once it is kept
    kept: Mapped[str | None] = mapped_column(
        Text
    )  # under the account's own key, from its first use on
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

"""The tables, as plain SQLAlchemy models: web shares their metadata, workers use them bare."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, MetaData, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7

# Named constraints, so that a migration can drop what another one made.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All tables; times are timestamptz, JSON is jsonb, ids are UUIDv7."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        dict[str, int]: JSONB,
        list[Any]: JSONB,
    }


class Account(Base):
    """A person: an email, a password's hash, and the public key that results are sealed to."""

    __tablename__ = "accounts"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    email: Mapped[str] = mapped_column(String(320), unique=True)  # as written, lower-cased for comparison
    password_hash: Mapped[str] = mapped_column(Text)
    public_key: Mapped[str] = mapped_column(Text)  # byte for byte as the client sent it
    created_at: Mapped[datetime]
    key_proved_at: Mapped[datetime | None]  # when its holder last proved to hold the private half


class AccountKey(Base):
    """An account's key-encryption key, wrapped by the keyring; deleting the row shreds what it sealed."""

    __tablename__ = "account_keys"
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    wrapped: Mapped[str] = mapped_column(Text)


class Agent(Base):
    """A device or program of an account, known by the `X-Agent-ID` it sends."""

    __tablename__ = "agents"
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    notified_stamp: Mapped[int] = mapped_column(BigInteger, default=0)  # newest stamp this agent was told of
    name: Mapped[str | None] = mapped_column(String(128))  # for people; the id is what the agent sends


class RefreshSession(Base):
    """One refresh-token family, bound to an agent once it is known which."""

    __tablename__ = "sessions"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    agent_id: Mapped[str | None] = mapped_column(String(128))
    counter: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime]
    rotated_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str | None] = mapped_column(String(40))
    proved_at: Mapped[datetime]  # when its holder last proved who they are
    amr: Mapped[str] = mapped_column(String(40), default="pwd")  # how, as in RFC 8176, space between
    pending: Mapped[bool] = mapped_column(default=False)  # a second factor is still owed
    tries: Mapped[int] = mapped_column(default=0)  # factors that were wrong since the last right one


class Factor(Base):
    """A second factor: a secret shared with an authenticator app, or a passkey."""

    __tablename__ = "factors"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))  # totp | passkey
    name: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]  # it counts from then on
    used_at: Mapped[datetime | None]
    secret: Mapped[str | None] = mapped_column(Text)  # TOTP: wrapped by the factor keys
    last_step: Mapped[int | None] = mapped_column(BigInteger)  # TOTP: none up to this one is taken again
    credential_id: Mapped[bytes | None] = mapped_column(unique=True)
    public_key: Mapped[bytes | None]
    sign_count: Mapped[int | None] = mapped_column(BigInteger)


class RecoveryCode(Base):
    """A code that has not been used yet, as its digest."""

    __tablename__ = "recovery_codes"
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256


class Challenge(Base):
    """Something unpredictable that a session is to answer, once."""

    __tablename__ = "challenges"
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True)
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


class SyncHead(Base):
    """The newest stamp of an account: the one row its writers take last, just before commit."""

    __tablename__ = "sync_heads"
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    stamp: Mapped[int] = mapped_column(BigInteger, default=0)  # microseconds since 1970


class SyncState(Base):
    """The current version of one entity, opaque to us but for its clock."""

    __tablename__ = "sync_states"
    __table_args__ = (
        UniqueConstraint("account_id", "stamp"),
        Index(None, "account_id", "type", "stamp"),
    )
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    type: Mapped[str] = mapped_column(String(16), primary_key=True)
    entity_id: Mapped[str] = mapped_column(String(256), primary_key=True)
    version: Mapped[str] = mapped_column(String(256))
    clock: Mapped[dict[str, int]]
    encrypted_data: Mapped[str] = mapped_column(Text)
    agent_id: Mapped[str] = mapped_column(String(128))
    stamp: Mapped[int] = mapped_column(BigInteger)


class SyncSibling(Base):
    """A concurrent version that was refused, kept until a write has seen it."""

    __tablename__ = "sync_siblings"
    __table_args__ = (Index(None, "account_id", "type", "entity_id"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(16))
    entity_id: Mapped[str] = mapped_column(String(256))
    version: Mapped[str] = mapped_column(String(256))
    clock: Mapped[dict[str, int]]
    encrypted_data: Mapped[str] = mapped_column(Text)
    agent_id: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime]


class Definition(Base):
    """A workflow a user wrote, sealed; its status follows its latest execution."""

    __tablename__ = "definitions"
    __table_args__ = (Index(None, "account_id", "id"), Index(None, "account_id", "status", "id"))
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(256))
    description: Mapped[str | None] = mapped_column(Text)
    encrypted_data: Mapped[str] = mapped_column(Text)
    encryption_key: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16), default="draft")
    version: Mapped[int] = mapped_column(default=1)
    diagnostics: Mapped[list[Any]] = mapped_column(default=list)
    diagnostics_sealed: Mapped[str | None] = mapped_column(Text)  # JWE to the account's key
    checked_at: Mapped[datetime | None]
    last_execution_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Execution(Base):
    """One run of a definition: this row is the truth, the Temporal workflow does the work."""

    __tablename__ = "executions"
    __table_args__ = (Index(None, "account_id", "id"), Index(None, "definition_id", "id"))
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    definition_id: Mapped[UUID] = mapped_column(ForeignKey("definitions.id", ondelete="CASCADE"))
    definition_version: Mapped[int]
    status: Mapped[str] = mapped_column(String(16), default="running")
    input_sealed: Mapped[str] = mapped_column(Text)  # JWE to an engine key
    seal_result: Mapped[bool]  # to the account's public key; else under the account's own key at rest
    outcome_sealed: Mapped[str | None] = mapped_column(Text)  # {"result": …} or {"error": …}
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class IdempotencyKey(Base):
    """What a request made, so that the same one sent again makes nothing."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index(None, "account_id", "created_at"),)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))  # SHA-256 of method, path and body
    subject: Mapped[UUID]
    created_at: Mapped[datetime]


class OutboxMessage(Base):
    """Something to be carried to Dramatiq or Temporal, written in the transaction that made it true."""

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "kind", "account_id", "subject"),)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    account_id: Mapped[UUID]  # which may be no more: that too has to be told
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(64))  # a stamp or a UUID: ids only, never data
    created_at: Mapped[datetime] = mapped_column(index=True)
    due_at: Mapped[datetime] = mapped_column(index=True)  # when the relay should carry it

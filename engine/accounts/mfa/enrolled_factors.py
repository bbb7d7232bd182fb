"""An account's second factors: which there are, and taking one away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from engine.accounts import sessions
from engine.accounts.mfa import recovery_codes as recovery
from engine.errors import ConflictError, NotFoundError
from engine.store.accounts import Factor, RecoveryCode

FACTORS_MOST = 20


@dataclass(frozen=True, slots=True)
class Roster:
    """What an account can show as its second factor."""

    factors: Sequence[Factor]
    recovery_codes: int  # that are left


def browse(session: Session, *, account_id: UUID) -> Roster:
    """Return the account's confirmed factors, oldest first."""
    query = select(Factor).where(Factor.account_id == account_id, Factor.confirmed_at.is_not(None))
    left = select(func.count()).where(RecoveryCode.account_id == account_id)
    found = session.scalars(query.order_by(Factor.id)).all()
    return Roster(found, session.scalar(left) or 0)


def enabled(session: Session, *, account_id: UUID) -> bool:
    """Tell whether the account has a second factor."""
    query = exists().where(Factor.account_id == account_id, Factor.confirmed_at.is_not(None))
    return bool(session.scalar(select(query)))


def need_some(session: Session, *, account_id: UUID) -> None:
    """Return when the account has a second factor.

    :raises ConflictError: when it has none.
    """
    if not enabled(session, account_id=account_id):
        raise ConflictError("mfa_off", "The account has no second factor.")


def make_room(session: Session, *, account_id: UUID) -> None:
    """Forget what was begun and never confirmed.

    :raises ConflictError: when the account has as many factors as it may.
    """
    begun = delete(Factor).where(Factor.account_id == account_id, Factor.confirmed_at.is_(None))
    session.execute(begun)
    if len(browse(session, account_id=account_id).factors) >= FACTORS_MOST:
        raise ConflictError("factors_full", f"An account may have {FACTORS_MOST} factors.")


def settle(
    session: Session, factor: Factor, *, first: bool, session_id: UUID, now: datetime
) -> list[str]:
    """Make a factor count and end the other sessions, which never showed it; return new recovery codes.

    They are drawn with the first factor, and told this once.
    """
    factor.confirmed_at = factor.used_at = now
    end_others(session, account_id=factor.account_id, session_id=session_id, now=now)
    return recovery.draw(session, account_id=factor.account_id) if first else []


def remove(
    session: Session, *, account_id: UUID, factor_id: UUID, session_id: UUID, now: datetime
) -> None:
    """Take a factor away and end the other sessions; with the last one the recovery codes go too.

    :raises NotFoundError: when the account has no factor with this id.
    """
    found = delete(Factor).where(
        Factor.account_id == account_id, Factor.id == factor_id, Factor.confirmed_at.is_not(None)
    )
    if session.scalar(found.returning(Factor.id)) is None:
        raise NotFoundError("factor_unknown", "There is no such factor.")
    if not enabled(session, account_id=account_id):
        recovery.forget(session, account_id=account_id)
    end_others(session, account_id=account_id, session_id=session_id, now=now)


def end_others(session: Session, *, account_id: UUID, session_id: UUID, now: datetime) -> None:
    """End the sessions that began under other rules."""
    sessions.end_all(
        session, account_id=account_id, reason="factor_changed", now=now, keep=session_id
    )

"""Second factors that an account has enrolled: list, confirmation, removal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from engine.accounts import sessions
from engine.accounts.mfa import recovery_codes
from engine.errors import ConflictError, NotFoundError
from engine.store.account_scope import AccountScope
from engine.store.accounts import Factor, RecoveryCode

FACTORS_MAX = 20
METHODS = {"totp": "otp", "passkey": "pop"}  # authentication methods of the factors (RFC 8176)


@dataclass(frozen=True, slots=True)
class EnrolledFactors:
    """Second factors of an account, and how many recovery codes it has not used."""

    factors: Sequence[Factor]
    recovery_code_count: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Factor that was just confirmed, and the recovery codes that come with the first one."""

    factor: Factor
    recovery_codes: list[str]


def list_factors(session: Session, *, account_id: UUID) -> EnrolledFactors:
    """Return the account's confirmed factors, oldest first."""
    query = select(Factor).where(Factor.account_id == account_id, Factor.confirmed_at.is_not(None))
    count = select(func.count()).where(RecoveryCode.account_id == account_id)
    factors = session.scalars(query.order_by(Factor.id)).all()
    return EnrolledFactors(factors, session.scalar(count) or 0)


def has_factor(session: Session, *, account_id: UUID) -> bool:
    """Return whether the account has a confirmed second factor."""
    query = exists().where(Factor.account_id == account_id, Factor.confirmed_at.is_not(None))
    return bool(session.scalar(select(query)))


def require_factor(session: Session, *, account_id: UUID) -> None:
    """Return when the account has a second factor.

    :raises ConflictError: when it has none.
    """
    if not has_factor(session, account_id=account_id):
        raise ConflictError("mfa_off", "The account has no second factor.")


def make_room(session: Session, *, account_id: UUID) -> None:
    """Delete factors that were never confirmed, so that a new one can be enrolled.

    :raises ConflictError: when the account has FACTORS_MAX factors.
    """
    session.execute(
        delete(Factor).where(Factor.account_id == account_id, Factor.confirmed_at.is_(None))
    )
    if len(list_factors(session, account_id=account_id).factors) >= FACTORS_MAX:
        raise ConflictError("factors_full", f"An account may have {FACTORS_MAX} factors.")


def confirm(scope: AccountScope, factor: Factor, *, is_first: bool, session_id: UUID) -> Enrolment:
    """Confirm a factor and end the account's other sessions, which never used it.

    The session has proved the factor now, as by a login. The first factor creates the recovery
    codes. They are returned here and never again.
    """
    factor.confirmed_at = factor.used_at = scope.now
    amr = f"pwd {METHODS[factor.kind]} mfa"
    sessions.record_proof(scope.session, session_id=session_id, now=scope.now, amr=amr)
    end_other_sessions(scope, session_id)
    if not is_first:
        return Enrolment(factor, [])
    return Enrolment(factor, recovery_codes.replace(scope.session, account_id=scope.account_id))


def remove(scope: AccountScope, factor_id: UUID, *, session_id: UUID) -> None:
    """Remove a factor and end the account's other sessions.

    The removal of the last factor deletes the recovery codes.

    :raises NotFoundError: when the account has no factor with this id.
    """
    session, account_id = scope.session, scope.account_id
    statement = delete(Factor).where(
        Factor.account_id == account_id, Factor.id == factor_id, Factor.confirmed_at.is_not(None)
    )
    if session.scalar(statement.returning(Factor.id)) is None:
        raise NotFoundError("factor_unknown", "There is no such factor.")
    if not has_factor(session, account_id=account_id):
        recovery_codes.delete_all(session, account_id=account_id)
    end_other_sessions(scope, session_id)


def end_other_sessions(scope: AccountScope, session_id: UUID) -> None:
    """End all sessions of the account except this one, because its factors changed."""
    sessions.end_all(scope, reason="factor_changed", except_id=session_id)

"""Time-based one-time passwords (RFC 6238).

SHA-1, six digits and steps of thirty seconds, because all authenticator apps support these.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pyotp import TOTP
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from engine.accounts.mfa import enrolled_factors
from engine.accounts.mfa.enrolled_factors import Enrolment
from engine.crypto.keyring import Keyring
from engine.errors import NotFoundError, UnauthenticatedError
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account, Factor

SECRET_BYTES = 20  # RFC 4226 section 4, R6
STEP_SECONDS = 30
DRIFT_STEPS = 1  # that a client's clock may be fast or slow (RFC 6238 section 5.2)
ISSUER = "Cloud API"


@dataclass(frozen=True, slots=True)
class TotpSecret:
    """Secret of an unconfirmed factor; an authenticator app reads `uri` from a QR code."""

    factor: Factor
    secret: str
    uri: str


def enrol(scope: AccountScope, ring: Keyring, *, name: str) -> TotpSecret:
    """Generate a secret; the factor is enrolled once a code confirms that the app has it.

    :raises ConflictError: when the account has the maximum of factors.
    """
    session, account_id = scope.session, scope.account_id
    enrolled_factors.make_room(session, account_id=account_id)
    secret = secrets.token_bytes(SECRET_BYTES)
    factor = Factor(
        account_id=account_id,
        kind="totp",
        name=name,
        created_at=scope.now,
        secret=ring.wrap(secret, account_id),
    )
    session.add(factor)
    session.flush()
    text = base64.b32encode(secret).decode()
    email = session.get_one(Account, account_id).email
    return TotpSecret(factor, text, TOTP(text).provisioning_uri(name=email, issuer_name=ISSUER))


def confirm(
    scope: AccountScope, ring: Keyring, factor_id: UUID, *, session_id: UUID, code: str
) -> Enrolment:
    """Confirm a factor with a code of the authenticator app.

    :raises NotFoundError: when the account has no unconfirmed factor with this id.
    :raises UnauthenticatedError: `mfa_code_invalid`.
    """
    session, account_id = scope.session, scope.account_id
    query = select(Factor).where(
        Factor.account_id == account_id, Factor.id == factor_id, Factor.confirmed_at.is_(None)
    )
    factor = session.scalars(query.with_for_update()).one_or_none()
    if factor is None or factor.kind != "totp":
        raise NotFoundError("factor_unknown", "There is no such factor waiting to be confirmed.")
    is_first = not enrolled_factors.has_factor(session, account_id=account_id)
    if not _consume_code(session, ring, factor, code, scope.now):
        raise UnauthenticatedError("mfa_code_invalid", "The code is wrong.")
    return enrolled_factors.confirm(scope, factor, is_first=is_first, session_id=session_id)


def verify(scope: AccountScope, ring: Keyring, code: str) -> bool:
    """Return whether a code is valid for one of the account's factors and was not used before."""
    query = select(Factor).where(
        Factor.account_id == scope.account_id,
        Factor.kind == "totp",
        Factor.confirmed_at.is_not(None),
    )
    return any(
        _consume_code(scope.session, ring, factor, code, scope.now)
        for factor in scope.session.scalars(query).all()
    )


def rewrap(session: Session, ring: Keyring) -> int:
    """Wrap all secrets with the keyring's current key; return how many had another one."""
    rows = [
        row
        for row in session.scalars(select(Factor).where(Factor.kind == "totp"))
        if row.secret is not None and not ring.is_current(row.secret)
    ]
    for row in rows:
        row.secret = ring.wrap(ring.unwrap(row.secret or "", row.account_id), row.account_id)
    return len(rows)


def _consume_code(
    session: Session, ring: Keyring, factor: Factor, code: str, now: datetime
) -> bool:
    """Mark the code's step as used: of two requests with the same code one succeeds."""
    secret = ring.unwrap(factor.secret or "", factor.account_id)
    generator = TOTP(base64.b32encode(secret).decode())
    current_step = int(now.timestamp()) // STEP_SECONDS
    for step in range(current_step - DRIFT_STEPS, current_step + DRIFT_STEPS + 1):
        if secrets.compare_digest(generator.generate_otp(step), code):
            is_unused = or_(Factor.last_step.is_(None), Factor.last_step < step)
            statement = (
                update(Factor)
                .where(Factor.id == factor.id, is_unused)
                .values(last_step=step, used_at=now)
            )
            return session.scalar(statement.returning(Factor.id)) is not None
    return False

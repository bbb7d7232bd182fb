"""Time-based one-time passwords (RFC 6238): SHA-1, six digits, thirty seconds, as every app has them."""

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
from engine.crypto.keyring import Keyring
from engine.errors import NotFoundError, UnauthenticatedError
from engine.store.accounts import Account, Factor

SECRET_BYTES = 20  # RFC 4226 section 4, R6
STEP_SECONDS = 30
DRIFT = 1  # steps that a clock may be off, either way (RFC 6238 section 5.2)
ISSUER = "Cloud API"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app takes in; `uri` goes into a QR code."""

    factor: Factor
    secret: str
    uri: str


def enrol(
    session: Session, ring: Keyring, *, account_id: UUID, name: str, now: datetime
) -> Enrolment:
    """Draw a secret; it counts once a code has shown that the app has it.

    :raises ConflictError: when the account has as many factors as it may.
    """
    enrolled_factors.make_room(session, account_id=account_id)
    raw = secrets.token_bytes(SECRET_BYTES)
    factor = Factor(
        account_id=account_id,
        kind="totp",
        name=name,
        created_at=now,
        secret=ring.wrap(raw, account_id),
    )
    session.add(factor)
    session.flush()
    text = base64.b32encode(raw).decode()
    email = session.get_one(Account, account_id).email
    return Enrolment(factor, text, TOTP(text).provisioning_uri(name=email, issuer_name=ISSUER))


def confirm(
    session: Session,
    ring: Keyring,
    *,
    account_id: UUID,
    factor_id: UUID,
    session_id: UUID,
    code: str,
    now: datetime,
) -> tuple[Factor, list[str]]:
    """Make a factor count; return it, and new recovery codes when it is the first.

    :raises NotFoundError: when there is none of this id that waits for it.
    :raises UnauthenticatedError: `mfa_code_invalid`.
    """
    query = select(Factor).where(
        Factor.account_id == account_id, Factor.id == factor_id, Factor.confirmed_at.is_(None)
    )
    factor = session.scalars(query.with_for_update()).one_or_none()
    if factor is None or factor.kind != "totp":
        raise NotFoundError("factor_unknown", "There is no such factor waiting to be confirmed.")
    first = not enrolled_factors.enabled(session, account_id=account_id)
    if not _accept(session, ring, factor, code, now):
        raise UnauthenticatedError("mfa_code_invalid", "The code is wrong.")
    return factor, enrolled_factors.settle(
        session, factor, first=first, session_id=session_id, now=now
    )


def accept(session: Session, ring: Keyring, *, account_id: UUID, code: str, now: datetime) -> bool:
    """Tell whether a code is right for one of the account's secrets and has not been used."""
    query = select(Factor).where(
        Factor.account_id == account_id, Factor.kind == "totp", Factor.confirmed_at.is_not(None)
    )
    return any(_accept(session, ring, factor, code, now) for factor in session.scalars(query).all())


def rewrap(session: Session, ring: Keyring) -> int:
    """Wrap every secret under the ring's current key; return how many were under another."""
    rows = [
        row
        for row in session.scalars(select(Factor).where(Factor.kind == "totp"))
        if row.secret is not None and not ring.is_current(row.secret)
    ]
    for row in rows:
        row.secret = ring.wrap(ring.unwrap(row.secret or "", row.account_id), row.account_id)
    return len(rows)


def _accept(session: Session, ring: Keyring, factor: Factor, code: str, now: datetime) -> bool:
    """Use up the step that a code belongs to: of two requests with the same code one is right."""
    raw = ring.unwrap(factor.secret or "", factor.account_id)
    generator = TOTP(base64.b32encode(raw).decode())
    today = int(now.timestamp()) // STEP_SECONDS
    for step in range(today - DRIFT, today + DRIFT + 1):
        if secrets.compare_digest(generator.generate_otp(step), code):
            unused = or_(Factor.last_step.is_(None), Factor.last_step < step)
            used = (
                update(Factor)
                .where(Factor.id == factor.id, unused)
                .values(last_step=step, used_at=now)
            )
            return session.scalar(used.returning(Factor.id)) is not None
    return False

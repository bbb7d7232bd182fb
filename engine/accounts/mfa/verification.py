"""Showing a second factor: at login, afterwards, or again before something dangerous."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy.orm import Session

from engine.accounts import sessions
from engine.accounts.mfa import passkeys, recovery_codes, totp
from engine.accounts.mfa.passkeys import Party
from engine.config.settings import Settings
from engine.crypto.keyring import Keyring
from engine.errors import UnauthenticatedError
from engine.store.accounts import RefreshSession

TRIES_MOST = 5  # wrong ones before a session that owes a factor ends
DIGITS = 6


@dataclass(frozen=True, slots=True)
class Factors:
    """What is needed to judge factors."""

    ring: Keyring
    party: Party

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the keys that wrap secrets, and whom passkeys are for.

        :raises SettingsError: when FACTOR_KEYS is missing or malformed.
        """
        return cls(Keyring(settings.secrets("factor_keys")), Party.from_settings(settings))


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody shows: a one-time or recovery code, or a passkey's answer."""

    code: str | None = None
    credential: dict[str, Any] | None = None


def prove(
    session: Session, factors: Factors, held: RefreshSession, shown: Shown, *, now: datetime
) -> UnauthenticatedError | None:
    """Judge what is shown in a session; a right one settles it, a wrong one counts against it.

    Returns the refusal for the caller to raise once what it counted is committed.
    """
    how = _judge(session, factors, held, shown, now)
    if how is not None:
        sessions.prove(session, session_id=held.id, now=now, amr=f"pwd {how} mfa")
        return None
    session.refresh(held, with_for_update=True)
    held.tries += 1
    if held.pending and held.tries >= TRIES_MOST:
        held.revoked_at, held.revoked_reason = now, "factor_tries"
        return UnauthenticatedError(
            "session_ended", "Too many wrong factors: the session has ended."
        )
    return UnauthenticatedError("mfa_code_invalid", "The second factor is wrong.")


def _judge(
    session: Session, factors: Factors, held: RefreshSession, shown: Shown, now: datetime
) -> str | None:
    """Return how the holder proved themselves (RFC 8176), if they did."""
    if shown.credential is not None:
        right = passkeys.accept(
            session,
            factors.party,
            account_id=held.account_id,
            session_id=held.id,
            credential=shown.credential,
            now=now,
        )
        return "pop" if right else None
    code = (shown.code or "").replace(" ", "")
    if len(code) == DIGITS and code.isascii() and code.isdigit():
        right = totp.accept(session, factors.ring, account_id=held.account_id, code=code, now=now)
    else:
        right = recovery_codes.spend(session, account_id=held.account_id, code=code)
    return "otp" if right else None

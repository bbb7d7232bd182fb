"""Verification of a second factor: at login, and again before a sensitive operation (step-up)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy.orm import Session

from engine.accounts import sessions
from engine.accounts.mfa import passkeys, recovery_codes, totp
from engine.accounts.mfa.enrolled_factors import METHODS
from engine.accounts.mfa.passkeys import RelyingParty
from engine.config.settings import Settings
from engine.crypto.keyring import Keyring
from engine.errors import UnauthenticatedError
from engine.store.account_scope import AccountScope
from engine.store.accounts import RefreshSession

ATTEMPTS_MAX = 5  # wrong factors, after which a pending session ends
CODE_DIGITS = 6


@dataclass(frozen=True, slots=True)
class MfaConfig:
    """Keyring that wraps TOTP secrets, and the relying party of passkeys."""

    ring: Keyring
    relying_party: RelyingParty

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the keys and the relying party.

        :raises SettingsError: when FACTOR_KEYS is missing or malformed.
        """
        return cls(Keyring(settings.secrets("factor_keys")), RelyingParty.from_settings(settings))


@dataclass(frozen=True, slots=True)
class FactorProof:
    """Second factor of a request: a one-time or recovery code, or a passkey's answer."""

    code: str | None = None
    credential: dict[str, Any] | None = None


def verify(
    session: Session,
    config: MfaConfig,
    login_session: RefreshSession,
    proof: FactorProof,
    *,
    now: datetime,
) -> UnauthenticatedError | None:
    """Verify a factor in a session; a right one completes it, a wrong one is counted.

    Returns the refusal of a wrong factor. The caller commits the count and then raises it.
    """
    scope = AccountScope(session, login_session.account_id, now)
    method = _verify_proof(scope, config, login_session, proof)
    if method is not None:
        sessions.record_proof(
            session, session_id=login_session.id, now=now, amr=f"pwd {method} mfa"
        )
        return None
    session.refresh(login_session, with_for_update=True)
    login_session.tries += 1
    if login_session.pending and login_session.tries >= ATTEMPTS_MAX:
        login_session.revoked_at, login_session.revoked_reason = now, "factor_tries"
        detail = "Too many wrong factors: the session has ended."
        return UnauthenticatedError("session_ended", detail)
    return UnauthenticatedError("mfa_code_invalid", "The second factor is wrong.")


def _verify_proof(
    scope: AccountScope, config: MfaConfig, login_session: RefreshSession, proof: FactorProof
) -> str | None:
    """Return the method of a right factor (RFC 8176), None for a wrong one."""
    if proof.credential is not None:
        valid = passkeys.verify(
            scope,
            config.relying_party,
            session_id=login_session.id,
            credential=proof.credential,
        )
        return METHODS["passkey"] if valid else None
    code = (proof.code or "").replace(" ", "")
    if len(code) == CODE_DIGITS and code.isascii() and code.isdigit():
        valid = totp.verify(scope, config.ring, code)
    else:
        valid = recovery_codes.consume(scope.session, account_id=scope.account_id, code=code)
    return METHODS["totp"] if valid else None

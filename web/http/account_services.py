"""Services that the account routes share: passwords, refresh tokens, MFA, answers to a login."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from flask import current_app

from engine.accounts.mfa.verification import MfaConfig
from engine.accounts.passwords import Passwords
from engine.accounts.refresh_tokens import RefreshTokens
from engine.config.settings import Settings
from engine.store.accounts import Account, RefreshSession
from web.http import access_tokens


@dataclass(frozen=True, slots=True)
class AccountServices:
    """Services of one app, created from its settings."""

    settings: Settings
    passwords: Passwords
    refresh_tokens: RefreshTokens
    mfa: MfaConfig

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Create the services.

        :raises SettingsError: when key material is missing.
        """
        return cls(
            settings,
            Passwords(settings),
            RefreshTokens.from_settings(settings),
            MfaConfig.from_settings(settings),
        )

    def issue_tokens(self, session: RefreshSession, counter: int) -> dict[str, str]:
        """Return a session's token pair; that of a pending session permits the MFA routes alone."""
        return {
            "access_token": access_tokens.issue(session),
            "refresh_token": self.refresh_tokens.issue(session.id, counter),
        }

    def build_login_answer(self, account: Account, session: RefreshSession) -> dict[str, Any]:
        """Return the members of a LoginResponse."""
        tokens = self.issue_tokens(session, session.counter)
        answer: dict[str, Any] = {"user": account} | tokens
        return answer | {"mfa_required": True} if session.pending else answer


def services() -> AccountServices:
    """Return the services of the current app."""
    current: AccountServices = current_app.extensions["account_services"]
    return current

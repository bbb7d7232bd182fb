"""What the account routes share: settings, passwords, tokens, and how someone who enters is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from flask import current_app

from engine.accounts.mfa.verification import Factors
from engine.accounts.passwords import Passwords
from engine.accounts.refresh_tokens import RefreshTokens
from engine.config.settings import Settings
from engine.store.accounts import Account, RefreshSession
from web.http import access_tokens


@dataclass(frozen=True, slots=True)
class Desk:
    """Made once per app."""

    settings: Settings
    passwords: Passwords
    refresh_tokens: RefreshTokens
    factors: Factors

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Make it from the settings.

        :raises SettingsError: when key material is missing.
        """
        return cls(
            settings,
            Passwords(settings),
            RefreshTokens.from_settings(settings),
            Factors.from_settings(settings),
        )

    def pair(self, session: RefreshSession, counter: int) -> dict[str, str]:
        """Return a session's tokens; those of a pending one are good for its second factor only."""
        return {
            "access_token": access_tokens.mint(session),
            "refresh_token": self.refresh_tokens.make(session.id, counter),
        }

    def entered(self, account: Account, session: RefreshSession) -> dict[str, Any]:
        """Return the answer to somebody who has entered."""
        answer: dict[str, Any] = {"user": account} | self.pair(session, session.counter)
        return answer | {"mfa_required": True} if session.pending else answer


def desk() -> Desk:
    """Return the app's desk."""
    found: Desk = current_app.extensions["desk"]
    return found

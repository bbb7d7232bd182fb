"""`/api/auth`: register, log in, refresh."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import current_app, request

from engine import accounts, sessions
from engine.passwords import Passwords
from engine.sessions import RefreshTokens
from engine.settings import Settings
from engine.store.models import Account, RefreshSession
from web import limits, tokens
from web.bodies import Blueprint
from web.extensions import db
from web.guard import named_agent
from web.schemas import auth as schemas

blueprint = Blueprint("auth", __name__, url_prefix="/api/auth", description="Accounts and sessions")
limits.limit(blueprint, "auth")


@dataclass(frozen=True, slots=True)
class Desk:
    """What the auth routes need besides the database: made once per app."""

    settings: Settings
    passwords: Passwords
    refresh_tokens: RefreshTokens

    @classmethod
    def from_settings(cls, settings: Settings) -> Desk:
        """Make it from the settings."""
        return cls(settings, Passwords(settings), RefreshTokens.from_settings(settings))


@blueprint.route("/register", methods=["POST"])
@blueprint.arguments(schemas.RegisterRequest)
@blueprint.response(201, schemas.Entered)
def register(body: dict[str, str]) -> dict[str, Any]:
    """Make an account and start its first session."""
    desk, now = _desk(), datetime.now(UTC)
    account = accounts.register(
        db.session(), desk.passwords, **body, now=now, registration=desk.settings.registration
    )
    return _enter(account, now)


@blueprint.route("/login", methods=["POST"])
@blueprint.arguments(schemas.LoginRequest)
@blueprint.response(200, schemas.Entered)
def login(body: dict[str, str]) -> dict[str, Any]:
    """Start a session."""
    account = accounts.recognise(db.session(), _desk().passwords, **body)
    return _enter(account, datetime.now(UTC))


@blueprint.route("/refresh", methods=["POST"])
@blueprint.arguments(schemas.RefreshRequest)
@blueprint.response(200, schemas.Tokens)
def refresh(body: dict[str, str]) -> dict[str, str]:
    """Exchange a refresh token for new tokens; needs no access token."""
    rotation = sessions.rotate(
        db.session(),
        _desk().refresh_tokens,
        body["refresh_token"],
        agent_id=named_agent(request.headers.get("X-Agent-ID")),
        now=datetime.now(UTC),
    )
    db.session.commit()
    if rotation.session is None:
        raise rotation.refusal or RuntimeError("a rotation without a session has a refusal")
    return _pair(rotation.session, rotation.counter)


def _enter(account: Account, now: datetime) -> dict[str, Any]:
    agent_id = named_agent(request.headers.get("X-Agent-ID"))
    started = sessions.start(db.session(), account_id=account.id, agent_id=agent_id, now=now)
    db.session.commit()
    return {"user": account} | _pair(started, started.counter)


def _pair(session: RefreshSession, counter: int) -> dict[str, str]:
    access_token = tokens.mint(
        account_id=session.account_id, session_id=session.id, agent_id=session.agent_id
    )
    return {
        "access_token": access_token,
        "refresh_token": _desk().refresh_tokens.make(session.id, counter),
    }


def _desk() -> Desk:
    desk: Desk = current_app.extensions["desk"]
    return desk

"""`/api/auth/me` and what has happened to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from engine.accounts import accounts, audit_log, sessions
from engine.store.accounts import Account
from web.extensions import db
from web.http import authentication, etags, login_backoff, rate_limits, security_events
from web.http.account_services import desk
from web.http.json_bodies import Blueprint
from web.schemas import account as schemas

CHANGED = {"public_key": "public_key_changed", "password": "password_changed"}

blueprint = Blueprint("account", __name__, url_prefix="/api/auth", description="One's own account")
authentication.protect(blueprint)
rate_limits.limit(blueprint)


@blueprint.route("/me", methods=["GET"])
@blueprint.response(200, schemas.Me, headers=etags.ANSWERED)
def read() -> tuple[Account, int, dict[str, str]]:
    """Return the account."""
    account = _account()
    return account, 200, _tagged(account)


@blueprint.route("/me", methods=["PATCH"])
@blueprint.arguments(schemas.MeChange)
@blueprint.response(200, schemas.Me, headers=etags.ANSWERED)
@blueprint.doc(parameters=[etags.ASKED])
def change(body: dict[str, str]) -> tuple[Account, int, dict[str, str]]:
    """Change the password, which ends the other sessions, or the public key; needs a fresh proof."""
    authentication.need_fresh()
    account, now = _account(), datetime.now(UTC)
    etags.check(account.public_key)
    if "public_key" in body:
        accounts.change_public_key(account, body["public_key"])
    if "password" in body:
        _change_password(account, current=body["current_password"], new=body["password"], now=now)
    security_events.commit(*(CHANGED[member] for member in body if member in CHANGED), now=now)
    return account, 200, _tagged(account)


@blueprint.route("/audit", methods=["GET"])
@blueprint.arguments(schemas.AuditQuery, location="query")
@blueprint.response(200, schemas.Trail)
def trail(query: dict[str, Any]) -> audit_log.Trail:
    """List what happened to the account's security, newest first."""
    return audit_log.browse(db.session(), account_id=authentication.identity().account_id, **query)


def _change_password(account: Account, *, current: str, new: str, now: datetime) -> None:
    who = authentication.identity()
    with login_backoff.tried("password", account.email, who.agent_id):
        accounts.confirm(db.session(), desk().passwords, account_id=account.id, password=current)
    words = accounts.personal_words(account.email)
    account.password_hash = desk().passwords.hash(new, personal=words)
    sessions.end_all(
        db.session(), account_id=account.id, reason="password_changed", now=now, keep=who.session_id
    )


def _account() -> Account:
    return db.session().get_one(Account, authentication.identity().account_id)


def _tagged(account: Account) -> dict[str, str]:
    return etags.tagged(account.public_key)

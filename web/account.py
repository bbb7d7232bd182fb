"""`/api/auth/me` and what has happened to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from engine import accounts, audit, sessions
from engine.store.models import Account
from web import backoff, guard, limits, preconditions, security
from web.bodies import Blueprint
from web.desk import desk
from web.extensions import db
from web.schemas import account as schemas

CHANGED = {"public_key": "public_key_changed", "password": "password_changed"}

blueprint = Blueprint("account", __name__, url_prefix="/api/auth", description="One's own account")
guard.protect(blueprint)
limits.limit(blueprint)


@blueprint.route("/me", methods=["GET"])
@blueprint.response(200, schemas.Me, headers=preconditions.ANSWERED)
def read() -> tuple[Account, int, dict[str, str]]:
    """Return the account."""
    account = _account()
    return account, 200, _tagged(account)


@blueprint.route("/me", methods=["PATCH"])
@blueprint.arguments(schemas.MeChange)
@blueprint.response(200, schemas.Me, headers=preconditions.ANSWERED)
@blueprint.doc(parameters=[preconditions.ASKED])
def change(body: dict[str, str]) -> tuple[Account, int, dict[str, str]]:
    """Change the password, which ends the other sessions, or the public key; needs a fresh proof."""
    guard.need_fresh()
    account, now = _account(), datetime.now(UTC)
    preconditions.check(account.public_key)
    if "public_key" in body:
        accounts.change_public_key(account, body["public_key"])
    if "password" in body:
        _change_password(account, current=body["current_password"], new=body["password"], now=now)
    security.commit(*(CHANGED[member] for member in body if member in CHANGED), now=now)
    return account, 200, _tagged(account)


@blueprint.route("/audit", methods=["GET"])
@blueprint.arguments(schemas.AuditQuery, location="query")
@blueprint.response(200, schemas.Trail)
def trail(query: dict[str, Any]) -> audit.Trail:
    """List what happened to the account's security, newest first."""
    return audit.browse(db.session(), account_id=guard.identity().account_id, **query)


def _change_password(account: Account, *, current: str, new: str, now: datetime) -> None:
    who = guard.identity()
    with backoff.tried("password", account.email, who.agent_id):
        accounts.confirm(db.session(), desk().passwords, account_id=account.id, password=current)
    words = accounts.personal_words(account.email)
    account.password_hash = desk().passwords.hash(new, personal=words)
    sessions.end_all(
        db.session(), account_id=account.id, reason="password_changed", now=now, keep=who.session_id
    )


def _account() -> Account:
    return db.session().get_one(Account, guard.identity().account_id)


def _tagged(account: Account) -> dict[str, str]:
    return preconditions.tagged(account.public_key)

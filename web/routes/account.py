"""`/api/auth/me`: the account."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.accounts import accounts, sessions
from engine.store.accounts import Account
from web.extensions import db
from web.http import authentication, etags, login_backoff, rate_limits, security_events
from web.http.account_services import services
from web.http.json_bodies import Blueprint
from web.schemas import account as schemas

EVENT_KINDS = {"public_key": "public_key_changed", "password": "password_changed"}

blueprint = Blueprint("account", __name__, url_prefix="/api/auth", description="Account")
authentication.protect(blueprint)
rate_limits.limit(blueprint)


@blueprint.route("/me", methods=["GET"])
@blueprint.response(200, schemas.AccountResponse, headers=etags.RESPONSE_HEADERS)
def read() -> tuple[Account, int, dict[str, str]]:
    """Return the account."""
    account = _get_account()
    return account, 200, etags.make_header(account.public_key)


@blueprint.route("/me", methods=["PATCH"])
@blueprint.arguments(schemas.AccountChangeRequest)
@blueprint.response(200, schemas.AccountResponse, headers=etags.RESPONSE_HEADERS)
@blueprint.doc(parameters=[etags.IF_MATCH])
def change(body: dict[str, str]) -> tuple[Account, int, dict[str, str]]:
    """Change the password, which ends the other sessions, or the public key; needs a step-up."""
    authentication.require_step_up()
    account = _get_account()
    etags.check(account.public_key)
    if "public_key" in body:
        accounts.change_public_key(account, body["public_key"])
    if "password" in body:
        _change_password(account, current=body["current_password"], new=body["password"])
    kinds = [EVENT_KINDS[member] for member in body if member in EVENT_KINDS]
    security_events.commit(*kinds, now=datetime.now(UTC))
    return account, 200, etags.make_header(account.public_key)


def _change_password(account: Account, *, current: str, new: str) -> None:
    identity, passwords = authentication.identity(), services().passwords
    with login_backoff.attempt("password", account.email, "session", str(identity.session_id)):
        accounts.verify_password(account, passwords, current)
    words = accounts.list_personal_words(account.email)
    account.password_hash = passwords.hash(new, personal=words)
    sessions.end_all(
        authentication.agent_scope(), reason="password_changed", except_id=identity.session_id
    )


def _get_account() -> Account:
    return db.session().get_one(Account, authentication.identity().account_id)

"""Security events of a request: recorded in the audit log, committed, and delivered to agents."""

from __future__ import annotations

from datetime import datetime

from engine.accounts import audit_log
from engine.store.account_scope import AccountScope
from web.extensions import db
from web.http import authentication, redis_notify


def commit(*kinds: str, now: datetime) -> None:
    """Record events of this request's account, commit, and wake the relay that delivers them."""
    identity = authentication.identity()
    scope = AccountScope(db.session(), identity.account_id, now)
    for kind in kinds:
        audit_log.record(scope, kind, session_id=identity.session_id, agent_id=identity.agent_id)
    db.session.commit()
    redis_notify.wake_relay()

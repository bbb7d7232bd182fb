"""What every change to an account's security ends with: recorded, committed, and told to its agents."""

from __future__ import annotations

from datetime import datetime

from engine.accounts import audit_log
from web.extensions import db
from web.http import authentication, redis_notify


def commit(*kinds: str, now: datetime) -> None:
    """Record what the asking agent did to its account, commit, and have the others told."""
    who = authentication.identity()
    for kind in kinds:
        audit_log.record(
            db.session(),
            audit_log.Actor(who.account_id, who.session_id, who.agent_id),
            kind,
            now=now,
        )
    db.session.commit()
    redis_notify.relay()

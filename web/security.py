"""What every change to an account's security ends with: recorded, committed, and told to its agents."""

from __future__ import annotations

from datetime import datetime

from engine import audit
from web import guard, wake
from web.extensions import db


def commit(*kinds: str, now: datetime) -> None:
    """Record what the asking agent did to its account, commit, and have the others told."""
    who = guard.identity()
    for kind in kinds:
        audit.record(db.session(), audit.Actor(who.account_id, who.session_id, who.agent_id), kind, now=now)
    db.session.commit()
    wake.relay()

"""The scope of a use case: database session, account, agent and time travel as one value.

An entry point (a route, an activity, a relay's handler) makes it and commits the session. Every
query of a use case is of the scope's account alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class AccountScope:
    """Database session of one account at one time (UTC)."""

    session: Session
    account_id: UUID
    now: datetime


@dataclass(frozen=True, slots=True)
class AgentScope(AccountScope):
    """Scope of a use case that one of the account's agents asks for."""

    agent_id: str

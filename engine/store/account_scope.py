"""Scope of a use case: database session, account, agent and time as one value.

An entry point (a route, an activity, a relay's handler) creates the scope and commits its session.
Every query of a use case is restricted to the scope's account.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

# Rows in an answer that lists sessions, agents or channels, of which an account may have any
# number.
LISTED_MAX = 1_000


@dataclass(frozen=True, slots=True)
class AccountScope:
    """Database session, account and time (UTC) of a use case."""

    session: Session
    account_id: UUID
    now: datetime


@dataclass(frozen=True, slots=True)
class AgentScope(AccountScope):
    """Scope of a use case that one of the account's agents requests."""

    agent_id: str

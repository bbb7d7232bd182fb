"""Metadata of all tables: importing this module declares all of them.

Foreign keys name tables of other modules, which a mapper must know before the first flush.
"""

from __future__ import annotations

from engine.store import (  # noqa: F401 - each declares its tables on Base.metadata
    accounts,
    bulk_jobs,
    events,
    executions,
    outbox,
    payload_claims,
    schedules,
    sync,
    timeline,
    usage,
    workflows,
)
from engine.store.declarative import Base

METADATA = Base.metadata

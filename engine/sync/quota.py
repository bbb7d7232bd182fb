"""Quota: the bytes that an account stores, and the most that it may store."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import ForbiddenError
from engine.sync.change import SyncLimits

# Deletions may use this part of the quota beyond it: a tombstone may have a longer clock and a
# shorter version before it.
DELETION_PART = 1 / 16


@dataclass(slots=True)
class Quota:
    """Bytes of an account, its workflows' apart, and their limit; a push counts as it judges."""

    sync_bytes: int
    workflow_bytes: int  # of workflows, executions and events
    limit: int

    @classmethod
    def of_account(cls, limits: SyncLimits, *, sync_bytes: int, workflow_bytes: int) -> Quota:
        """Return the quota of an account that stores so many bytes."""
        return cls(sync_bytes, workflow_bytes, limits.quota_bytes)

    def limit_for_sync(self, *, is_deletion: bool = False) -> int:
        """Return how many bytes of sync the account may store, after a deletion or another push."""
        reserve = int(self.limit * DELETION_PART) if is_deletion else 0
        return self.limit + reserve - self.workflow_bytes

    def has_room(self, growth: int, *, is_deletion: bool = False) -> bool:
        """Tell whether a push may add so many bytes; what does not grow the account always may."""
        limit = self.limit_for_sync(is_deletion=is_deletion)
        return growth <= 0 or self.sync_bytes + growth <= limit

    def refuse(self) -> ForbiddenError:
        """Return the refusal of a push without room."""
        return refusal(self.sync_bytes + self.workflow_bytes, self.limit)


def refusal(total: int, limit: int) -> ForbiddenError:
    """Return the refusal of what would store more than an account may."""
    detail = "What the account stores uses all of its quota: delete something first."
    return ForbiddenError("quota_exceeded", detail, extra={"bytes": total, "quota": limit})

"""Queue of timeline entries that are not stored yet: accounts take turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.contracts.timeline import TimelineEntry

TURN = 250  # entries of one account in a batch
TURNS = 8  # accounts in a batch
LINE_MAX = 20_000  # pending entries of one account; only without the database there are more


@dataclass(slots=True)
class PendingEntries:
    """Entries of one execution that are not stored yet, and its last entry of all."""

    last: TimelineEntry
    entries: list[TimelineEntry] = field(default_factory=list)


@dataclass(slots=True)
class AccountLine:
    """Pending entries of one account, by execution."""

    waiting: dict[str, PendingEntries] = field(default_factory=dict)
    length: int = 0

    def turn(self) -> Iterator[PendingEntries]:
        """Remove and yield up to TURN entries, of the longest waiting executions first."""
        room = TURN
        while self.waiting and room > 0:
            execution_id, turn = next(iter(self.waiting.items()))
            del self.waiting[execution_id]
            if len(turn.entries) > room:
                self.waiting[execution_id] = PendingEntries(turn.last, turn.entries[room:])
                turn = PendingEntries(turn.entries[room - 1], turn.entries[:room])
            room -= max(1, len(turn.entries))
            self.length -= len(turn.entries)
            yield turn


class TimelineQueue:
    """Lines of all accounts; callers must lock them."""

    def __init__(self) -> None:
        self._lines: dict[str, AccountLine] = {}  # the first one has waited longest

    def put(self, entry: TimelineEntry, *, stores: bool) -> None:
        """Add an entry. Without `stores`, or past LINE_MAX, only its progress is stored."""
        line = self._lines.get(entry.account_id)
        if line is None:
            line = self._lines[entry.account_id] = AccountLine()
        waiting = line.waiting.get(entry.execution_id)
        if waiting is None:
            waiting = line.waiting[entry.execution_id] = PendingEntries(entry)
        waiting.last = entry
        if stores and line.length < LINE_MAX:
            waiting.entries.append(entry)
            line.length += 1

    def take(self, account_id: str, execution_id: str) -> PendingEntries | None:
        """Remove and return all pending entries of an execution."""
        line = self._lines.get(account_id)
        waiting = line.waiting.pop(execution_id, None) if line is not None else None
        if line is not None and waiting is not None:
            line.length -= len(waiting.entries)
            if not line.waiting:
                del self._lines[account_id]
        return waiting

    def give_back(self, waiting: PendingEntries) -> None:
        """Put removed entries back, before those that were added since."""
        line = self._lines.setdefault(waiting.last.account_id, AccountLine())
        since = line.waiting.pop(waiting.last.execution_id, None)
        line.length += len(waiting.entries)
        if since is not None:
            waiting = PendingEntries(since.last, [*waiting.entries, *since.entries])
        line.waiting[waiting.last.execution_id] = waiting

    def batch(self) -> list[PendingEntries]:
        """Remove and return a turn of each longest waiting account, which then go to the end."""
        batch: list[PendingEntries] = []
        for account_id in list(self._lines)[:TURNS]:
            line = self._lines.pop(account_id)
            batch.extend(line.turn())
            if line.waiting:
                self._lines[account_id] = line
        return batch

"""Entries of journals that wait to be written: in a line for each account, which take turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.contracts.timeline import Entry

TURN = 250  # entries of one account in a batch
TURNS = 8  # accounts in a batch
LINE_MAX = (
    20_000  # entries of one account that wait: more only come together while the database is away
)


@dataclass(slots=True)
class Waiting:
    """What is told of one execution and not written yet: its entries, and the last of all that were told."""

    last: Entry
    entries: list[Entry] = field(default_factory=list)


@dataclass(slots=True)
class Line:
    """What waits of one account, by execution."""

    waiting: dict[str, Waiting] = field(default_factory=dict)
    length: int = 0

    def turn(self) -> Iterator[Waiting]:
        """Take out some of it, of the executions that have waited longest."""
        room = TURN
        while self.waiting and room > 0:
            execution_id, found = next(iter(self.waiting.items()))
            del self.waiting[execution_id]
            if len(found.entries) > room:
                self.waiting[execution_id] = Waiting(found.last, found.entries[room:])
                found = Waiting(found.entries[room - 1], found.entries[:room])
            room -= max(1, len(found.entries))
            self.length -= len(found.entries)
            yield found


class Lines:
    """The lines of all accounts; whoever uses them sees to it that nobody else does at the time."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}  # who is first has waited longest

    def put(self, entry: Entry, *, kept: bool) -> None:
        """Add an entry; one that is not kept, or too many, only says how far its execution is."""
        line = self._lines.get(entry.account_id)
        if line is None:
            line = self._lines[entry.account_id] = Line()
        found = line.waiting.get(entry.execution_id)
        if found is None:
            found = line.waiting[entry.execution_id] = Waiting(entry)
        found.last = entry
        if kept and line.length < LINE_MAX:
            found.entries.append(entry)
            line.length += 1

    def take(self, account_id: str, execution_id: str) -> Waiting | None:
        """Take out all that waits of an execution."""
        line = self._lines.get(account_id)
        found = line.waiting.pop(execution_id, None) if line is not None else None
        if line is not None and found is not None:
            line.length -= len(found.entries)
            if not line.waiting:
                del self._lines[account_id]
        return found

    def give_back(self, taken: Waiting) -> None:
        """Put what was taken before what has come since."""
        line = self._lines.setdefault(taken.last.account_id, Line())
        since = line.waiting.pop(taken.last.execution_id, None)
        line.length += len(taken.entries)
        if since is not None:
            taken = Waiting(since.last, [*taken.entries, *since.entries])
        line.waiting[taken.last.execution_id] = taken

    def batch(self) -> list[Waiting]:
        """Take a turn of each of the accounts that have waited longest; they are the last from now on."""
        taken: list[Waiting] = []
        for account_id in list(self._lines)[:TURNS]:
            line = self._lines.pop(account_id)
            taken.extend(line.turn())
            if line.waiting:
                self._lines[account_id] = line
        return taken

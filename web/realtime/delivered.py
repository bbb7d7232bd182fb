"""What a listener has been told: a change comes by several ways, in any order, and is told once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Heard:
    """Stamps as text, whose order is that of time; up to `floor` everything has been told.

    A hint tells of one change, and others below its stamp may still be on their way. So beyond the
    floor, what has been told is kept by type.
    """

    floor: str
    head: str = ""
    beyond: dict[str, str] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)  # types that changed and await telling

    def hear(self, head: str, types: Iterable[str], *, complete: bool) -> bool:
        """Take in that these types changed up to `head`; tell whether that is news.

        `complete` says that nothing up to `head` is left out: that raises the floor.
        """
        news = {kind for kind in types if max(self.floor, self.beyond.get(kind, "")) < head}
        self.beyond |= dict.fromkeys(news, head)
        self.fresh |= news
        self.head = max(self.head, head)
        if complete:
            self.rise(head)
        return bool(news)

    def rise(self, floor: str) -> None:
        """Take in that everything up to a stamp is known."""
        self.floor = max(self.floor, floor)

    def forget(self, floor: str) -> None:
        """Take in that everything up to a stamp is known, so that what waited below it need not be told."""
        self.rise(floor)
        self.fresh = {kind for kind in self.fresh if self.beyond[kind] > floor}

    def take(self) -> dict[str, object] | None:
        """Return what awaits telling as one notice, which then is told."""
        if not self.fresh:
            return None
        types, self.fresh = sorted(self.fresh), set()
        return {"head": self.head, "types": types}

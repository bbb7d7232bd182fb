"""Change tracker: merges hints and notifications, so that a client receives each change once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class ChangeTracker:
    """Changes that a listener has sent, and those that it has still to send.

    Timestamps are text, which sorts like the times. The listener has sent everything up to `floor`.
    A hint reports one change, and hints of older changes may follow. So the tracker stores the
    newest timestamp of each type beyond the floor.
    """

    floor: str
    head: str = ""
    newest_by_type: dict[str, str] = field(default_factory=dict)
    pending_types: set[str] = field(default_factory=set)  # changed and not sent

    def add(self, head: str, types: Iterable[str], *, is_complete: bool) -> bool:
        """Add changes of some types up to the timestamp `head`; tell whether any is new.

        `is_complete` states that no change up to `head` is missing, and raises the floor to it.
        """
        new_types = {
            kind for kind in types if max(self.floor, self.newest_by_type.get(kind, "")) < head
        }
        self.newest_by_type |= dict.fromkeys(new_types, head)
        self.pending_types |= new_types
        self.head = max(self.head, head)
        if is_complete:
            self.floor = max(self.floor, head)
        return bool(new_types)

    def skip_to(self, floor: str) -> None:
        """Raise the floor to a timestamp that the client has reached; drop older changes."""
        self.floor = max(self.floor, floor)
        self.pending_types = {
            kind for kind in self.pending_types if self.newest_by_type[kind] > floor
        }

    def take_notification(self) -> dict[str, object] | None:
        """Return the pending changes as one notification, and count them as sent."""
        if not self.pending_types:
            return None
        types, self.pending_types = sorted(self.pending_types), set()
        return {"head": self.head, "types": types}

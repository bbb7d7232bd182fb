"""Where a process' time goes, from samples of its threads' stacks: by function, ours and the libraries'."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bin.devtools.stack.platform import ROOT

FRAME = re.compile(r"(?P<name>.*) \((?P<path>.*?)(?::(?P<line>\d+))?\)")
OURS = ("web", "engine", "worker")


@dataclass(slots=True)
class Tally:
    """How much of the whole each function has: itself, and with all that it calls."""

    whole: int = 0
    own: Counter[str] = field(default_factory=Counter)  # ours
    libraries: Counter[str] = field(default_factory=Counter)
    within: Counter[str] = field(default_factory=Counter)  # ours

    @property
    def ours(self) -> int:
        """Return what our own functions have themselves."""
        return sum(self.own.values())

    def add(self, frames: Iterable[str], count: int) -> None:
        """Count a stack, outermost frame first."""
        known = [named(frame) for frame in frames]
        place, is_ours = known[-1]
        self.whole += count
        (self.own if is_ours else self.libraries)[place] += count
        for place in {place for place, is_ours in known if is_ours}:
            self.within[place] += count

    def told(self, most: int) -> str:
        """Return the heaviest of each kind, in percent of the whole."""
        parts = [f"our own functions themselves: {100 * self.ours / self.whole:.1f} %"]
        for title, counted in (
            ("ours, themselves", self.own),
            ("ours, with all they call", self.within),
            ("libraries, themselves", self.libraries),
        ):
            parts += [
                f"{title}:",
                *(
                    f"{100 * n / self.whole:6.1f} %  {place}"
                    for place, n in counted.most_common(most)
                ),
            ]
        return "\n".join(parts)


def named(frame: str) -> tuple[str, bool]:
    """Return a frame's function and file as people name them, and whether it is ours."""
    found = FRAME.fullmatch(frame)
    if found is None:
        return frame, False
    path = Path(found["path"])
    if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in OURS:
        return f"{path.relative_to(ROOT)}: {found['name']}", True
    parts = path.parts
    since = parts.index("site-packages") + 1 if "site-packages" in parts else max(0, len(parts) - 2)
    return f"{'/'.join(parts[since:])}: {found['name']}", False


def collapsed(lines: Iterable[str]) -> Tally:
    """Return the tally of stacks as samplers write them: frames between semicolons, and a count."""
    tally = Tally()
    for line in lines:
        stack, _, count = line.rstrip("\n").rpartition(" ")
        if stack:
            tally.add(stack.split(";"), int(count))
    return tally

"""How a process' time divides among functions, ours and the libraries', by stack samples."""

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
    """Samples of each function: of its own code, and of that with all that it calls."""

    whole: int = 0
    own: Counter[str] = field(default_factory=Counter)  # ours
    libraries: Counter[str] = field(default_factory=Counter)
    within: Counter[str] = field(default_factory=Counter)  # ours

    @property
    def ours(self) -> int:
        """Return the samples of our own functions' code."""
        return sum(self.own.values())

    def add(self, frames: Iterable[str], count: int) -> None:
        """Count a stack, outermost frame first."""
        places = [describe_frame(frame) for frame in frames]
        place, is_ours = places[-1]
        self.whole += count
        (self.own if is_ours else self.libraries)[place] += count
        for place in {place for place, is_ours in places if is_ours}:
            self.within[place] += count

    def summary(self, most: int) -> str:
        """Return the heaviest functions of each kind, in percent of all samples."""
        parts = [f"our own functions themselves: {100 * self.ours / self.whole:.1f} %"]
        for title, counts in (
            ("ours, themselves", self.own),
            ("ours, with all they call", self.within),
            ("libraries, themselves", self.libraries),
        ):
            parts += [
                f"{title}:",
                *(
                    f"{100 * n / self.whole:6.1f} %  {place}"
                    for place, n in counts.most_common(most)
                ),
            ]
        return "\n".join(parts)


def describe_frame(frame: str) -> tuple[str, bool]:
    """Return a frame's file and function, and whether they are ours."""
    match = FRAME.fullmatch(frame)
    if match is None:
        return frame, False
    path = Path(match["path"])
    if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in OURS:
        return f"{path.relative_to(ROOT)}: {match['name']}", True
    parts = path.parts
    since = parts.index("site-packages") + 1 if "site-packages" in parts else max(0, len(parts) - 2)
    return f"{'/'.join(parts[since:])}: {match['name']}", False


def count_samples(lines: Iterable[str]) -> Tally:
    """Count stacks in the format of samplers: frames between semicolons, then a count."""
    tally = Tally()
    for line in lines:
        stack, _, count = line.rstrip("\n").rpartition(" ")
        if stack:
            tally.add(stack.split(";"), int(count))
    return tally

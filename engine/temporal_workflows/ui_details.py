"""What the Temporal UI shows of a walk to who may open it: where it stands, as Markdown.

It leaves the worker sealed, as an answer to a question that Temporal asks the workflow; nothing of it is in
the history.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.contracts.executions import Settlement
from engine.interpreter.runtime.interpreter import Interpreter

TRAIL_SHOWN = 12


def standing(interpreter: Interpreter) -> str:
    """Return where a walk stands: the steps it is at, innermost only, and how far it has come."""
    at = [pointer for pointer, count in interpreter.running_tasks.items() if count]
    inner = [one for one in at if not any(other.startswith(f"{one}/") for other in at)]
    return _told(interpreter, [f"- at {_code(pointer)}" for pointer in inner])


def ended(interpreter: Interpreter, settlement: Settlement) -> str:
    """Return how a walk ended, without what with."""
    said = f"- {settlement.status}"
    if settlement.error is not None:
        said += f" at {_code(settlement.error.get('instance') or '/')}: {_code(settlement.error['type'])}"
    return _told(interpreter, [said])


def _told(interpreter: Interpreter, lines: Sequence[str]) -> str:
    counts = [f"steps walked: {interpreter.budget.tasks}", f"calls made: {interpreter.calls}"]
    lately = " → ".join(map(_code, interpreter.trail[-TRAIL_SHOWN:]))
    more = "… → " if len(interpreter.trail) > TRAIL_SHOWN else ""
    trail = ["", f"{more}{lately}"] if lately else []
    return "\n".join(
        [
            f"**{_code(interpreter.definition.name)}**",
            "",
            *lines,
            *(f"- {c}" for c in counts),
            *trail,
        ]
    )


def _code(text: object) -> str:
    """Return text that is shown as it is: a name may be any, and must not become a link or a picture."""
    return f"`{' '.join(str(text).replace('`', chr(39)).split())}`"

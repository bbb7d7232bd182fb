"""Details of an execution in Temporal's UI, as Markdown for operators who may decrypt them.

They leave the worker encrypted, as the answer to a query. Nothing of them is in the history.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.contracts.executions import Settlement
from engine.interpreter.runtime.interpreter import Interpreter

TRAIL_SHOWN = 12


def describe_running(interpreter: Interpreter) -> str:
    """Return the tasks that run, innermost only, and the progress of an execution."""
    running = [pointer for pointer, count in interpreter.running_tasks.items() if count]
    innermost = [
        pointer
        for pointer in running
        if not any(other.startswith(f"{pointer}/") for other in running)
    ]
    return _markdown(interpreter, [f"- at {_code(pointer)}" for pointer in innermost])


def describe_outcome(interpreter: Interpreter, settlement: Settlement) -> str:
    """Return how an execution ended, without its result."""
    line = f"- {settlement.status}"
    if settlement.error is not None:
        pointer = settlement.error.get("instance") or "/"
        line += f" at {_code(pointer)}: {_code(settlement.error['type'])}"
    return _markdown(interpreter, [line])


def _markdown(interpreter: Interpreter, lines: Sequence[str]) -> str:
    counts = [f"steps walked: {interpreter.budget.tasks}", f"calls made: {interpreter.calls}"]
    last_tasks = " → ".join(map(_code, interpreter.trail[-TRAIL_SHOWN:]))
    more = "… → " if len(interpreter.trail) > TRAIL_SHOWN else ""
    trail = ["", f"{more}{last_tasks}"] if last_tasks else []
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
    """Return text as Markdown code: a name of a user must not become a link or an image."""
    return f"`{' '.join(str(text).replace('`', chr(39)).split())}`"

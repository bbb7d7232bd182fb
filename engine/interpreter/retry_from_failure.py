"""Retry from a failure: another execution continues from the task that failed.

The frames of failed and cancelled tasks stay as they are (`frames`). A task that was itself running
starts again, on the same data; completed tasks do not run again. Time limits and retries count from
zero. Another version of the definition has the tasks under their names. A task whose own members
changed starts again; a change in its inner tasks alone does not restart it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.contracts.executions import OpenedExecution
from engine.errors import Fault, InvalidError
from engine.interpreter import checkpoint
from engine.interpreter.runtime.event_inbox import EventInbox
from engine.interpreter.runtime.frames import Frame, ValueTable
from engine.interpreter.runtime.interpreter import Interpreter

Json = Any


def capture(interpreter: Interpreter) -> str | None:
    """Return the state of a failed execution as text; None when it exceeds CHARACTERS_MAX."""
    table = ValueTable()
    state = {
        "form": checkpoint.FORMAT,
        "document": interpreter.definition.source,
        "context": table.index_of(interpreter.context),
        "frames": interpreter.frame.to_json(table),
        "values": table.values,
        "fetched": interpreter.resources,
        "inbox": interpreter.event_inbox.to_json(),
    }
    text = checkpoint.encode(state)
    return text if len(text) <= checkpoint.CHARACTERS_MAX else None


def match_document(text: str, document: dict[str, Json]) -> str:
    """Return the state of a failed execution, with its position in the document of the new one.

    :raises InvalidError: `retry_unmatched`, when a task that was running is no longer there.
    """
    state = checkpoint.decode(text)
    root, old = Frame.from_json(state["frames"], state["values"]), state["document"]
    _reset(root)
    if old != document:
        if old.get("use") != document.get("use"):
            _reset_functions(root)
        _match_list(root, "do", (old["do"], document["do"]), "/do")
        _reset(root)
    table = ValueTable()
    state |= {"context": table.index_of(state["values"][state["context"]]), "document": None}
    state |= {"frames": root.to_json(table), "values": table.values}
    return checkpoint.encode(state)


def restore(interpreter: Interpreter, opening: OpenedExecution) -> None:
    """Set an interpreter to the state of the failed execution, if `opened` has one."""
    if opening.left is None:
        return
    state = checkpoint.decode(opening.left)
    interpreter.context = state["values"][state["context"]]
    interpreter.frame = Frame.from_json(state["frames"], state["values"])
    interpreter.resources = state["fetched"]
    interpreter.event_inbox = EventInbox.from_json(state["inbox"])


def _reset(frame: Frame) -> None:
    """Remove limits, retries and failures; reset tasks that were themselves running."""
    state = frame.state
    if "limit" in state:
        del state["limit"], state["due"]
    # Of a `try` whose retries were exhausted.
    if "begun" in state and "until" not in state and "catch" not in frame.children:
        for name in ("begun", "retries", "caught"):
            state.pop(name, None)
    for branch in state.values():  # of a fork
        if isinstance(branch, dict) and branch.keys() == {"problem"}:
            branch.clear()
    for name, child in list(frame.children.items()):
        _reset(child)
        if name == "step" and not child.children:
            child.state.clear()
        if not child.state and not child.children:
            del frame.children[name]


def _reset_functions(frame: Frame) -> None:
    """Let tasks that were in a function start again."""
    for child in frame.children.values():
        _reset_functions(child)
    if any("function" in work.children for work in _work_frames(frame)):
        frame.children["step"] = Frame()


def _work_frames(frame: Frame) -> Iterator[Frame]:
    """Yield the frame of a task's work, and of the task that extensions surround, if any."""
    task = frame.children.get("step", Frame())
    work = task.children.get("work", Frame())
    yield work
    yield work.children.get("task", Frame())


def _match_list(
    frame: Frame, part: str, lists: tuple[list[Json], list[Json]], pointer: str
) -> None:
    """Find the current task of a list of tasks in the new list, by its name."""
    list_frame = frame.children.get(part)
    if list_frame is None:
        return
    old, new = lists
    old_index = list_frame.state["at"]
    ((name, body),) = old[old_index].items()
    index = next((index for index, item in enumerate(new) if name in item), None)
    if index is None:
        raise _unmatched_error(f"{pointer}/{old_index}/{name}")
    list_frame.state["at"] = index
    _match_task(list_frame, body, new[index][name], f"{pointer}/{index}/{name}")


def _match_task(frame: Frame, old: Json, new: Json, pointer: str) -> None:
    if old == new or "step" not in frame.children:
        return
    if _own_members(old) != _own_members(new):
        frame.children["step"] = Frame()
        return
    for work in _work_frames(frame):
        if "fork" in old:
            _match_branches(work, old["fork"]["branches"], new["fork"]["branches"], pointer)
        elif "try" in old:
            try_frame = work.children.get("try", Frame())
            _match_list(try_frame, "do", (old["try"], new["try"]), f"{pointer}/try")
            if "catch" in work.children:
                handlers = old["catch"]["do"], new["catch"]["do"]
                _match_list(work, "catch", handlers, f"{pointer}/catch/do")
        else:
            _match_list(work, "do", (old["do"], new["do"]), f"{pointer}/do")


def _match_branches(work: Frame, old: list[Json], new: list[Json], pointer: str) -> None:
    """Match each branch of a fork: its results are stored by index, so the names must be equal."""
    if [*map(list, old)] != [*map(list, new)]:
        raise _unmatched_error(f"{pointer}/fork/branches")
    for index, (before, after) in enumerate(zip(old, new, strict=True)):
        ((name, body),) = before.items()
        branch = work.children.get(str(index), Frame())
        _match_task(branch, body, after[name], f"{pointer}/fork/branches/{index}/{name}")


def _own_members(body: Json) -> Json:
    """Return a task without the tasks in its lists, for the constructs whose lists are matched."""
    if not isinstance(body, dict):
        return body
    own = dict(body)
    if "fork" in body:
        return own | {"fork": {**body["fork"], "branches": None}}
    if "try" in body:
        catch = {**body["catch"], "do": None} if "do" in body["catch"] else body["catch"]
        return own | {"try": None, "catch": catch}
    return own | {"do": None} if "do" in body else own


def _unmatched_error(pointer: str) -> InvalidError:
    fault = Fault(
        pointer,
        "the execution was in this step, which the definition no longer has: "
        "retry it with its own version",
    )
    return InvalidError(
        "retry_unmatched", "The definition has changed where it failed.", faults=[fault]
    )

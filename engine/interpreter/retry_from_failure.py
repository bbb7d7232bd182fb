"""Retaking: what a walk that failed leaves behind, and how another execution goes on from the failed step.

The frames of what failed or was cancelled stand as they stood (`frames`). A step that was at work itself
begins anew, on the data it was given; what is done stays done. Time limits and retries count anew. With
another version of the definition the steps are found again by their names; one whose own words have changed
begins anew, unless only the steps below it have.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.contracts.executions import OpenedExecution
from engine.errors import Fault, InvalidError
from engine.interpreter import checkpoint_json
from engine.interpreter.checkpoint import BOOKMARK_CHARACTERS_MAX, FORM
from engine.interpreter.runtime import frames
from engine.interpreter.runtime.event_inbox import Inbox
from engine.interpreter.runtime.frames import Frame
from engine.interpreter.runtime.interpreter import Walk

Json = Any


def left(walk: Walk) -> str | None:
    """Return what a failed walk leaves, as one text; nothing when it is larger than a bookmark may be."""
    values = frames.Values()
    state = {
        "form": FORM,
        "document": walk.definition.source,
        "context": values.place(walk.context),
        "frames": walk.frame.written(values),
        "values": values.found,
        "fetched": walk.fetched,
        "inbox": walk.inbox.written(),
    }
    text = checkpoint_json.written(state)
    return text if len(text) <= BOOKMARK_CHARACTERS_MAX else None


def matched(text: str, document: dict[str, Json]) -> str:
    """Return what was left, made ready to go on from by the document of the new execution.

    :raises InvalidError: `retry_unmatched`, when a step in which it stood is no longer there.
    """
    state = checkpoint_json.read(text)
    root, old = frames.read(state["frames"], state["values"]), state["document"]
    _refresh(root)
    if old != document:
        if old.get("use") != document.get("use"):
            _forget_functions(root)
        _match_list(root, "do", (old["do"], document["do"]), "/do")
        _refresh(root)
    values = frames.Values()
    state |= {"context": values.place(state["values"][state["context"]]), "document": None}
    state |= {"frames": root.written(values), "values": values.found}
    return checkpoint_json.written(state)


def retake(walk: Walk, opened: OpenedExecution) -> None:
    """Have a walk that is about to begin go on from what `opened` says was left, if it says so."""
    if opened.left is None:
        return
    state = checkpoint_json.read(opened.left)
    walk.context = state["values"][state["context"]]
    walk.frame = frames.read(state["frames"], state["values"])
    walk.fetched, walk.inbox = state["fetched"], Inbox.read(state["inbox"])


def _refresh(frame: Frame) -> None:
    """Forget limits, retries and failures; a step that was itself at work is as if it had not begun."""
    kept = frame.kept
    if "limit" in kept:
        del kept["limit"], kept["due"]
    if (
        "begun" in kept and "until" not in kept and "catch" not in frame.below
    ):  # of a `try` that gave up
        for name in ("begun", "retries", "caught"):
            kept.pop(name, None)
    for ended in kept.values():  # of a fork's branches
        if isinstance(ended, dict) and ended.keys() == {"problem"}:
            ended.clear()
    for name, below in list(frame.below.items()):
        _refresh(below)
        if name == "step" and not below.below:
            below.kept.clear()
        if not below.kept and not below.below:
            del frame.below[name]


def _forget_functions(frame: Frame) -> None:
    """Have steps that were within a function begin anew."""
    for below in frame.below.values():
        _forget_functions(below)
    if any("function" in work.below for work in _works(frame)):
        frame.below["step"] = Frame()


def _works(frame: Frame) -> Iterator[Frame]:
    """Yield the frames of a step's own work: the extended one's too, where extensions surround it."""
    step = frame.below.get("step", Frame())
    work = step.below.get("work", Frame())
    yield work
    yield work.below.get("task", Frame())


def _match_list(
    frame: Frame, part: str, lists: tuple[list[Json], list[Json]], pointer: str
) -> None:
    """Find again, by its name, the step at which a list of steps stood."""
    inner = frame.below.get(part)
    if inner is None:
        return
    old, new = lists
    ((name, body),) = old[inner.kept["at"]].items()
    at = next((place for place, entry in enumerate(new) if name in entry), None)
    if at is None:
        raise _unmatched(f"{pointer}/{inner.kept['at']}/{name}")
    inner.kept["at"] = at
    _match_step(inner, body, new[at][name], f"{pointer}/{at}/{name}")


def _match_step(frame: Frame, old: Json, new: Json, pointer: str) -> None:
    if old == new or "step" not in frame.below:
        return
    if _own(old) != _own(new):
        frame.below["step"] = Frame()
        return
    for work in _works(frame):
        if "fork" in old:
            _match_branches(work, old["fork"]["branches"], new["fork"]["branches"], pointer)
        elif "try" in old:
            _match_list(
                work.below.get("try", Frame()), "do", (old["try"], new["try"]), f"{pointer}/try"
            )
            if "catch" in work.below:
                handlers = old["catch"]["do"], new["catch"]["do"]
                _match_list(work, "catch", handlers, f"{pointer}/catch/do")
        else:
            _match_list(work, "do", (old["do"], new["do"]), f"{pointer}/do")


def _match_branches(work: Frame, old: list[Json], new: list[Json], pointer: str) -> None:
    """Go on in each branch; a fork's outcomes are kept by place, so that its branches must be the same."""
    if [*map(list, old)] != [*map(list, new)]:
        raise _unmatched(f"{pointer}/fork/branches")
    for place, (before, after) in enumerate(zip(old, new, strict=True)):
        ((name, body),) = before.items()
        branch = work.below.get(str(place), Frame())
        _match_step(branch, body, after[name], f"{pointer}/fork/branches/{place}/{name}")


def _own(body: Json) -> Json:
    """Return a step's own words: without the steps in its lists, for the kinds that find them again."""
    if not isinstance(body, dict):
        return body
    own = dict(body)
    if "fork" in body:
        return own | {"fork": {**body["fork"], "branches": None}}
    if "try" in body:
        catch = {**body["catch"], "do": None} if "do" in body["catch"] else body["catch"]
        return own | {"try": None, "catch": catch}
    return own | {"do": None} if "do" in body else own


def _unmatched(pointer: str) -> InvalidError:
    fault = Fault(
        pointer, "is no longer there, and the execution stood in it: retry it on its own version"
    )
    return InvalidError(
        "retry_unmatched", "The definition has changed where it failed.", faults=[fault]
    )

"""A bookmark: all that a walk needs to go on in another run of its workflow, as one text."""

from __future__ import annotations

from dataclasses import fields, replace

from engine.contracts.executions import INTERPRETER, ExecutionStart, OpenedExecution
from engine.interpreter import checkpoint_json
from engine.interpreter.definition_cache import LATELY
from engine.interpreter.runtime import frames
from engine.interpreter.runtime.budget import Pace
from engine.interpreter.runtime.environment import World
from engine.interpreter.runtime.event_inbox import Inbox
from engine.interpreter.runtime.interpreter import Walk
from engine.interpreter.runtime.pause import Hold
from engine.interpreter.runtime.quiescence import Rests
from engine.language.errors import ExhaustedError

BOOKMARK_CHARACTERS_MAX = 32 * 1_048_576
FORM = 1  # of the text; raised when one of today's could not be read any more


class NewerError(Exception):
    """The execution keeps to rules of a newer interpreter: this worker has to leave it to others."""


def begin(opened: OpenedExecution, execution_id: str, world: World) -> Walk:
    """Return a walk at its beginning.

    :raises InvalidError: when the document cannot run.
    :raises NewerError: when this interpreter is too old for it.
    """
    if opened.interpreter > INTERPRETER:
        raise NewerError(str(opened.interpreter))
    return Walk(
        definition=LATELY.parse(opened.document),
        execution_id=execution_id,
        raw_input=opened.input,
        world=world,
        rests=Rests(world.crowded, every=opened.rests_every),
        pace=Pace(world),
        account_id=opened.account_id,
        run_depth=opened.run_depth,
        secrets=opened.secrets,
        heard=frozenset(opened.heard),
    )


def left(start: ExecutionStart, walk: Walk, opened: OpenedExecution) -> ExecutionStart:
    """Return what a new run goes on with from where a walk rests.

    :raises ExhaustedError: when the bookmark is larger than BOOKMARK_CHARACTERS_MAX.
    """
    ordered = start.ordered and replace(start.ordered, input=None)  # which is in the bookmark
    return replace(start, ordered=ordered, bookmark=write(walk, opened))


def write(walk: Walk, opened: OpenedExecution) -> str:
    """Return the bookmark of a walk that rests.

    :raises ExhaustedError: when it is larger than BOOKMARK_CHARACTERS_MAX.
    """
    values = frames.Values()
    state = {
        "form": FORM,
        "opened": {each.name: getattr(opened, each.name) for each in fields(opened)},
        "context": values.place(walk.context),
        "frames": walk.frame.written(values),
        "values": values.found,
        "stepsWalked": walk.pace.steps,
        "calls": walk.calls,
        "trail": walk.trail,
        "fetched": walk.fetched,
        "startedAt": walk.started_at,
        "inbox": walk.inbox.written(),
        "journal": walk.scribe.written(),
        "hold": walk.hold.written(),
    }
    text = checkpoint_json.written(state)
    if len(text) > BOOKMARK_CHARACTERS_MAX:
        detail = (
            f"all data of the execution together is more than {BOOKMARK_CHARACTERS_MAX} characters"
        )
        raise ExhaustedError(detail)
    return text


def resume(bookmark: str, execution_id: str, world: World) -> tuple[Walk, OpenedExecution]:
    """Return the walk where it stood, and what was opened for it.

    :raises NewerError: when this interpreter is too old for it.
    """
    state = checkpoint_json.read(bookmark)
    if state["form"] > FORM:
        raise NewerError(str(state["form"]))
    opened = OpenedExecution(**state["opened"])
    walk = begin(opened, execution_id, world)
    walk.context = state["values"][state["context"]]
    walk.frame = frames.read(state["frames"], state["values"])
    walk.pace.steps, walk.calls = state["stepsWalked"], state["calls"]
    walk.fetched, walk.trail, walk.started_at = state["fetched"], state["trail"], state["startedAt"]
    walk.inbox, walk.hold = Inbox.read(state["inbox"]), Hold(**state["hold"])
    walk.scribe.resume(state["journal"])
    return walk, opened

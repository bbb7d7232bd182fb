"""A bookmark: all that a walk needs to go on in another run of its workflow, as one text."""

from __future__ import annotations

from dataclasses import fields, replace

from engine.contracts.executions import INTERPRETER, ExecutionStart, Opened
from engine.interpreter import checkpoint_json
from engine.interpreter.definition_cache import LATELY
from engine.interpreter.runtime.budget import Budget
from engine.interpreter.runtime.environment import Environment
from engine.interpreter.runtime.event_inbox import EventInbox
from engine.interpreter.runtime.frames import Frame, ValueTable
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.pause import Pause
from engine.interpreter.runtime.quiescence import Quiescence
from engine.language.errors import ExhaustedError

BOOKMARK_CHARACTERS_MAX = 32 * 1_048_576
FORM = 1  # of the text; raised when one of today's could not be read any more


class NewerError(Exception):
    """The execution keeps to rules of a newer interpreter: this worker has to leave it to others."""


def begin(opened: Opened, execution_id: str, environment: Environment) -> Interpreter:
    """Return a walk at its beginning.

    :raises InvalidError: when the document cannot run.
    :raises NewerError: when this interpreter is too old for it.
    """
    if opened.interpreter > INTERPRETER:
        raise NewerError(str(opened.interpreter))
    return Interpreter(
        definition=LATELY.parse(opened.document),
        execution_id=execution_id,
        raw_input=opened.input,
        environment=environment,
        quiescence=Quiescence(environment.is_history_long, every=opened.rests_every),
        budget=Budget(environment),
        account_id=opened.account_id,
        run_depth=opened.run_depth,
        secrets=opened.secrets,
        event_types=frozenset(opened.heard),
    )


def left(start: ExecutionStart, interpreter: Interpreter, opened: Opened) -> ExecutionStart:
    """Return what a new run goes on with from where a walk rests.

    :raises ExhaustedError: when the bookmark is larger than BOOKMARK_CHARACTERS_MAX.
    """
    ordered = start.ordered and replace(start.ordered, input=None)  # which is in the bookmark
    return replace(start, ordered=ordered, bookmark=write(interpreter, opened))


def write(interpreter: Interpreter, opened: Opened) -> str:
    """Return the bookmark of a walk that rests.

    :raises ExhaustedError: when it is larger than BOOKMARK_CHARACTERS_MAX.
    """
    values = ValueTable()
    state = {
        "form": FORM,
        "opened": {each.name: getattr(opened, each.name) for each in fields(opened)},
        "context": values.index_of(interpreter.context),
        "frames": interpreter.frame.to_json(values),
        "values": values.values,
        "stepsWalked": interpreter.budget.tasks,
        "calls": interpreter.calls,
        "trail": interpreter.trail,
        "fetched": interpreter.resources,
        "startedAt": interpreter.started_at,
        "inbox": interpreter.event_inbox.to_json(),
        "journal": interpreter.timeline.to_json(),
        "hold": interpreter.pause.to_json(),
    }
    text = checkpoint_json.written(state)
    if len(text) > BOOKMARK_CHARACTERS_MAX:
        detail = (
            f"all data of the execution together is more than {BOOKMARK_CHARACTERS_MAX} characters"
        )
        raise ExhaustedError(detail)
    return text


def resume(
    bookmark: str, execution_id: str, environment: Environment
) -> tuple[Interpreter, Opened]:
    """Return the walk where it stood, and what was opened for it.

    :raises NewerError: when this interpreter is too old for it.
    """
    state = checkpoint_json.read(bookmark)
    if state["form"] > FORM:
        raise NewerError(str(state["form"]))
    opened = Opened(**state["opened"])
    interpreter = begin(opened, execution_id, environment)
    interpreter.context = state["values"][state["context"]]
    interpreter.frame = Frame.from_json(state["frames"], state["values"])
    interpreter.budget.tasks, interpreter.calls = state["stepsWalked"], state["calls"]
    interpreter.resources = state["fetched"]
    interpreter.trail, interpreter.started_at = state["trail"], state["startedAt"]
    interpreter.event_inbox = EventInbox.from_json(state["inbox"])
    interpreter.timeline.restore(state["journal"])
    interpreter.pause = Pause.from_json(state["hold"])
    return interpreter, opened

"""Checkpoint of an execution: the state with which another run continues it, as JSON text."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import orjson

from engine.contracts.executions import INTERPRETER, ExecutionStart, OpenedExecution
from engine.interpreter.definition_cache import DEFINITIONS
from engine.interpreter.runtime.budget import Budget
from engine.interpreter.runtime.environment import Environment
from engine.interpreter.runtime.event_inbox import EventInbox
from engine.interpreter.runtime.frames import Frame, ValueTable
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.pause import Pause
from engine.interpreter.runtime.quiescence import Quiescence
from engine.language.errors import ExhaustedError

CHARACTERS_MAX = 32 * 1_048_576
FORMAT = 1  # version of the text; raised when this release could not read an older text


class NewerError(Exception):
    """The execution needs a newer interpreter: this worker must leave it to others."""


def create_interpreter(
    opening: OpenedExecution, execution_id: str, environment: Environment
) -> Interpreter:
    """Return an interpreter at the beginning of the definition.

    :raises InvalidError: when the document cannot run.
    :raises NewerError: when this interpreter is too old for the execution.
    """
    if opening.interpreter > INTERPRETER:
        raise NewerError(str(opening.interpreter))
    return Interpreter(
        definition=DEFINITIONS.parse(opening.document),
        execution_id=execution_id,
        raw_input=opening.input,
        environment=environment,
        quiescence=Quiescence(environment.is_history_long, every=opening.rests_every),
        budget=Budget(environment),
        account_id=opening.account_id,
        run_depth=opening.run_depth,
        secrets=opening.secrets,
        event_types=frozenset(opening.heard),
    )


def continuation(
    start: ExecutionStart, interpreter: Interpreter, opening: OpenedExecution
) -> ExecutionStart:
    """Return the argument of the next run, which continues from a quiescent interpreter.

    :raises ExhaustedError: when the checkpoint has more than CHARACTERS_MAX characters.
    """
    order = start.ordered and replace(start.ordered, input=None)  # the checkpoint has the input
    return replace(start, ordered=order, bookmark=dump(interpreter, opening))


def dump(interpreter: Interpreter, opening: OpenedExecution) -> str:
    """Return the checkpoint of a quiescent interpreter.

    :raises ExhaustedError: when it has more than CHARACTERS_MAX characters.
    """
    table = ValueTable()
    state = {
        "form": FORMAT,
        "opened": {each.name: getattr(opening, each.name) for each in fields(opening)},
        "context": table.index_of(interpreter.context),
        "frames": interpreter.frame.to_json(table),
        "values": table.values,
        "stepsWalked": interpreter.budget.tasks,
        "calls": interpreter.calls,
        "trail": interpreter.trail,
        "fetched": interpreter.resources,
        "startedAt": interpreter.started_at,
        "inbox": interpreter.event_inbox.to_json(),
        "journal": interpreter.timeline.to_json(),
        "hold": interpreter.pause.to_json(),
    }
    text = encode(state)
    if len(text) > CHARACTERS_MAX:
        detail = f"all data of the execution together is more than {CHARACTERS_MAX} characters"
        raise ExhaustedError(detail)
    return text


def load(
    text: str, execution_id: str, environment: Environment
) -> tuple[Interpreter, OpenedExecution]:
    """Return the interpreter that a checkpoint describes, and what the execution was opened with.

    :raises NewerError: when this interpreter is too old for the checkpoint.
    """
    state = decode(text)
    if state["form"] > FORMAT:
        raise NewerError(str(state["form"]))
    opening = OpenedExecution(**state["opened"])
    interpreter = create_interpreter(opening, execution_id, environment)
    interpreter.context = state["values"][state["context"]]
    interpreter.frame = Frame.from_json(state["frames"], state["values"])
    interpreter.budget.tasks, interpreter.calls = state["stepsWalked"], state["calls"]
    interpreter.resources, interpreter.trail = state["fetched"], state["trail"]
    interpreter.started_at = state["startedAt"]
    interpreter.event_inbox = EventInbox.from_json(state["inbox"])
    interpreter.timeline.restore(state["journal"])
    interpreter.pause = Pause.from_json(state["hold"])
    return interpreter, opening


def encode(state: dict[str, Any]) -> str:
    """Return a state as JSON text: up to 32 MiB, within the two seconds of a workflow task."""
    try:
        return orjson.dumps(state).decode()
    except TypeError:  # frames are nested deeper than orjson allows
        return json.dumps(state, separators=(",", ":"))


def decode(text: str) -> dict[str, Any]:
    """Return the state in a JSON text."""
    try:
        state: dict[str, Any] = orjson.loads(text)
    except ValueError:  # nested deeper than orjson allows
        state = json.loads(text)
    return state

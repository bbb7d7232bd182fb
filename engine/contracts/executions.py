"""Executions: workflow types, activities, arguments and answers; names and data alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

from engine.contracts.child_executions import ChildOrder
from engine.contracts.commands import Command
from engine.contracts.json_value import Json

EXECUTION = "execution"  # workflow type; its id is an ExecutionWorkflowId
OPEN_EXECUTION = "open_execution"  # local activity: ExecutionStart → OpenedExecution
SETTLE_EXECUTION = "settle_execution"  # local activity: Settlement → JWE to the reply key, or None
EXECUTION_ENDED = "execution_ended"  # local activity: an execution's id → whether it has ended
FLUSH_TIMELINE = "keep_steps"  # local activity: TimelineFlush → None
COUNT_STEPS = "take_steps"  # local activity: StepCount → the seconds to wait before the next step
OUTCOME_READING = "execution.read"  # workflow type; its id is a ReadingWorkflowId
READ_OUTCOME = "read_outcome"  # local activity: OutcomeReading → JWE to the reply key, or None

# An execution answers with the JWE that SETTLE_EXECUTION returned, as a payload that no codec
# touches (`payload_converter`). A completed workflow has it as its result. A failed one fails with
# an ApplicationError, whose only detail it is and whose type is the standard kind of error or
# RAISED. Without a reply key there is neither. A failure of type UNDONE, without details, means
# that the engine could not open, settle or check.
RAISED = "raised"
UNDONE = "undone"
OUTAGE = "outage"  # type of the one failure of an activity that is retried
# Type of OPEN_EXECUTION's refusal; its only detail is the error that the execution ends with.
UNOPENABLE = "unopenable"

# Version of the interpreter. Raise it by one with each change of the walk on which the histories of
# running executions would not replay. An execution keeps the version that opened it: code whose
# commands differ asks `OpenedExecution.interpreter` until the last older execution has ended.
INTERPRETER = 1


@dataclass(frozen=True, slots=True)
class ExecutionStart(Command):
    """Argument of an execution: ids, and the public key of whoever waits for the reply.

    A run that continues another one also has its checkpoint.
    """

    command: ClassVar[str] = EXECUTION
    execution_id: str
    account_id: str
    reply_key: dict[str, str] | None = None  # JWK of an ephemeral key; None when nobody waits
    bookmark: str | None = None  # checkpoint of the run before; None at the beginning
    ordered: ChildOrder | None = None  # by a parent, which receives the outcome

    def without_authority(self) -> Self:
        """Return the argument as one that no activity acts on, and whose reply goes to nobody."""
        return replace(self, authentic=False, reply_key=None)


@dataclass(frozen=True, slots=True)
class StepCount:
    """Steps that an execution of the account has walked."""

    account_id: str
    steps: int


@dataclass(frozen=True, slots=True)
class TimelineFlush:
    """Execution whose pending timeline entries shall be stored."""

    account_id: str
    execution_id: str


@dataclass(frozen=True, slots=True)
class OutcomeReading(Command):
    """Argument of reading an outcome: ids, and the public key of whoever waits for the reply."""

    command: ClassVar[str] = OUTCOME_READING
    execution_id: str
    account_id: str
    reply_key: dict[str, str]


@dataclass(frozen=True, slots=True)
class OpenedExecution:
    """What an execution runs on, in plaintext: worker memory and encrypted history only."""

    definition_id: str
    definition_version: int
    document: dict[str, Json]  # the OWS document
    input: Json
    account_id: str
    interpreter: int = INTERPRETER  # the version whose rules the execution keeps to until it ends
    secrets: dict[str, Json] = field(default_factory=dict)  # those the document lists, by name
    run_depth: int = 0  # how many workflows ran one another down to this one
    rests_every: int = 0  # continue in a new run after so many safe points; 0: Temporal decides
    heard: list[str] = field(default_factory=list)  # lifecycle events that have a listener
    slowed_seconds: float = 0.0  # how long it waits first: its account has walked too many steps
    left: str | None = None  # checkpoint of the execution that this one retries


@dataclass(frozen=True, slots=True)
class Settlement:
    """End of an execution; exactly one of `result` and `error` is set."""

    execution_id: str
    account_id: str
    status: str  # completed | failed
    result: Json = None
    error: dict[str, Json] | None = None  # type, status, title, detail, instance
    reply_key: dict[str, str] | None = None
    cancelled: bool = False  # whether somebody stopped it
    steps: int = 0  # walked and not counted yet
    subject: dict[str, Json] | None = None  # its name in lifecycle events: name, definition, source
    left: str | None = None  # checkpoint of a failed walk, for a retry

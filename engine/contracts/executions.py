"""Names and values that cross between web, relay, workflows and activities: data, and nothing that runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from engine.contracts.child_executions import ChildOrder

TASK_QUEUE = "engine"

EXECUTION = "execution"  # workflow type; id execution:<uuid>
DEFINITION_CHECK = "definition.check"  # workflow type; id definition:<uuid>[:<version>]
SCHEDULE = "schedule"  # workflow type; id schedule:<uuid of the definition>:<trigger>[:<version>]

EVENT = "event"  # signal of executions and schedules: CloudEvents, oldest first
PUBLISH_EVENTS = "publish_events"  # local activity: Publication → None
OPEN_SCHEDULE = "open_schedule"  # local activity: ScheduleStart → Scheduled, or None
EXECUTION_ENDED = "execution_ended"  # local activity: an execution's id → whether it has ended
FIRE_SCHEDULE = "fire_schedule"  # local activity: Firing → Fired, or None

OPEN_EXECUTION = "open_execution"  # local activity: ExecutionStart → Opened
SETTLE_EXECUTION = "settle_execution"  # local activity: Settlement → JWE to the reply key, or None
KEEP_STEPS = "keep_steps"  # local activity: StepsTold → None
TAKE_STEPS = "take_steps"  # local activity: StepsTaken → the seconds to wait before the next step
OUTCOME_READING = "execution.read"  # workflow type; id read:<uuid>

CHECK_DEFINITION = (
    "check_definition"  # local activity: DefinitionCheck → the triggers to wait for, after and on
)
READ_OUTCOME = "read_outcome"  # local activity: OutcomeReading → JWE to the reply key, or None
FIND_DEFINITION = "find_definition"  # activity: Wanted → the definition's id
CALL_HTTP = "call_http"  # activity: HttpCall → HttpAnswer
COMPOSE_OPENAPI = "compose_openapi"  # activity: OpenApiCall → HttpCall

# How an execution answers: a RawValue payload of this encoding holding the JWE that SETTLE_EXECUTION
# gave, which codecs leave alone and clients read with replies.ReplyPayloadConverter. Completed: it is the
# workflow's result. Failed: the workflow fails with an ApplicationError whose only detail it is, and whose
# type is the standard kind of error or RAISED. Without a reply key there is neither. A failure of type
# UNDONE, without details, means that the engine could not open, settle or check.
SEALED_ENCODING = b"application/jose"
RAISED = "raised"
UNDONE = "undone"
# The type of OPEN_EXECUTION's refusal; its one detail is the error the execution ends with.
UNOPENABLE = "unopenable"

# The interpreter's version. Raise it by one with each change of the walk on which the histories of running
# executions would not replay. An execution keeps the version that opened it: code whose commands differ
# asks `Opened.interpreter`, until the last execution of the older version has ended.
INTERPRETER = 1

Json = Any  # what json.loads gives


def execution_workflow_id(execution_id: str) -> str:
    """Return the one Temporal workflow id an execution can ever have."""
    return f"execution:{execution_id}"


def executed_by(workflow_id: str) -> UUID | None:
    """Return the execution that a workflow id names; nothing for an id that somebody else has made up."""
    kind, _, execution_id = workflow_id.partition(":")
    try:
        return UUID(execution_id) if kind == EXECUTION else None
    except ValueError:
        return None


def definition_workflow_id(definition_id: str, version: int = 1) -> str:
    """Return the one Temporal workflow id the check of a definition's version can ever have."""
    return versioned(f"definition:{definition_id}", version)


def schedule_workflow_id(definition_id: str, trigger: str, version: int = 1) -> str:
    """Return the one Temporal workflow id a trigger of a definition's version can ever have."""
    return versioned(f"schedule:{definition_id}:{trigger}", version)


def versioned(named: str, version: int) -> str:
    """Return the id of what belongs to a version; the first version's id names no version."""
    return named if version == 1 else f"{named}:{version}"


@dataclass(frozen=True, slots=True)
class ExecutionStart:
    """The argument of an execution: ids, and the public key of whoever awaits the answer.

    A run that goes on for another also has what that one left.
    """

    execution_id: str
    account_id: str
    reply_key: dict[str, str] | None = None  # JWK of an ephemeral key; None when nobody waits
    bookmark: str | None = None  # where a run before this one left off; None at the beginning
    ordered: ChildOrder | None = None  # by another execution, which is told the end


@dataclass(frozen=True, slots=True)
class DefinitionCheck:
    """The argument of a definition's check: ids only."""

    definition_id: str
    account_id: str
    version: int = 1


@dataclass(frozen=True, slots=True)
class ScheduleStart:
    """The argument of a schedule's workflow: ids, its trigger, and the state of the run before this one."""

    definition_id: str
    account_id: str
    trigger: str  # after | on
    standing: dict[str, Json] | None = None  # of what it listens for
    inbox: dict[str, Json] | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What a schedule goes by, in the clear: worker memory and encrypted history only."""

    document: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Publication:
    """Events that an execution hands over: each with a key, and whether it is a lifecycle event."""

    account_id: str
    execution_id: str
    events: list[dict[str, Json]]  # key, event, lifecycle


@dataclass(frozen=True, slots=True)
class StepsTaken:
    """Steps that an execution of the account has walked."""

    account_id: str
    steps: int


@dataclass(frozen=True, slots=True)
class StepsTold:
    """An execution whose journal is to be kept as far as it was told."""

    account_id: str
    execution_id: str


@dataclass(frozen=True, slots=True)
class OutcomeReading:
    """The argument of reading an outcome: ids, and the public key of whoever asks."""

    execution_id: str
    account_id: str
    reply_key: dict[str, str]


@dataclass(frozen=True, slots=True)
class Opened:
    """What an execution runs on, in the clear: worker memory and encrypted history only."""

    definition_id: str
    definition_version: int
    document: dict[str, Json]  # the OWS document
    input: Json
    account_id: str
    interpreter: int = INTERPRETER  # the version whose rules the execution keeps to until it ends
    secrets: dict[str, Json] = field(default_factory=dict)  # those the document lists, by name
    run_depth: int = 0  # how many workflows ran one another down to this one
    rests_every: int = 0  # go on in a new run after so many safe points; 0 leaves that to Temporal
    heard: list[str] = field(default_factory=list)  # lifecycle events that somebody listens for
    slowed_seconds: float = 0.0  # how long it waits first: its account has walked too many
    left: str | None = None  # by the execution that this one retries, see `retaking`


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an execution ended; exactly one of `result` and `error` says what with."""

    execution_id: str
    account_id: str
    status: str  # completed | failed
    result: Json = None
    error: dict[str, Json] | None = None  # type, status, title, detail, instance
    reply_key: dict[str, str] | None = None
    cancelled: bool = False  # whether somebody stopped it
    steps: int = 0  # walked and not counted yet
    subject: dict[str, Json] | None = None  # how lifecycle events call it: name, definition, source
    left: str | None = None  # by a walk that failed, for another execution to go on from


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One HTTP request, every expression already evaluated."""

    method: str
    uri: str
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, Json] = field(default_factory=dict)
    body: Json = None
    redirect: bool = False
    authentication: dict[str, Json] | None = None  # {"basic": {…}} and so on, resolved
    timeout_seconds: float = 30.0
    raw: bool = False  # whether the answer holds the bytes instead of the content


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back: `content`, parsed JSON or text, or when asked for `raw`, base64 of the bytes."""

    status: int
    headers: dict[str, str]
    content: Json
    raw: str
    uri: str  # after redirects
    authorization: dict[str, Json] | None = None  # with which the call was made: scheme, parameter


@dataclass(frozen=True, slots=True)
class OpenApiCall:
    """An operation by its id, and where its service describes itself."""

    document: HttpCall
    operation: str
    arguments: dict[str, Json]


@dataclass(frozen=True, slots=True)
class RpcAnswer:
    """The result of a remote procedure (JSON-RPC 2.0, gRPC); of one that streams, all of them."""

    result: Json

"""Interceptor of the worker: it runs only what processes of ours have started."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from temporalio import activity, workflow
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    ExecuteWorkflowInput,
    HandleSignalInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from engine.contracts.calls import (
    CALL_A2A,
    CALL_GRPC,
    CALL_HTTP,
    CALL_MCP,
    COMPOSE_OPENAPI,
    CONSUME_MESSAGES,
    PUBLISH_MESSAGE,
)
from engine.contracts.child_executions import FIND_DEFINITION
from engine.contracts.commands import UNFIT, Command, refusal
from engine.contracts.definitions import DEFINITION_CHECK
from engine.contracts.events import EVENT
from engine.contracts.executions import EXECUTION, OUTCOME_READING
from engine.contracts.preview import DRAWING, VALIDATION
from engine.contracts.schedules import FIRING, SCHEDULE
from engine.contracts.workflow_ids import (
    CheckWorkflowId,
    ExecutionWorkflowId,
    FiringWorkflowId,
    ReadingWorkflowId,
    TriggerWorkflowId,
)
from engine.observability import metrics

# Readers of the ids that a type's workflows have: no id of an execution serves another type.
ID_READERS: Mapping[str, Callable[[str], object]] = {
    EXECUTION: ExecutionWorkflowId.parse,
    DEFINITION_CHECK: CheckWorkflowId.parse,
    SCHEDULE: TriggerWorkflowId.parse,
    FIRING: FiringWorkflowId.parse_run,
    OUTCOME_READING: ReadingWorkflowId.parse,
    VALIDATION: ReadingWorkflowId.parse,
    DRAWING: ReadingWorkflowId.parse,
}
# Activities that workflows run by the task queue. They run all others locally.
REMOTE = {
    *(CALL_HTTP, CALL_MCP, CALL_A2A, CALL_GRPC, COMPOSE_OPENAPI),
    *(PUBLISH_MESSAGE, CONSUME_MESSAGES, FIND_DEFINITION),
}
# How far a command's time may be from its workflow's start; clocks differ, and senders retry. A
# schedule starts workflows with the same command for years.
AGE_MAX = timedelta(hours=1)
UUID_TIME_SHIFT = 80  # RFC 9562 section 5.7: milliseconds since 1970 are the first 48 bits
log = structlog.get_logger()


class CommandGuard(Interceptor):
    """Interceptor that refuses what no process of ours would have started, and counts it."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Return the interceptor of one activity."""
        return _ActivityGuard(next)

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002 - same
    ) -> type[WorkflowInboundInterceptor]:
        """Return the interceptor of workflows."""
        return _WorkflowGuard


class _ActivityGuard(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        info = activity.info()
        argument = _only(input.args)
        reason = None
        if not info.is_local and (info.activity_type not in REMOTE or not info.workflow_id):
            reason = "activity"
        elif argument is None:
            reason = "arguments"
        elif isinstance(argument, Command) and not argument.authentic:
            reason = "no_authority"
        if reason is not None:
            _count(reason, info.workflow_id)
            raise refusal()
        return await super().execute_activity(input)


class _WorkflowGuard(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 - the SDK's name
        info = workflow.info()
        reason = None
        if not _has_id_of_type(info):
            reason = "workflow_id"
        elif _only(input.args) is None:
            reason = "arguments"
        elif _only(input.args) is UNFIT:
            reason = "no_authority"
        elif info.continued_run_id is None and _is_stale(_only(input.args), info.start_time):
            reason = "stale"
        if reason is not None:
            _refuse_in_workflow(reason)
            raise refusal()
        return await super().execute_workflow(input)

    async def handle_signal(self, input: HandleSignalInput) -> None:  # noqa: A002 - the SDK's name
        argument = _only(input.args)
        if argument is None:
            return _refuse_in_workflow("arguments")
        if input.signal == EVENT and not _are_events(argument):
            return _refuse_in_workflow("arguments")
        if isinstance(argument, Command) and not argument.authentic:
            return _refuse_in_workflow("no_authority")
        return await super().handle_signal(input)


def _only(arguments: Sequence[Any]) -> Any:
    """Return the argument: everything of ours has one. None when there is none, or several."""
    return arguments[0] if len(arguments) == 1 else None


def _are_events(argument: Any) -> bool:
    """Return whether a signal's argument is a list of events, which the inbox can tell apart."""
    return isinstance(argument, list) and all(
        isinstance(event, dict) and event.keys() >= {"source", "id"} for event in argument
    )


def _has_id_of_type(info: workflow.Info) -> bool:
    try:
        ID_READERS[info.workflow_type](info.workflow_id)
    except ValueError:
        return False
    return True


def _is_stale(argument: Any, start_time: datetime) -> bool:
    """Return whether a command was made long before, or after, the workflow that it starts."""
    if not isinstance(argument, Command) or argument.command == FIRING or not argument.message_id:
        return False
    milliseconds = UUID(argument.message_id).int >> UUID_TIME_SHIFT
    made_at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return abs(start_time - made_at) > AGE_MAX


def _refuse_in_workflow(reason: str) -> None:
    """Count a refusal; a replay repeats it and counts nothing."""
    if not workflow.unsafe.is_replaying():
        _count(reason, workflow.info().workflow_id)


def _count(reason: str, workflow_id: str | None) -> None:
    metrics.COMMAND_REFUSALS.labels(reason).inc()
    log.warning("command_refused", reason=reason, workflow=workflow_id)

"""Temporal: one client builder, one data converter, and how each kind of workflow is started."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from functools import cache, lru_cache
from typing import Any, Self, cast
from uuid import UUID

from temporalio.client import Client, WorkflowHandle
from temporalio.common import (
    Priority,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDReusePolicy,
)
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    ExternalStorage,
    PayloadConverter,
    SerializationContext,
    WorkflowSerializationContext,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.runtime import Runtime
from temporalio.service import RetryConfig, RPCError, RPCStatusCode

from engine.config.settings import Settings
from engine.config.temporal_tls import tls
from engine.contracts import executions, summaries
from engine.contracts.executions import DefinitionCheck, ExecutionStart, OutcomeReading
from engine.contracts.pause import PAUSE_SIGNAL, PauseCommand
from engine.contracts.payload_converter import ReplyPayloadConverter
from engine.contracts.preview import Drawing, Validation
from engine.crypto.temporal_codec import Owners, SealingCodec
from engine.observability import tracing
from engine.observability.temporal_trace_header import Passing

TASK_TIMEOUT = timedelta(seconds=5)  # a worker killed in the middle of a task costs this much
CHECK_TIMEOUT = timedelta(hours=1)
READING_TIMEOUT = timedelta(seconds=30)
BOUND_CACHED = 1_000
Reading = OutcomeReading | Validation | Drawing
ACCOUNT = SearchAttributeKey.for_keyword("account")
DEFINITION = SearchAttributeKey.for_keyword("definition")


async def connect(
    settings: Settings,
    *,
    keyed: bool,
    storage: ExternalStorage | None = None,
    owners: Owners | None = None,
    runtime: Runtime | None = None,
    retry: RetryConfig | None = None,
) -> Client:
    """Return a client; `keyed` ones seal and open payloads and belong in the worker alone.

    `storage` and `owners` are theirs: where large payloads are, and whose keys seal.

    :raises RuntimeError: when the server cannot be reached.
    """
    return await Client.connect(
        settings.need("temporal_address"),
        namespace=settings.temporal_namespace,
        api_key=settings.temporal_api_key or None,
        tls=tls(settings),
        data_converter=_converter(settings, storage, owners) if keyed else _PLAIN,
        runtime=runtime,
        retry_config=retry,
        interceptors=tracing.interceptors() or [Passing()],
    )


# The SDK makes a converter anew for every payload that it binds to a workflow: of ours, which knows nothing
# of workflows, one serves all.
_PLAIN = dataclasses.replace(
    DataConverter.default,
    payload_converter_class=cast("type[PayloadConverter]", cache(ReplyPayloadConverter)),
)


@dataclasses.dataclass(frozen=True, eq=False)
class _Sealing(DataConverter):
    """A converter that binds its codec to each workflow once; the SDK asks several times for each payload."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__  # the one by its fields could not hash the keys

    def with_context(self, context: SerializationContext) -> Self:
        """Return the converter for the payloads of the context's workflow."""
        workflow_id = getattr(context, "workflow_id", None)
        if workflow_id is None:
            return super().with_context(context)
        return cast("Self", _bound(self, workflow_id))

    def bound(self, workflow_id: str) -> DataConverter:
        """Return a converter that is bound to a workflow: all that its parts need of a context."""
        return super().with_context(
            WorkflowSerializationContext(namespace="", workflow_id=workflow_id)
        )


@lru_cache(BOUND_CACHED)
def _bound(converter: _Sealing, workflow_id: str) -> DataConverter:
    return converter.bound(workflow_id)


def _converter(
    settings: Settings, storage: ExternalStorage | None, owners: Owners | None
) -> DataConverter:
    return _Sealing(
        payload_converter_class=_PLAIN.payload_converter_class,
        external_storage=storage,
        payload_codec=SealingCodec(settings.secrets("codec_keys"), owners),
        # Messages and stack traces of failures can quote what was worked on.
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


async def start_execution(
    client: Client, start: ExecutionStart, *, definition_id: UUID | str, seconds_max: int
) -> WorkflowHandle[Any, Any]:
    """Start an execution's workflow, or find the one that was started: there is never a second."""
    return await _start(
        client,
        executions.EXECUTION,
        start,
        workflow_id=executions.execution_workflow_id(start.execution_id),
        account_id=start.account_id,
        definition_id=str(definition_id),
        lasts=timedelta(seconds=seconds_max),
    )


async def stop_execution(client: Client, execution_id: str, *, how: str) -> bool:
    """Cancel or terminate an execution's workflow; tell whether there is one, running or not.

    :raises RPCError: when the server does not do it.
    """
    handle = client.get_workflow_handle(executions.execution_workflow_id(execution_id))
    try:
        await (handle.cancel() if how == "cancel" else handle.terminate("asked for by the account"))
    except RPCError as fault:
        if fault.status != RPCStatusCode.NOT_FOUND:
            raise
        return await _was_there(handle)
    return True


async def terminate(client: Client, workflow_id: str, *, why: str) -> None:
    """End a workflow where it stands, if it runs.

    :raises RPCError: when the server does not do it.
    """
    try:
        await client.get_workflow_handle(workflow_id).terminate(why)
    except RPCError as fault:
        if fault.status != RPCStatusCode.NOT_FOUND:
            raise


async def hold_execution(client: Client, execution_id: str, word: PauseCommand) -> bool:
    """Have an execution's workflow pause or go on; tell whether there is one, running or not.

    :raises RPCError: when the server does not do it.
    """
    handle = client.get_workflow_handle(executions.execution_workflow_id(execution_id))
    try:
        await handle.signal(PAUSE_SIGNAL, word)
    except RPCError as fault:
        if fault.status != RPCStatusCode.NOT_FOUND:
            raise
        return await _was_there(handle)
    return True


async def _was_there(handle: WorkflowHandle[Any, Any]) -> bool:
    """Tell whether a workflow that cannot be stopped has run at all."""
    try:
        await handle.describe()
    except RPCError as fault:
        if fault.status != RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True


async def start_check(client: Client, check: DefinitionCheck) -> WorkflowHandle[Any, Any]:
    """Start the check of a definition, or find the one that was started."""
    return await _start(
        client,
        executions.DEFINITION_CHECK,
        check,
        workflow_id=executions.definition_workflow_id(check.definition_id, check.version),
        account_id=check.account_id,
        definition_id=check.definition_id,
        lasts=CHECK_TIMEOUT,
    )


async def start_reading(
    client: Client, reading: Reading, *, unique: UUID, kind: str = executions.OUTCOME_READING
) -> WorkflowHandle[Any, Any]:
    """Start the reading of an outcome, or another kind of look that somebody waits for."""
    return await client.start_workflow(
        kind,
        reading,
        id=f"read:{unique}",
        task_queue=executions.TASK_QUEUE,
        execution_timeout=READING_TIMEOUT,
        priority=Priority(fairness_key=reading.account_id),
        search_attributes=TypedSearchAttributes([SearchAttributePair(ACCOUNT, reading.account_id)]),
    )


async def _start(
    client: Client,
    kind: str,
    argument: Any,
    *,
    workflow_id: str,
    account_id: str,
    definition_id: str,
    lasts: timedelta,
) -> WorkflowHandle[Any, Any]:
    try:
        return await client.start_workflow(
            kind,
            argument,
            id=workflow_id,
            task_queue=executions.TASK_QUEUE,
            execution_timeout=lasts,
            task_timeout=TASK_TIMEOUT,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            priority=Priority(fairness_key=account_id),
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(ACCOUNT, account_id),
                    SearchAttributePair(DEFINITION, definition_id),
                ]
            ),
            # Not sealed where web starts it, which has no key for that: ids, and nothing of the user's.
            static_summary=summaries.summary(kind, definition_id),
            static_details=summaries.details(workflow_id, account_id, definition_id),
        )
    except WorkflowAlreadyStartedError:
        return client.get_workflow_handle(workflow_id)

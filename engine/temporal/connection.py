"""Connection to the Temporal server, and the data converter that seals payloads."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Self, cast

from temporalio.client import Client, Interceptor
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    ExternalStorage,
    PayloadConverter,
    SerializationContext,
    WorkflowSerializationContext,
)
from temporalio.runtime import Runtime
from temporalio.service import RetryConfig

from engine.config.settings import Settings
from engine.config.temporal_tls import make_tls_config
from engine.contracts.payload_converter import ReplyPayloadConverter
from engine.crypto.temporal_codec import EncryptionCodec, OwnerDirectory
from engine.observability import tracing
from engine.observability.temporal_trace_header import TraceparentInterceptor
from engine.temporal.command_codec import CommandCodec
from engine.temporal.command_signer import CommandSigner

BOUND_CONVERTERS_MAX = 1_000
# For callers with a better way than to wait: web leaves a message to the relay, which comes back.
SHORT_RETRY = RetryConfig(initial_interval_millis=50, max_elapsed_time_millis=250, max_retries=2)


async def connect(
    settings: Settings,
    *,
    keyed: bool,
    storage: ExternalStorage | None = None,
    owners: OwnerDirectory | None = None,
    runtime: Runtime | None = None,
) -> Client:
    """Return a client; a `keyed` one seals and opens payloads and belongs in the worker alone.

    A keyed client stores large payloads in `storage` and seals with the keys of `owners`. Of plain
    payloads it takes those of `connect_sender`.

    :raises RuntimeError: when the server cannot be reached.
    """
    converter = _converter(settings, storage, owners) if keyed else _PLAIN
    return await _connect(settings, converter, [], runtime=runtime)


async def connect_sender(
    settings: Settings,
    signer: CommandSigner,
    *,
    runtime: Runtime | None = None,
    retry: RetryConfig | None = None,
) -> Client:
    """Return a client that sends commands: it encrypts nothing, and authenticates each of them.

    :raises RuntimeError: when the server cannot be reached.
    """
    return await _connect(settings, _PLAIN, [signer], runtime=runtime, retry=retry)


async def _connect(
    settings: Settings,
    converter: DataConverter,
    interceptors: Sequence[Interceptor],
    *,
    runtime: Runtime | None = None,
    retry: RetryConfig | None = None,
) -> Client:
    return await Client.connect(
        settings.need("temporal_address"),
        namespace=settings.temporal_namespace,
        api_key=settings.temporal_api_key or None,
        tls=make_tls_config(settings),
        data_converter=converter,
        runtime=runtime,
        retry_config=retry,
        interceptors=[*(tracing.interceptors() or [TraceparentInterceptor()]), *interceptors],
    )


# The SDK makes a new converter for every payload that it binds to a workflow. Ours does not depend
# on the workflow, so one instance serves all of them.
_PLAIN = dataclasses.replace(
    DataConverter.default,
    payload_converter_class=cast("type[PayloadConverter]", cache(ReplyPayloadConverter)),
)


@dataclasses.dataclass(frozen=True, eq=False)
class _SealingConverter(DataConverter):
    """Converter that binds its codec to each workflow once; the SDK asks several times."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__  # a hash of the fields could not hash the keys

    def with_context(self, context: SerializationContext) -> Self:
        """Return the converter for the payloads of the context's workflow."""
        workflow_id = getattr(context, "workflow_id", None)
        if workflow_id is None:
            return super().with_context(context)
        is_activity = isinstance(context, ActivitySerializationContext)
        return cast("Self", _bind(self, workflow_id, is_activity=is_activity))

    def bind(self, workflow_id: str, *, is_activity: bool) -> DataConverter:
        """Return a converter: the workflow's id is all that the parts need of a context.

        Beside it they need to know whether it is an activity's.
        """
        context = WorkflowSerializationContext(namespace="", workflow_id=workflow_id)
        return super().with_context(_of_activity(workflow_id) if is_activity else context)


@lru_cache(BOUND_CONVERTERS_MAX)
def _bind(converter: _SealingConverter, workflow_id: str, *, is_activity: bool) -> DataConverter:
    return converter.bind(workflow_id, is_activity=is_activity)


def _of_activity(workflow_id: str) -> ActivitySerializationContext:
    return ActivitySerializationContext(
        namespace="",
        activity_id="",
        activity_type="",
        activity_task_queue="",
        workflow_id=workflow_id,
        workflow_type="",
        is_local=False,
    )


def _converter(
    settings: Settings, storage: ExternalStorage | None, owners: OwnerDirectory | None
) -> DataConverter:
    return _SealingConverter(
        payload_converter_class=_PLAIN.payload_converter_class,
        external_storage=storage,
        payload_codec=CommandCodec(
            EncryptionCodec(settings.secrets("codec_keys"), owners),
            settings.secrets("command_keys"),
        ),
        # Messages and stack traces of failures can quote a user's data.
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )

"""Connection to the Temporal server, and the data converter that seals payloads."""

from __future__ import annotations

import dataclasses
from functools import cache, lru_cache
from typing import Self, cast

from temporalio.client import Client
from temporalio.converter import (
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
    retry: RetryConfig | None = None,
) -> Client:
    """Return a client; a `keyed` one seals and opens payloads and belongs in the worker alone.

    A keyed client stores large payloads in `storage` and seals with the keys of `owners`.

    :raises RuntimeError: when the server cannot be reached.
    """
    return await Client.connect(
        settings.need("temporal_address"),
        namespace=settings.temporal_namespace,
        api_key=settings.temporal_api_key or None,
        tls=make_tls_config(settings),
        data_converter=_converter(settings, storage, owners) if keyed else _PLAIN,
        runtime=runtime,
        retry_config=retry,
        interceptors=tracing.interceptors() or [TraceparentInterceptor()],
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
        return cast("Self", _bind(self, workflow_id))

    def bind(self, workflow_id: str) -> DataConverter:
        """Return a converter for a workflow: its id is all that the parts need of a context."""
        return super().with_context(
            WorkflowSerializationContext(namespace="", workflow_id=workflow_id)
        )


@lru_cache(BOUND_CONVERTERS_MAX)
def _bind(converter: _SealingConverter, workflow_id: str) -> DataConverter:
    return converter.bind(workflow_id)


def _converter(
    settings: Settings, storage: ExternalStorage | None, owners: OwnerDirectory | None
) -> DataConverter:
    return _SealingConverter(
        payload_converter_class=_PLAIN.payload_converter_class,
        external_storage=storage,
        payload_codec=EncryptionCodec(settings.secrets("codec_keys"), owners),
        # Messages and stack traces of failures can quote a user's data.
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )

"""Activity that composes the request of an OpenAPI operation.

Descriptions can be large, so the workflow gets only the request.
"""

from __future__ import annotations

from temporalio import activity

from engine.calls.descriptions import commands, reader
from engine.calls.errors import failure, translate_errors
from engine.calls.http import HttpCaller
from engine.contracts.calls import COMPOSE_OPENAPI, HttpCall, OpenApiCall


class OpenApiActivities:
    """Activities of `call: openapi`."""

    def __init__(self, http: HttpCaller) -> None:
        self._http = http

    @activity.defn(name=COMPOSE_OPENAPI)
    async def compose(self, call: OpenApiCall) -> HttpCall:
        """Return the request of the operation.

        :raises ApplicationError: of type communication, when there is no description; of type
            authentication, when the call gets no credentials; otherwise of type configuration.
        """
        async with translate_errors(timeout_kind="communication"):
            answer = await self._http.send(call.document, bytes_max=reader.DESCRIPTION_BYTES_MAX)
            arguments = {
                "base": answer.uri,
                "operation_id": call.operation,
                "arguments": call.arguments,
            }
            try:
                return HttpCall(**await reader.execute(commands.COMPOSE, answer, arguments))
            except ValueError as error:
                raise failure("configuration", str(error)) from None

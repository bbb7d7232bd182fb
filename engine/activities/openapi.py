"""Activity that composes the request of an OpenAPI operation.

Descriptions can be large, so the workflow gets only the request.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import orjson
from temporalio import activity

from engine.calls.errors import failure, translate_errors
from engine.calls.http import HttpCaller
from engine.calls.openapi.operations import compose
from engine.contracts.calls import COMPOSE_OPENAPI, HttpCall, OpenApiCall
from engine.egress.guard import Answer
from engine.errors import EngineError
from engine.language import json_and_yaml

# In YAML the limit is that of a definition, as YAML is slow to read.
DESCRIPTION_BYTES_MAX = 8 * 1_048_576


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
            answer = await self._http.send(call.document, bytes_max=DESCRIPTION_BYTES_MAX)
            try:
                description = await asyncio.to_thread(read_description, answer)
                return compose(description, answer.uri, call.operation, call.arguments)
            except EngineError as error:
                detail = error.faults[0].detail if error.faults else error.detail
                text = f"the service's description cannot be read: {detail}"
                raise failure("configuration", text) from None
            except ValueError as error:
                raise failure("configuration", str(error)) from None
            except (TypeError, AttributeError, KeyError, RecursionError):
                text = "the service's description is malformed"
                raise failure("configuration", text) from None


def read_description(answer: Answer) -> Any:
    """Return a description from JSON or YAML.

    :raises ApplicationError: of type communication, when the server answered an error.
    :raises EngineError: when it is no YAML.
    :raises ValueError: when it is no JSON.
    """
    if answer.status != HTTPStatus.OK:
        raise failure("communication", f"the server answered {answer.status}", answer.status)
    text = answer.body.decode(errors="replace")
    return (
        orjson.loads(text)
        if text.lstrip()[:1] == "{"
        else json_and_yaml.read(text, "application/yaml")
    )

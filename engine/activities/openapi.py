"""A service's description, fetched and read where it is large: only the request it asks for goes on."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import orjson
from temporalio import activity
from temporalio.exceptions import ApplicationError

from engine.calls.http import HttpCaller
from engine.calls.oauth import CredentialsError
from engine.calls.openapi.operations import compose
from engine.contracts.executions import COMPOSE_OPENAPI, HttpCall, OpenApiCall
from engine.egress.guard import Answer, EgressError
from engine.errors import EngineError
from engine.language import parser

DESCRIPTION_BYTES_MAX = (
    8 * 1_048_576
)  # in YAML no more than a definition may have: it is slow to read


class OpenApiActivities:
    """Holds what sends HTTP requests."""

    def __init__(self, http: HttpCaller) -> None:
        self._http = http

    @activity.defn(name=COMPOSE_OPENAPI)
    async def compose(self, call: OpenApiCall) -> HttpCall:
        """Return the request that calls the operation.

        :raises ApplicationError: of type communication when there is no description, of type
            authentication when the call cannot show who makes it, else configuration.
        """
        try:
            answer = await self._http.send(call.document, bytes_max=DESCRIPTION_BYTES_MAX)
            description = await asyncio.to_thread(described, answer)
            return compose(description, answer.uri, call.operation, call.arguments)
        except EgressError as error:
            raise ApplicationError(str(error), type="communication", non_retryable=True) from None
        except CredentialsError as error:
            raise ApplicationError(str(error), type="authentication", non_retryable=True) from None
        except EngineError as error:
            said = error.faults[0].detail if error.faults else error.detail
            text = f"the service's description cannot be read: {said}"
            raise ApplicationError(text, type="configuration", non_retryable=True) from None
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            text = (
                str(error)
                if isinstance(error, ValueError)
                else "the service's description is broken"
            )
            raise ApplicationError(text, type="configuration", non_retryable=True) from None


def described(answer: Answer) -> Any:
    """Return a description, from JSON or YAML.

    :raises ApplicationError: of type communication, when there is none.
    :raises EngineError: when it cannot be read as YAML.
    :raises ValueError: when it cannot be read as JSON.
    """
    if answer.status != HTTPStatus.OK:
        raise ApplicationError(
            f"the server answered {answer.status}",
            answer.status,
            type="communication",
            non_retryable=True,
        )
    text = answer.body.decode(errors="replace")
    return orjson.loads(text) if text.lstrip()[:1] == "{" else parser.read(text, "application/yaml")

"""Activity that makes the one HTTP request of a call task."""

from __future__ import annotations

from temporalio import activity
from temporalio.exceptions import ApplicationError

from engine.calls.http import HttpCaller, to_answer
from engine.calls.oauth import CredentialsError
from engine.contracts import executions
from engine.egress.guard import EgressError


class HttpActivities:
    """Activities of `call: http`."""

    def __init__(self, caller: HttpCaller) -> None:
        self._caller = caller

    @activity.defn(name=executions.CALL_HTTP)
    async def call(self, call: executions.HttpCall) -> executions.HttpAnswer:
        """Send one request and return the answer, whatever its status.

        :raises ApplicationError: of type communication, when there is no answer, or authentication, when
            the call cannot show who makes it; never retried here.
        """
        try:
            authenticated = await self._caller.authenticate(call)
            return to_answer(
                authenticated, await self._caller.send_authenticated(call, authenticated)
            )
        except EgressError as error:
            raise ApplicationError(str(error), type="communication", non_retryable=True) from None
        except CredentialsError as error:
            raise ApplicationError(str(error), type="authentication", non_retryable=True) from None

"""Activity that makes the HTTP request of a call task."""

from __future__ import annotations

from temporalio import activity

from engine.calls.errors import translate_errors
from engine.calls.http import HttpCaller, to_answer
from engine.contracts.calls import CALL_HTTP, HttpAnswer, HttpCall


class HttpActivities:
    """Activities of `call: http`."""

    def __init__(self, caller: HttpCaller) -> None:
        self._caller = caller

    @activity.defn(name=CALL_HTTP)
    async def call(self, call: HttpCall) -> HttpAnswer:
        """Send one request and return the answer, whatever its status.

        :raises ApplicationError: of type communication, when there is no answer; of type
            authentication, when the call gets no credentials. Temporal does not retry it.
        """
        async with translate_errors(timeout_kind="communication"):
            authenticated_call = await self._caller.authenticate(call)
            answer = await self._caller.send_authenticated(call, authenticated_call)
            return await to_answer(authenticated_call, answer)

"""The one HTTP request of a `call` step, made through the egress guard."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import orjson
from temporalio import activity
from temporalio.exceptions import ApplicationError

from engine.egress.guard import BODY_BYTES_MAX, Answer, Egress, EgressError, Outgoing
from engine.interpreter import contracts


class HttpActivities:
    """Holds the guard that all requests pass."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    @activity.defn(name=contracts.CALL_HTTP)
    async def call(self, call: contracts.HttpCall) -> contracts.HttpAnswer:
        """Send one request and return the answer, whatever its status.

        :raises ApplicationError: of type communication, when there is no answer; never retried here.
        """
        try:
            return _shown(await self.send(call), raw=call.raw)
        except EgressError as error:
            raise ApplicationError(str(error), type="communication", non_retryable=True) from None

    async def send(
        self,
        call: contracts.HttpCall,
        *,
        bytes_max: int = BODY_BYTES_MAX,
        enough: Callable[[bytearray], bool] | None = None,
    ) -> Answer:
        """Send one request for an activity that knows more of what it means.

        :raises EgressError: when there is no answer.
        """
        return await self._egress.send(replace(_outgoing(call), bytes_max=bytes_max, enough=enough))


def _outgoing(call: contracts.HttpCall) -> Outgoing:
    headers = {name.lower(): value for name, value in call.headers.items()}
    body: bytes | None = None
    if isinstance(call.body, str):
        body = call.body.encode()
    elif call.body is not None:
        body = orjson.dumps(call.body)
        headers.setdefault("content-type", "application/json")
    headers.setdefault("accept", "application/json, */*;q=0.5")
    return Outgoing(
        method=call.method,
        uri=call.uri,
        headers=headers,
        query=call.query,
        body=body,
        auth=_auth(call.authentication or {}),
        redirect=call.redirect,
        seconds=call.timeout_seconds,
    )


def _auth(policy: dict[str, Any]) -> httpx.Auth | None:
    if "basic" in policy:
        return httpx.BasicAuth(str(policy["basic"]["username"]), str(policy["basic"]["password"]))
    if "digest" in policy:
        return httpx.DigestAuth(str(policy["digest"]["username"]), str(policy["digest"]["password"]))
    if "bearer" in policy:
        return _Bearer(str(policy["bearer"]["token"]))
    return None


class _Bearer(httpx.Auth):
    """RFC 6750 section 2.1."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Any:
        """Add the header."""
        request.headers["authorization"] = f"Bearer {self._token}"
        yield request


def _shown(answer: Answer, *, raw: bool) -> contracts.HttpAnswer:
    """Return the body once, in the form asked for: two would not fit into Temporal's payload limit."""
    return contracts.HttpAnswer(
        status=answer.status,
        headers=answer.headers,
        content=None if raw else content_of(answer),
        raw=base64.b64encode(answer.body).decode() if raw else "",
        uri=answer.uri,
    )


def content_of(answer: Answer) -> Any:
    """Return an answer's body: what its JSON says, or text.

    :raises EgressError: when what says that it is JSON is none.
    """
    media = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == "application/json" or media.endswith("+json"):
        try:
            return json.loads(answer.body) if answer.body else None
        except ValueError:
            raise EgressError("the answer says that it is JSON, but it is not") from None
    return answer.body.decode(errors="replace")

"""HTTP requests of calls: authentication, request and answer, through the egress guard."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import httpx2
import orjson
from temporalio import activity

from engine.calls.oauth import Tokens, UnauthenticatedError
from engine.contracts.calls import HttpAnswer, HttpCall
from engine.egress.guard import BODY_BYTES_MAX, Answer, Egress, EgressError, Outgoing
from engine.language import authorization


class HttpCaller:
    """Sends the HTTP requests of calls through the egress guard, with the tokens that they ask for."""

    def __init__(self, egress: Egress) -> None:
        self.egress = egress
        self._tokens = Tokens(egress)

    async def send(
        self,
        call: HttpCall,
        *,
        bytes_max: int = BODY_BYTES_MAX,
        enough: Callable[[bytearray], bool] | None = None,
    ) -> Answer:
        """Send one request for an activity that knows more of what it means.

        :raises EgressError: when there is no answer.
        :raises UnauthenticatedError: when the call cannot show who makes it.
        """
        authenticated = await self.authenticated(call)
        return await self.send_authenticated(
            call, authenticated, bytes_max=bytes_max, enough=enough
        )

    async def send_authenticated(
        self, call: HttpCall, authenticated: HttpCall, **bounds: Any
    ) -> Answer:
        """Send a call as it was authenticated, and forget a token that the service refuses.

        :raises EgressError: when there is no answer.
        """
        answer = await self.egress.send(replace(_outgoing(authenticated), **bounds))
        if answer.status == HTTPStatus.UNAUTHORIZED and authenticated is not call:
            self._tokens.forget((authenticated.authentication or {})["bearer"]["token"])
        return answer

    async def authenticated(self, call: HttpCall) -> HttpCall:
        """Return the call with the token that its policy asks for, where it asks for one.

        :raises UnauthenticatedError: when there is no such token.
        """
        policy = call.authentication or {}
        for kind in ("oauth2", "oidc"):
            if kind in policy:
                token = await self._tokens.obtain(
                    kind,
                    _members(policy[kind], "authority", "grant"),
                    execution=activity.info().workflow_id or "",
                    seconds=call.timeout_seconds,
                )
                return replace(call, authentication={"bearer": {"token": token}})
        return call


def _outgoing(call: HttpCall) -> Outgoing:
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


def _auth(policy: dict[str, Any]) -> httpx2.Auth | None:
    for kind, scheme in (("basic", httpx2.BasicAuth), ("digest", httpx2.DigestAuth)):
        if kind in policy:
            who = _members(policy[kind], "username", "password")
            return scheme(str(who["username"]), str(who["password"]))
    if "bearer" in policy:
        bearer = policy["bearer"]
        return _Bearer(
            bearer if isinstance(bearer, str) else str(_members(bearer, "token")["token"])
        )
    return None


def _members(value: Any, *needed: str) -> dict[str, Any]:
    """Return a policy's members; by secret they are the value's, whatever that is.

    :raises UnauthenticatedError: when one that is needed is missing.
    """
    missing = [name for name in needed if not isinstance(value, dict) or value.get(name) is None]
    if missing:
        raise UnauthenticatedError(f"the authentication has no {missing[0]}")
    return dict(value)


class _Bearer(httpx2.Auth):
    """RFC 6750 section 2.1."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx2.Request) -> Any:
        """Add the header."""
        request.headers["authorization"] = f"Bearer {self._token}"
        yield request


def shown(call: HttpCall, answer: Answer) -> HttpAnswer:
    """Return the body once, in the form asked for: two would not fit into Temporal's payload limit."""
    return HttpAnswer(
        status=answer.status,
        headers=answer.headers,
        content=None if call.raw else content_of(answer),
        raw=base64.b64encode(answer.body).decode() if call.raw else "",
        uri=answer.uri,
        authorization=authorization.descriptor(call.authentication),
    )


def content_of(answer: Answer) -> Any:
    """Return an answer's body: what its JSON says, or text.

    :raises EgressError: when what says that it is JSON is none.
    """
    media = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == "application/json" or media.endswith("+json"):
        try:
            return orjson.loads(answer.body) if answer.body else None
        except ValueError:
            raise EgressError("the answer says that it is JSON, but it is not") from None
    return answer.body.decode(errors="replace")

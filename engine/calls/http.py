"""HTTP requests of calls: authentication, request and answer, through the egress guard."""

from __future__ import annotations

import base64
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import httpx2
import orjson
from temporalio import activity

from engine.calls.errors import CredentialsError
from engine.calls.oauth import TokenCache
from engine.calls.peer_json import read_json
from engine.contracts.calls import HttpAnswer, HttpCall
from engine.egress.guard import (
    BODY_BYTES_MAX,
    Answer,
    Egress,
    EgressError,
    EgressRequest,
    StopReading,
)
from engine.egress.pace import run_by_size
from engine.language import authorization


class HttpCaller:
    """Client for the HTTP requests of calls, with tokens, through the egress guard."""

    def __init__(self, egress: Egress) -> None:
        self.egress = egress
        self._tokens = TokenCache(egress)

    async def send(
        self,
        call: HttpCall,
        *,
        bytes_max: int = BODY_BYTES_MAX,
        stop_reading: StopReading | None = None,
    ) -> Answer:
        """Authenticate a call, send it and return the answer.

        :raises EgressError: when there is no answer.
        :raises CredentialsError: when the call gets no credentials.
        """
        authenticated_call = await self.authenticate(call)
        return await self.send_authenticated(
            call, authenticated_call, bytes_max=bytes_max, stop_reading=stop_reading
        )

    async def send_authenticated(
        self, call: HttpCall, authenticated_call: HttpCall, **limits: Any
    ) -> Answer:
        """Send an authenticated call, and forget its token when the service refuses it.

        :param call: the call before its authentication.

        :raises EgressError: when there is no answer.
        """
        answer = await self.egress.send(replace(_to_request(authenticated_call), **limits))
        if answer.status == HTTPStatus.UNAUTHORIZED and authenticated_call is not call:
            self._tokens.forget((authenticated_call.authentication or {})["bearer"]["token"])
        return answer

    async def authenticate(self, call: HttpCall) -> HttpCall:
        """Return the call with an access token, if its policy is of OAuth 2.0 or OpenID Connect.

        :raises CredentialsError: when the authority issues no token.
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


def _to_request(call: HttpCall) -> EgressRequest:
    headers = {name.lower(): value for name, value in call.headers.items()}
    body: bytes | None = None
    if isinstance(call.body, str):
        body = call.body.encode()
    elif call.body is not None:
        body = orjson.dumps(call.body)
        headers.setdefault("content-type", "application/json")
    headers.setdefault("accept", "application/json, */*;q=0.5")
    return EgressRequest(
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
            members = _members(policy[kind], "username", "password")
            return scheme(str(members["username"]), str(members["password"]))
    if "bearer" in policy:
        bearer = policy["bearer"]
        return _Bearer(
            bearer if isinstance(bearer, str) else str(_members(bearer, "token")["token"])
        )
    return None


def _members(value: Any, *names: str) -> dict[str, Any]:
    """Return the members of a policy, which may be those of a secret of any form.

    :raises CredentialsError: when a required one is missing.
    """
    missing = [name for name in names if not isinstance(value, dict) or value.get(name) is None]
    if missing:
        raise CredentialsError(f"the authentication has no {missing[0]}")
    return dict(value)


class _Bearer(httpx2.Auth):
    """Bearer authentication (RFC 6750 section 2.1)."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx2.Request) -> Any:
        """Add the header."""
        request.headers["authorization"] = f"Bearer {self._token}"
        yield request


async def to_answer(call: HttpCall, answer: Answer) -> HttpAnswer:
    """Return the answer with its body once, decoded or raw.

    Both forms together would exceed Temporal's payload limit.
    """
    return HttpAnswer(
        status=answer.status,
        headers=answer.headers,
        content=None if call.raw else await read_content(answer),
        raw=base64.b64encode(answer.body).decode() if call.raw else "",
        uri=answer.uri,
        authorization=authorization.descriptor(call.authentication),
    )


async def read_content(answer: Answer) -> Any:
    """Return an answer's body: the value of its JSON, or text.

    :raises EgressError: when the content type says JSON and the body is none.
    """
    return await run_by_size(len(answer.body), decode_content, answer)


def decode_content(answer: Answer) -> Any:
    """Return an answer's body: the value of its JSON, or text.

    :raises EgressError: when the content type says JSON and the body is none.
    """
    media = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == "application/json" or media.endswith("+json"):
        try:
            return read_json(answer.body) if answer.body else None
        except ValueError:
            raise EgressError("the answer says that it is JSON, but it cannot be read") from None
    return answer.body.decode(errors="replace")

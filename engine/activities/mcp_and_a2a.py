"""Activities that call MCP and A2A servers (Model Context Protocol, Agent2Agent)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

import httpx2
from temporalio import activity

from engine.calls import json_rpc
from engine.calls.errors import failure, translate_errors
from engine.calls.http import HttpCaller, read_content
from engine.calls.json_rpc import JsonRpcError, Message
from engine.contracts.calls import CALL_A2A, CALL_MCP, A2aCall, HttpCall, McpCall, RpcAnswer
from engine.egress.guard import EgressError
from engine.egress.redirects import origin
from engine.interpreter.constructs.call_a2a import STREAMING
from engine.interpreter.constructs.call_mcp import VERSIONS

STATELESS_SINCE = "2026-07-28"  # from this revision on, MCP has no sessions
_META = "io.modelcontextprotocol/"


class McpAndA2aActivities:
    """Activities of `call: mcp` and `call: a2a`."""

    def __init__(self, http: HttpCaller) -> None:
        self._http = http

    @activity.defn(name=CALL_MCP)
    async def mcp(self, call: McpCall) -> RpcAnswer:
        """Call one method, in a session if the protocol's revision has sessions.

        :raises ApplicationError: of type runtime, communication, authentication or timeout;
            Temporal does not retry it.
        """
        async with _translate_errors(call.http.timeout_seconds):
            if call.protocol_version >= STATELESS_SINCE:
                return await self._call_without_session(call)
            session_call, session = await self._open_session(call)
            try:
                return await self._call_method(
                    session_call, {"method": call.method, "params": call.parameters}
                )
            finally:
                if session:  # a server may refuse to end a session
                    with suppress(EgressError):
                        await self._http.send(
                            replace(session_call, method="DELETE", body=None, timeout_seconds=2.0)
                        )

    @activity.defn(name=CALL_A2A)
    async def a2a(self, call: A2aCall) -> RpcAnswer:
        """Call one method, at the address of the server's card if the call has a card.

        :raises ApplicationError: of type runtime, communication, authentication or timeout;
            Temporal does not retry it.
        """
        async with _translate_errors(call.http.timeout_seconds):
            http = await self._read_card(call.http) if call.carded else call.http
            body = {"method": call.method, "params": call.parameters}
            if call.method not in STREAMING:
                return await self._call_method(http, body)
            results, _ = await json_rpc.exchange(self._http, http, body, is_last=_is_final)
            return RpcAnswer(results)

    async def _open_session(self, call: McpCall) -> tuple[HttpCall, str | None]:
        parameters = {
            "protocolVersion": call.protocol_version,
            "capabilities": {},
            "clientInfo": call.client,
        }
        results, answer_headers = await json_rpc.exchange(
            self._http,
            call.http,
            {"method": "initialize", "params": parameters},
            is_last=json_rpc.is_answer,
        )
        version = results[0].get("protocolVersion") if isinstance(results[0], dict) else None
        if version not in VERSIONS or version >= STATELESS_SINCE:
            raise JsonRpcError("the server supports no known revision of the protocol")
        session = answer_headers.get("mcp-session-id")
        headers = {"mcp-protocol-version": version} | (
            {"mcp-session-id": session} if session else {}
        )
        session_call = replace(call.http, headers={**call.http.headers, **headers})
        await json_rpc.notify(self._http, session_call, "notifications/initialized")
        return session_call, session

    async def _call_without_session(self, call: McpCall) -> RpcAnswer:
        meta = {
            "protocolVersion": call.protocol_version,
            "clientInfo": call.client,
            "clientCapabilities": {},
        }
        parameters = {
            **call.parameters,
            "_meta": {
                **call.parameters.get("_meta", {}),
                **{_META + name: meta[name] for name in meta},
            },
        }
        name = call.parameters.get("uri" if call.method == "resources/read" else "name")
        headers = {"mcp-protocol-version": call.protocol_version, "mcp-method": call.method}
        if isinstance(name, str):
            headers["mcp-name"] = name
        http = replace(call.http, headers={**call.http.headers, **headers})
        answer = await self._call_method(http, {"method": call.method, "params": parameters})
        if isinstance(answer.result, dict) and answer.result.get("resultType") == "input_required":
            raise JsonRpcError("the server requires more input, which a call cannot give")
        return answer

    async def _call_method(self, http: HttpCall, body: Message) -> RpcAnswer:
        results, _ = await json_rpc.exchange(self._http, http, body, is_last=json_rpc.is_answer)
        return RpcAnswer(results[0])

    async def _read_card(self, card: HttpCall) -> HttpCall:
        """Return a call to the address on a card.

        It has the card's credentials only within the card's origin.
        """
        answer = await self._http.send(replace(card, method="GET", redirect=True))
        content = await read_content(answer)
        if answer.status != httpx2.codes.OK or not isinstance(content, dict):
            raise JsonRpcError(f"the agent's card cannot be read ({answer.status})")
        uri = urljoin(answer.uri, _interface(content))
        is_same_origin = origin(httpx2.URL(uri)) == origin(httpx2.URL(card.uri))
        return replace(
            card, uri=uri, authentication=card.authentication if is_same_origin else None
        )


def _interface(card: dict[str, Any]) -> str:
    """Return the JSON-RPC address on a card of A2A 0.2 to 1.0."""
    first = {"url": card.get("url"), "transport": card.get("preferredTransport", "JSONRPC")}
    others = card.get("additionalInterfaces") or card.get("supportedInterfaces") or []
    for interface in (one for one in (first, *others) if isinstance(one, dict)):
        kind = interface.get("transport") or interface.get("protocolBinding")
        if kind == "JSONRPC" and isinstance(interface.get("url"), str):
            return str(interface["url"])
    raise JsonRpcError("the agent's card has no JSON-RPC address")


def _is_final(message: Message) -> bool:
    result = message.get("result")
    return "error" in message or (isinstance(result, dict) and result.get("final") is True)


@asynccontextmanager
async def _translate_errors(seconds: float) -> AsyncIterator[None]:
    """Raise errors as failures of the activity (DSL reference, "MCP Call", "A2A Call")."""
    try:
        async with translate_errors(seconds):
            yield
    except JsonRpcError as error:
        raise failure("runtime", str(error)) from None

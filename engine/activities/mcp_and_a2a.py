"""Calls of tools and agents: the Model Context Protocol and Agent2Agent, through the egress guard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

import httpx2
from temporalio import activity
from temporalio.exceptions import ApplicationError

from engine.calls import json_rpc
from engine.calls.http import HttpCaller, decode_content
from engine.calls.json_rpc import JsonRpcError, Message
from engine.calls.oauth import CredentialsError
from engine.contracts.calls import CALL_A2A, CALL_MCP, A2aCall, McpCall
from engine.contracts.executions import HttpCall, RpcAnswer
from engine.egress.guard import EgressError
from engine.egress.redirects import origin
from engine.interpreter.constructs.call_a2a import STREAMING
from engine.interpreter.constructs.call_mcp import VERSIONS

STATELESS_SINCE = "2026-07-28"  # from this revision of MCP on there is no session to begin
_META = "io.modelcontextprotocol/"


class AgentActivities:
    """Holds what sends HTTP requests."""

    def __init__(self, http: HttpCaller) -> None:
        self._http = http

    @activity.defn(name=CALL_MCP)
    async def mcp(self, call: McpCall) -> RpcAnswer:
        """Begin a session, call one method in it, and end it; or call without one, by the revision.

        :raises ApplicationError: of type runtime, communication, authentication or timeout; never retried.
        """
        async with _understood(call.http.timeout_seconds):
            if call.protocol_version >= STATELESS_SINCE:
                return await self._stateless(call)
            begun, session = await self._begun(call)
            try:
                return await self._asked(begun, {"method": call.method, "params": call.parameters})
            finally:
                if session:  # a server need not let clients end a session
                    with suppress(EgressError):
                        await self._http.send(
                            replace(begun, method="DELETE", body=None, timeout_seconds=2.0)
                        )

    @activity.defn(name=CALL_A2A)
    async def a2a(self, call: A2aCall) -> RpcAnswer:
        """Read the agent's card if that is what is known, and call one method.

        :raises ApplicationError: of type runtime, communication, authentication or timeout; never retried.
        """
        async with _understood(call.http.timeout_seconds):
            at = await self._found(call.http) if call.carded else call.http
            body = {"method": call.method, "params": call.parameters}
            if call.method not in STREAMING:
                return await self._asked(at, body)
            results, _ = await json_rpc.exchange(self._http, at, body, is_last=_is_final)
            return RpcAnswer(results)

    async def _begun(self, call: McpCall) -> tuple[HttpCall, str | None]:
        hello = {
            "protocolVersion": call.protocol_version,
            "capabilities": {},
            "clientInfo": call.client,
        }
        results, headers = await json_rpc.exchange(
            self._http,
            call.http,
            {"method": "initialize", "params": hello},
            is_last=json_rpc.is_answer,
        )
        version = results[0].get("protocolVersion") if isinstance(results[0], dict) else None
        if version not in VERSIONS or version >= STATELESS_SINCE:
            raise JsonRpcError("the server speaks no revision of the protocol that is known here")
        session = headers.get("mcp-session-id")
        more = {"mcp-protocol-version": version} | ({"mcp-session-id": session} if session else {})
        begun = replace(call.http, headers={**call.http.headers, **more})
        await json_rpc.notify(self._http, begun, "notifications/initialized")
        return begun, session

    async def _stateless(self, call: McpCall) -> RpcAnswer:
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
        at = replace(call.http, headers={**call.http.headers, **headers})
        answer = await self._asked(at, {"method": call.method, "params": parameters})
        if isinstance(answer.result, dict) and answer.result.get("resultType") == "input_required":
            raise JsonRpcError("the server asks for more input, and nobody is here to give it")
        return answer

    async def _asked(self, at: HttpCall, body: Message) -> RpcAnswer:
        results, _ = await json_rpc.exchange(self._http, at, body, is_last=json_rpc.is_answer)
        return RpcAnswer(results[0])

    async def _found(self, card: HttpCall) -> HttpCall:
        """Return where an agent is by its card; credentials go along within the card's origin only."""
        answer = await self._http.send(replace(card, method="GET", redirect=True))
        described = decode_content(answer)
        if answer.status != httpx2.codes.OK or not isinstance(described, dict):
            raise JsonRpcError(f"the agent's card cannot be read ({answer.status})")
        uri = urljoin(answer.uri, _interface(described))
        near = origin(httpx2.URL(uri)) == origin(httpx2.URL(card.uri))
        return replace(card, uri=uri, authentication=card.authentication if near else None)


def _interface(card: dict[str, Any]) -> str:
    """Return the address at which an agent speaks JSON-RPC, in the cards of A2A 0.2 to 1.0."""
    first = {"url": card.get("url"), "transport": card.get("preferredTransport", "JSONRPC")}
    others = card.get("additionalInterfaces") or card.get("supportedInterfaces") or []
    for interface in [first, *others]:
        kind = interface.get("transport") or interface.get("protocolBinding")
        if kind == "JSONRPC" and isinstance(interface.get("url"), str):
            return str(interface["url"])
    raise JsonRpcError("the agent's card names no address that speaks JSON-RPC")


def _is_final(message: Message) -> bool:
    result = message.get("result")
    return "error" in message or (isinstance(result, dict) and result.get("final") is True)


@asynccontextmanager
async def _understood(seconds: float) -> AsyncIterator[None]:
    """Say in the specification's kinds of error why a call failed (DSL reference, "A2A Call", "MCP Call")."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except JsonRpcError as error:
        raise ApplicationError(str(error), type="runtime", non_retryable=True) from None
    except CredentialsError as error:
        raise ApplicationError(str(error), type="authentication", non_retryable=True) from None
    except TimeoutError:
        raise ApplicationError(
            "the call took too long", type="timeout", non_retryable=True
        ) from None
    except EgressError as error:
        kind = "timeout" if error.code == "timeout" else "communication"
        raise ApplicationError(str(error), type=kind, non_retryable=True) from None

"""MCP server and A2A server for scenarios: tools, prompts, resources, messages, tasks."""

from __future__ import annotations

import json
from email.message import Message
from typing import Any
from uuid import uuid4

MCP, A2A = "mcp.example.org", "agent.example.org"

Answer = tuple[int, dict[str, str], bytes]
_JSON = {"content-type": "application/json"}
_EVENTS = {"content-type": "text/event-stream"}
_TASK = {"kind": "task", "id": "t1", "contextId": "c1"}
_sessions: set[str] = set()


def answer(host: str, method: str, path: str, headers: Message, body: bytes) -> Answer:
    """Return the answer of one of the two hosts: status, headers, body."""
    if method == "GET":
        return _card(path)
    if path == "/guarded" and headers.get("Authorization") != "Bearer t0ken":
        return 401, {}, b""
    request = json.loads(body) if body else {}
    if host == A2A:
        return _a2a(path, request)
    return (
        _mcp_without_session(headers, request)
        if path == "/stateless"
        else _mcp(method, path, headers, request)
    )


def _mcp(method: str, path: str, headers: Message, request: dict[str, Any]) -> Answer:
    if request.get("method") == "initialize":
        session = str(uuid4())
        version = request["params"]["protocolVersion"]
        if path == "/ancient":
            version = "1999-01-01"
        else:
            _sessions.add(session)
        result = {
            "protocolVersion": version,
            "capabilities": {},
            "serverInfo": request["params"]["clientInfo"],
        }
        status, more_headers, content = _reply(path, request, {"result": result})
        return status, more_headers | {"mcp-session-id": session}, content
    if headers.get("Mcp-Session-Id") not in _sessions or "Mcp-Protocol-Version" not in headers:
        return 404, {}, b""
    if method == "DELETE":
        _sessions.remove(headers["Mcp-Session-Id"])
        return 204, {}, b""
    if "id" not in request:
        return 202, {}, b""
    details = {"version": headers["Mcp-Protocol-Version"], "open": len(_sessions)}
    return _reply(path, request, _method(request, details))


def _mcp_without_session(headers: Message, request: dict[str, Any]) -> Answer:
    meta, prefix = request["params"].get("_meta", {}), "io.modelcontextprotocol/"
    has_metadata = {
        f"{prefix}{name}" for name in ("protocolVersion", "clientInfo", "clientCapabilities")
    } <= set(meta)
    has_headers = headers.get("Mcp-Method") == request["method"] and "Mcp-Session-Id" not in headers
    if (
        not has_metadata
        or not has_headers
        or headers.get("Mcp-Protocol-Version") != meta[f"{prefix}protocolVersion"]
    ):
        return 400, {}, b""
    if request["params"].get("name") == "ask":
        return _reply("/", request, {"result": {"resultType": "input_required"}})
    details = {"version": headers["Mcp-Protocol-Version"], "name": headers.get("Mcp-Name")}
    return _reply("/", request, _method(request, details))


def _method(request: dict[str, Any], details: dict[str, Any]) -> dict[str, Any]:
    method, parameters = request["method"], request.get("params", {})
    if method == "tools/call" and parameters["name"] == "add":
        total = sum(parameters["arguments"].values())
        return {
            "result": {
                "content": [{"type": "text", "text": str(total)}],
                "structuredContent": details,
            }
        }
    if method == "tools/call" and parameters["name"] == "break":
        return {"result": {"content": [], "isError": True}}
    results = {
        "tools/list": {"tools": [{"name": "add"}, {"name": "break"}]},
        "prompts/list": {"prompts": [{"name": "greet"}]},
        "prompts/get": {
            "messages": [{"role": "user", "content": {"type": "text", "text": "Hello"}}]
        },
        "resources/list": {"resources": [{"uri": "note://1"}]},
        "resources/read": {"contents": [{"uri": parameters.get("uri"), "text": "a note"}]},
        "resources/templates/list": {"resourceTemplates": [{"uriTemplate": "note://{id}"}]},
    }
    if method in results:
        return {"result": results[method]}
    return {"error": {"code": -32602, "message": "no such tool"}}


def _card(path: str) -> Answer:
    cards: dict[str, dict[str, Any]] = {
        "/.well-known/agent-card.json": {"name": "Agent", "url": f"https://{A2A}/rpc"},
        "/other-transport.json": {
            "url": f"https://{A2A}/grpc",
            "preferredTransport": "GRPC",
            "additionalInterfaces": [{"transport": "JSONRPC", "url": "/rpc"}],
        },
        "/guarded.json": {"name": "Agent", "url": "/guarded"},
        "/elsewhere.json": {"name": "Agent", "url": f"https://{MCP}/guarded"},
        "/no-transport.json": {"name": "Agent", "url": "/grpc", "preferredTransport": "GRPC"},
    }
    card = cards.get(path)
    return (200, _JSON, json.dumps(card).encode()) if card else (404, _JSON, b"{}")


def _a2a(path: str, request: dict[str, Any]) -> Answer:
    method, parameters = request["method"], request.get("params", {})
    working = {**_TASK, "status": {"state": "working"}}
    if method == "message/stream":
        last = {
            "kind": "status-update",
            "taskId": "t1",
            "status": {"state": "completed"},
            "final": True,
        }
        return (
            200,
            _EVENTS,
            _event(request, {"result": working}) + _event(request, {"result": last}),
        )
    results = {"message/send": {"echo": parameters.get("message")}, "tasks/get": working}
    if method in results:
        return _reply(path, request, {"result": results[method]})
    return _reply(path, request, {"error": {"code": -32601, "message": "Method not found"}})


def _reply(path: str, request: dict[str, Any], message: dict[str, Any]) -> Answer:
    if path == "/events":
        notice = b'event: message\ndata: {"jsonrpc": "2.0", "method": "notifications/message"}\n\n'
        return 200, dict(_EVENTS), b": hello\n\n" + notice + _event(request, message)
    return 200, dict(_JSON), json.dumps({"jsonrpc": "2.0", "id": request["id"], **message}).encode()


def _event(request: dict[str, Any], message: dict[str, Any]) -> bytes:
    return (
        b"data: "
        + json.dumps({"jsonrpc": "2.0", "id": request["id"], **message}).encode()
        + b"\n\n"
    )

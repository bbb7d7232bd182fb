"""What an MCP server and an agent answer, for scenarios: tools, prompts, resources, messages, tasks."""

from __future__ import annotations

import json
from email.message import Message
from typing import Any
from uuid import uuid4

MCP, AGENT = "mcp.example.org", "agent.example.org"

Answer = tuple[int, dict[str, str], bytes]
_JSON = {"content-type": "application/json"}
_EVENTS = {"content-type": "text/event-stream"}
_TASK = {"kind": "task", "id": "t1", "contextId": "c1"}
_sessions: set[str] = set()


def answer(host: str, method: str, path: str, headers: Message, body: bytes) -> Answer:
    """Return what one of the two hosts answers: status, headers, body."""
    if method == "GET":
        return _card(path)
    if path == "/guarded" and headers.get("Authorization") != "Bearer t0ken":
        return 401, {}, b""
    asked = json.loads(body) if body else {}
    if host == AGENT:
        return _agent(path, asked)
    return (
        _stateless(headers, asked)
        if path == "/stateless"
        else _server(method, path, headers, asked)
    )


def _server(method: str, path: str, headers: Message, asked: dict[str, Any]) -> Answer:
    if asked.get("method") == "initialize":
        session = str(uuid4())
        version = asked["params"]["protocolVersion"]
        if path == "/ancient":
            version = "1999-01-01"
        else:
            _sessions.add(session)
        told = {
            "protocolVersion": version,
            "capabilities": {},
            "serverInfo": asked["params"]["clientInfo"],
        }
        status, more, content = _replied(path, asked, {"result": told})
        return status, more | {"mcp-session-id": session}, content
    if headers.get("Mcp-Session-Id") not in _sessions or "Mcp-Protocol-Version" not in headers:
        return 404, {}, b""
    if method == "DELETE":
        _sessions.remove(headers["Mcp-Session-Id"])
        return 204, {}, b""
    if "id" not in asked:
        return 202, {}, b""
    shown = {"version": headers["Mcp-Protocol-Version"], "open": len(_sessions)}
    return _replied(path, asked, _method(asked, shown))


def _stateless(headers: Message, asked: dict[str, Any]) -> Answer:
    meta, prefix = asked["params"].get("_meta", {}), "io.modelcontextprotocol/"
    whole = {
        f"{prefix}{name}" for name in ("protocolVersion", "clientInfo", "clientCapabilities")
    } <= set(meta)
    fits = headers.get("Mcp-Method") == asked["method"] and "Mcp-Session-Id" not in headers
    if (
        not whole
        or not fits
        or headers.get("Mcp-Protocol-Version") != meta[f"{prefix}protocolVersion"]
    ):
        return 400, {}, b""
    if asked["params"].get("name") == "ask":
        return _replied("/", asked, {"result": {"resultType": "input_required"}})
    shown = {"version": headers["Mcp-Protocol-Version"], "name": headers.get("Mcp-Name")}
    return _replied("/", asked, _method(asked, shown))


def _method(asked: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
    method, given = asked["method"], asked.get("params", {})
    if method == "tools/call" and given["name"] == "add":
        total = sum(given["arguments"].values())
        return {
            "result": {
                "content": [{"type": "text", "text": str(total)}],
                "structuredContent": shown,
            }
        }
    if method == "tools/call" and given["name"] == "break":
        return {"result": {"content": [], "isError": True}}
    known = {
        "tools/list": {"tools": [{"name": "add"}, {"name": "break"}]},
        "prompts/list": {"prompts": [{"name": "greet"}]},
        "prompts/get": {
            "messages": [{"role": "user", "content": {"type": "text", "text": "Hello"}}]
        },
        "resources/list": {"resources": [{"uri": "note://1"}]},
        "resources/read": {"contents": [{"uri": given.get("uri"), "text": "a note"}]},
        "resources/templates/list": {"resourceTemplates": [{"uriTemplate": "note://{id}"}]},
    }
    if method in known:
        return {"result": known[method]}
    return {"error": {"code": -32602, "message": "no such tool"}}


def _card(path: str) -> Answer:
    cards: dict[str, dict[str, Any]] = {
        "/.well-known/agent-card.json": {"name": "Agent", "url": f"https://{AGENT}/rpc"},
        "/other-transport.json": {
            "url": f"https://{AGENT}/grpc",
            "preferredTransport": "GRPC",
            "additionalInterfaces": [{"transport": "JSONRPC", "url": "/rpc"}],
        },
        "/guarded.json": {"name": "Agent", "url": "/guarded"},
        "/elsewhere.json": {"name": "Agent", "url": f"https://{MCP}/guarded"},
        "/no-transport.json": {"name": "Agent", "url": "/grpc", "preferredTransport": "GRPC"},
    }
    found = cards.get(path)
    return (200, _JSON, json.dumps(found).encode()) if found else (404, _JSON, b"{}")


def _agent(path: str, asked: dict[str, Any]) -> Answer:
    method, given = asked["method"], asked.get("params", {})
    working = {**_TASK, "status": {"state": "working"}}
    if method == "message/stream":
        done = {
            "kind": "status-update",
            "taskId": "t1",
            "status": {"state": "completed"},
            "final": True,
        }
        return 200, _EVENTS, _event(asked, {"result": working}) + _event(asked, {"result": done})
    known = {"message/send": {"echo": given.get("message")}, "tasks/get": working}
    if method in known:
        return _replied(path, asked, {"result": known[method]})
    return _replied(path, asked, {"error": {"code": -32601, "message": "Method not found"}})


def _replied(path: str, asked: dict[str, Any], message: dict[str, Any]) -> Answer:
    if path == "/events":
        notice = b'event: message\ndata: {"jsonrpc": "2.0", "method": "notifications/message"}\n\n'
        return 200, dict(_EVENTS), b": hello\n\n" + notice + _event(asked, message)
    return 200, dict(_JSON), json.dumps({"jsonrpc": "2.0", "id": asked["id"], **message}).encode()


def _event(asked: dict[str, Any], message: dict[str, Any]) -> bytes:
    return (
        b"data: " + json.dumps({"jsonrpc": "2.0", "id": asked["id"], **message}).encode() + b"\n\n"
    )

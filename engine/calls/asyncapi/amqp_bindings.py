"""AMQP bindings of AsyncAPI documents: addresses of channels, and properties of messages.

The bindings are those of version 0.3.0 (asyncapi/bindings, "amqp"), whose names 0.1 and 0.2 share.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from pamqp.commands import Basic

from engine.calls.asyncapi.document import Route

TRANSIENT, PERSISTENT = 1, 2
NAME_BYTES_MAX = 128  # of a header
_DECLARATION_MEMBERS = {"durable": "durable", "autoDelete": "auto_delete", "exclusive": "exclusive"}


@dataclass(frozen=True, slots=True)
class AmqpAddress:
    """Address of a channel: a queue, or an exchange with a routing key."""

    exchange: str  # "" is the default exchange, which routes to the queue that the key names
    kind: str  # of the exchange
    key: str
    # Arguments to declare it when it is missing; None when the document only names it.
    declaration: dict[str, bool] | None

    @property
    def queue(self) -> str | None:
        """Return the name of the queue; None for an exchange."""
        return None if self.exchange else self.key

    @property
    def is_exclusive(self) -> bool:
        """Whether it is a queue that ends with the connection that declared it."""
        return not self.exchange and bool((self.declaration or {}).get("exclusive", False))


def resolve_address(route: Route) -> AmqpAddress:
    """Return the address of a route's channel.

    When the broker lacks a queue or exchange, and the document describes it (durable, autoDelete,
    exclusive), the caller declares it. One that the document only names must exist. An existing one
    is used unchanged.

    :raises ValueError: when the bindings contradict themselves.
    """
    sort = route.channel.get("is", "routingKey")
    if sort not in ("queue", "routingKey"):
        raise ValueError("the document's amqp channel is neither a queue nor a routingKey")
    if sort == "queue":
        queue = _object(route.channel.get("queue"))
        return AmqpAddress(
            "", "direct", str(queue.get("name") or route.address), _declaration(queue)
        )
    exchange = _object(route.channel.get("exchange"))
    name, kind = str(exchange.get("name") or ""), str(exchange.get("type") or "direct")
    if name in ("", "amq.default") or kind == "default":
        return AmqpAddress("", "direct", route.address, None)
    return AmqpAddress(name, kind, route.address, _declaration(exchange))


def vhost(route: Route) -> str:
    """Return the virtual host: the server's path, else the channel binding's, else "/"."""
    if route.base.strip("/"):
        return unquote(route.base.removeprefix("/"))
    names = [_object(route.channel.get(name)).get("vhost") for name in ("queue", "exchange")]
    return str(next((name for name in names if name), "/"))


def properties(
    route: Route, headers: dict[str, Any], media: str, correlation: str | None, now: datetime
) -> Basic.Properties:
    """Return the properties of a message, which is persistent unless the document differs.

    :raises ValueError: when AMQP cannot represent a binding or a header.
    """
    bindings, table = route.bindings, _table(headers)
    for name in ("cc", "bcc"):
        if bindings.get(name):
            table[name.upper()] = [str(key) for key in bindings[name]]
    return Basic.Properties(
        content_type=media,
        content_encoding=route.message.get("contentEncoding"),
        headers=table,
        delivery_mode=bindings.get("deliveryMode", PERSISTENT),
        priority=_number(bindings, "priority"),
        correlation_id=correlation,
        reply_to=bindings.get("replyTo"),
        expiration=None
        if bindings.get("expiration") is None
        else str(_number(bindings, "expiration")),
        timestamp=now if bindings.get("timestamp") is True else None,
        message_type=route.message.get("messageType"),
        user_id=bindings.get("userId"),
    )


def headers_to_json(table: dict[str, Any] | None) -> dict[str, Any]:
    """Return the headers of a message as JSON values."""
    return {name: _to_json(value) for name, value in (table or {}).items()}


def _to_json(value: Any) -> Any:
    if isinstance(value, dict):
        return headers_to_json(value)
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    if isinstance(value, bytes | bytearray):
        return value.decode(errors="replace")
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _table(headers: dict[str, Any]) -> dict[str, Any]:
    for name in headers:
        if len(name.encode()) > NAME_BYTES_MAX:
            raise ValueError(f"names of amqp headers may have {NAME_BYTES_MAX} bytes at most")
    return {name: _field(value) for name, value in headers.items()}


def _field(value: Any) -> Any:
    """Return a value of a table; a fraction is text, as AMQP's floats may lose precision."""
    if isinstance(value, dict):
        return _table(value)
    if isinstance(value, list):
        return [_field(item) for item in value]
    return str(value) if isinstance(value, float) else value


def _declaration(description: dict[str, Any]) -> dict[str, bool] | None:
    arguments = {
        _DECLARATION_MEMBERS[name]: value is True
        for name, value in description.items()
        if name in _DECLARATION_MEMBERS
    }
    return arguments or None


def _number(bindings: dict[str, Any], name: str) -> int | None:
    value = bindings.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ValueError(f"{name} of the document's amqp binding is no number")
    return value


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

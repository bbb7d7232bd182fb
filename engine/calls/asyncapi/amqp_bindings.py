"""What an AsyncAPI document's AMQP bindings say: where messages go or lie, and what goes beside them.

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
_MADE = {"durable": "durable", "autoDelete": "auto_delete", "exclusive": "exclusive"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a channel is: a queue, or what is routed by a key through an exchange."""

    exchange: str  # "" is the default one, which routes to the queue that the key names
    kind: str  # of the exchange
    key: str
    made: dict[str, bool] | None  # how to make what is missing; None when it is only named

    @property
    def queue(self) -> str | None:
        """Return the queue that it is, if it is one."""
        return None if self.exchange else self.key

    @property
    def own(self) -> bool:
        """Whether it is a queue that lives as long as the connection that made it."""
        return not self.exchange and self.made is not None and self.made.get("exclusive", False)


def place(route: Route) -> Place:
    """Return where a route's channel is.

    What the document says how to make (durable, autoDelete, exclusive) is made when the broker does not have
    it; what it only names must be there. What is there is used as it is.

    :raises ValueError: when the bindings contradict themselves.
    """
    sort = route.channel.get("is", "routingKey")
    if sort not in ("queue", "routingKey"):
        raise ValueError("the document's amqp channel is neither a queue nor a routingKey")
    if sort == "queue":
        queue = _object(route.channel.get("queue"))
        return Place("", "direct", str(queue.get("name") or route.address), _made(queue))
    exchange = _object(route.channel.get("exchange"))
    name, kind = str(exchange.get("name") or ""), str(exchange.get("type") or "direct")
    if name in ("", "amq.default") or kind == "default":
        return Place("", "direct", route.address, None)
    return Place(name, kind, route.address, _made(exchange))


def vhost(route: Route) -> str:
    """Return the virtual host: the path of the server, or what the channel's binding says, or the first."""
    if route.base.strip("/"):
        return unquote(route.base.removeprefix("/"))
    said = [_object(route.channel.get(name)).get("vhost") for name in ("queue", "exchange")]
    return str(next((one for one in said if one), "/"))


def properties(
    route: Route, headers: dict[str, Any], media: str, correlation: str | None, now: datetime
) -> Basic.Properties:
    """Return what goes beside a payload: messages outlive their broker unless the document wants less.

    :raises ValueError: when a binding or a header is of a kind that AMQP has no place for.
    """
    said, table = route.bindings, _table(headers)
    for name in ("cc", "bcc"):
        if said.get(name):
            table[name.upper()] = [str(key) for key in said[name]]
    beside = (
        _object(_object(route.messages[0].get("bindings")).get("amqp")) if route.messages else {}
    )
    return Basic.Properties(
        content_type=media,
        content_encoding=beside.get("contentEncoding"),
        headers=table,
        delivery_mode=said.get("deliveryMode", PERSISTENT),
        priority=_number(said, "priority"),
        correlation_id=correlation,
        reply_to=said.get("replyTo"),
        expiration=None if said.get("expiration") is None else str(_number(said, "expiration")),
        timestamp=now if said.get("timestamp") is True else None,
        message_type=beside.get("messageType"),
        user_id=said.get("userId"),
    )


def shown(table: dict[str, Any] | None) -> dict[str, Any]:
    """Return the headers of a message as JSON has them."""
    return {name: _plain(value) for name, value in (table or {}).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return shown(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bytes | bytearray):
        return value.decode(errors="replace")
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _table(headers: dict[str, Any]) -> dict[str, Any]:
    for name in headers:
        if len(name.encode()) > NAME_BYTES_MAX:
            raise ValueError(f"amqp has headers with names of {NAME_BYTES_MAX} bytes at most")
    return {name: _field(value) for name, value in headers.items()}


def _field(value: Any) -> Any:
    """Return a value as a table may hold it: a fraction is text, for of the numbers there some are coarse."""
    if isinstance(value, dict):
        return _table(value)
    if isinstance(value, list):
        return [_field(item) for item in value]
    return str(value) if isinstance(value, float) else value


def _made(described: dict[str, Any]) -> dict[str, bool] | None:
    said = {_MADE[name]: value is True for name, value in described.items() if name in _MADE}
    return said or None


def _number(said: dict[str, Any], name: str) -> int | None:
    value = said.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ValueError(f"the document's amqp binding has {name} with what is no number")
    return value


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

"""Where an operation of an AsyncAPI document goes and what may be said there (AsyncAPI 2.0 to 2.6, 3.0)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from engine.calls.openapi.operations import resolved
from engine.calls.openapi.parameters import VARIABLE
from engine.contracts.calls import AsyncApiCall
from engine.language.uri_templates import fill_template

# Protocols as servers name them: how each is spoken, whether with TLS, and at which port.
SPOKEN = {
    "http": ("http", False, 80),
    "https": ("http", True, 443),
    "redis": ("redis", False, 6379),
    "rediss": ("redis", True, 6380),
    "mqtt": ("mqtt", False, 1883),
    "mqtts": ("mqtt", True, 8883),
    "secure-mqtt": ("mqtt", True, 8883),
    "amqp": ("amqp", False, 5672),
    "amqps": ("amqp", True, 5671),
}
_JSON_SCHEMA = re.compile(r"application/(?:vnd\.aai\.asyncapi|schema)(?:\+json|\+yaml)?(?:;.*)?")


@dataclass(frozen=True, slots=True)
class Route:
    """A server, a channel on it, and the messages that the document has for it."""

    protocol: str  # http | redis | mqtt | amqp
    tls: bool
    host: str
    port: int
    base: str  # the path below which channels are, for http; the virtual host, for amqp
    address: str
    messages: list[dict[str, Any]]
    bindings: dict[str, Any]  # the operation's, of the protocol
    channel: dict[str, Any]  # the channel's bindings, of the protocol
    document: dict[str, Any]

    @property
    def uri(self) -> str:
        """The address as http has it."""
        scheme = "https" if self.tls else "http"
        port = "" if self.port == SPOKEN[scheme][2] else f":{self.port}"
        return f"{scheme}://{self.host}{port}{self.base}/{self.address.lstrip('/')}"

    def schema(self, part: str) -> dict[str, Any] | None:
        """Return what the payload, or the headers, of one of the messages must match.

        :raises ValueError: when a message's schema is of a format that is not known here.
        """
        schemas = [_schema(message, part) for message in self.messages]
        if not schemas or None in schemas:
            return None
        return {"anyOf": schemas, "components": self.document.get("components", {})} | {
            name: self.document[name] for name in ("channels",) if name in self.document
        }


def find(document: Any, call: AsyncApiCall) -> Route:
    """Return where the call goes.

    :raises ValueError: when the document has no such operation or server, or none that is spoken here.
    """
    version = str(document.get("asyncapi", "")) if isinstance(document, dict) else ""
    if version.startswith("3."):
        return _third(document, call)
    if version.startswith("2."):
        return _second(document, call)
    raise ValueError("the document is none of AsyncAPI 2 or 3")


def _third(document: dict[str, Any], call: AsyncApiCall) -> Route:
    if call.operation is None:
        raise ValueError("a document of AsyncAPI 3 has operations, and the call names a channel")
    operation = resolved(document, _named(document, "operations", call.operation))
    channel = resolved(document, operation.get("channel"))
    known = channel.get("messages") or {}
    wanted = operation.get("messages")
    messages = [resolved(document, one) for one in (known.values() if wanted is None else wanted)]
    servers = document.get("servers") or {}
    places = [one.get("$ref", "").rpartition("/")[2] for one in channel.get("servers") or []]
    server = _server(
        document, {name: servers[name] for name in places or servers if name in servers}, call
    )
    at = f"{server.get('protocol')}://{server.get('host')}{server.get('pathname') or ''}"
    return _route(
        document, call, server, (at, channel.get("address")), channel, operation, messages
    )


def _second(document: dict[str, Any], call: AsyncApiCall) -> Route:
    verb = "subscribe" if call.message is None else "publish"
    channels = document.get("channels") or {}
    if call.channel is not None:
        address, channel = (
            call.channel,
            resolved(document, _named(document, "channels", call.channel)),
        )
    else:
        address, channel = _of_operation(document, channels, verb, call.operation)
    operation = resolved(document, channel.get(verb) or {"$ref": None})
    message = resolved(document, operation.get("message") or {})
    messages = [
        resolved(document, one) for one in message.get("oneOf", [message] if message else [])
    ]
    servers = document.get("servers") or {}
    places = channel.get("servers") or servers
    server = _server(document, {name: servers[name] for name in places if name in servers}, call)
    at = str(server.get("url", ""))
    at = at if "://" in at else f"{server.get('protocol')}://{at}"
    return _route(document, call, server, (at, address), channel, operation, messages)


def _of_operation(
    document: dict[str, Any], channels: dict[str, Any], verb: str, name: str | None
) -> tuple[str, dict[str, Any]]:
    """Return the channel of an operation that has an id (AsyncAPI 2)."""
    for address, given in channels.items():
        channel = resolved(document, given)
        if (channel.get(verb) or {}).get("operationId") == name:
            return address, channel
    raise ValueError(f"the document has no operation of this name to {verb} with")


def _named(document: dict[str, Any], group: str, name: str) -> Any:
    known = document.get(group) or {}
    if name not in known:
        raise ValueError(f"the document has no such {group.removesuffix('s')}")
    return known[name]


def _server(
    document: dict[str, Any], servers: dict[str, Any], call: AsyncApiCall
) -> dict[str, Any]:
    """Return the server that is named, or the first of the protocol (DSL reference, "AsyncAPI Call")."""
    if call.server is not None:
        if call.server not in servers:
            raise ValueError("the channel has no such server")
        return resolved(document, servers[call.server])
    found = [resolved(document, server) for server in servers.values()]
    for server in found:
        spoken = SPOKEN.get(str(server.get("protocol")).lower())
        if spoken and call.protocol in (None, spoken[0]):
            return server
    known = ", ".join(sorted({str(server.get("protocol")) for server in found})) or "none"
    raise ValueError(f"the channel has no server that is spoken here; its protocols are {known}")


def _route(
    document: dict[str, Any],
    call: AsyncApiCall,
    server: dict[str, Any],
    at: tuple[str, Any],
    channel: dict[str, Any],
    operation: dict[str, Any],
    messages: list[dict[str, Any]],
) -> Route:
    spoken = SPOKEN.get(str(server.get("protocol")).lower())
    if spoken is None:
        raise ValueError(
            f"{server.get('protocol')} is not spoken here: http, redis, mqtt 3.1.1 and amqp are"
        )
    where, variables = (
        urlsplit(_filled(document, at[0], server.get("variables"), call)),
        channel.get("parameters"),
    )
    bound = _bindings(document, channel, spoken[0])
    address = (
        "" if at[1] is None and spoken[0] == "amqp" and bound else at[1]
    )  # the bindings name it
    if not where.hostname or not isinstance(address, str):
        raise ValueError("the document does not say where the channel is")
    tls = spoken[1] or where.scheme in ("https", "rediss", "mqtts", "amqps")
    usual = next(port for one, safe, port in SPOKEN.values() if one == spoken[0] and safe is tls)
    return Route(
        protocol=spoken[0],
        tls=tls,
        host=where.hostname,
        port=where.port or usual,
        base=where.path.rstrip("/"),
        address=_filled(document, address, variables, call),
        messages=messages,
        bindings=_bindings(document, operation, spoken[0]),
        channel=bound,
        document=document,
    )


def _filled(document: dict[str, Any], text: str, variables: Any, call: AsyncApiCall) -> str:
    """Fill in variables: with what the call says, or with what the document has when nothing is said."""

    def value(name: str) -> str:
        variable = resolved(document, (variables or {}).get(name) or {})
        schema = variable.get("schema") or {}
        found = call.variables.get(name, variable.get("default", schema.get("default")))
        allowed = variable.get("enum") or schema.get("enum")
        if found is None or (allowed and found not in allowed):
            raise ValueError(f"{name} has no value, or one that the document does not allow")
        return str(found)

    return fill_template(text, VARIABLE, value)


def _bindings(document: dict[str, Any], of: dict[str, Any], protocol: str) -> dict[str, Any]:
    bindings = resolved(document, of.get("bindings") or {})
    return resolved(document, bindings.get(protocol) or {})


def _schema(message: dict[str, Any], part: str) -> Any:
    schema, form = message.get(part), message.get("schemaFormat")
    if isinstance(schema, dict) and {"schemaFormat", "schema"} <= schema.keys():  # AsyncAPI 3
        form, schema = schema["schemaFormat"], schema["schema"]
    if part == "payload" and form is not None and not _JSON_SCHEMA.fullmatch(str(form)):
        raise ValueError(f"the message's schema is of a format that is not known here: {form}")
    return schema

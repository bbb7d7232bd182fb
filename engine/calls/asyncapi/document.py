"""Routes of operations in AsyncAPI documents (versions 2.0 to 2.6, and 3.0)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from engine.calls.openapi.operations import resolve
from engine.calls.openapi.parameters import VARIABLE
from engine.contracts.calls import AsyncApiCall
from engine.language.uri_templates import fill_template

# Protocols by the names in server objects: the client, whether it uses TLS, and the port.
PROTOCOLS = {
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
    """Server, channel and messages of an operation."""

    protocol: str  # http | redis | mqtt | amqp
    tls: bool
    host: str
    port: int
    base: str  # the base path, for http; the virtual host, for amqp
    address: str
    messages: list[dict[str, Any]]
    bindings: dict[str, Any]  # the operation's, of the protocol
    channel: dict[str, Any]  # the channel's bindings, of the protocol
    document: dict[str, Any]

    @property
    def uri(self) -> str:
        """The channel's address as a URL."""
        scheme = "https" if self.tls else "http"
        port = "" if self.port == PROTOCOLS[scheme][2] else f":{self.port}"
        return f"{scheme}://{self.host}{port}{self.base}/{self.address.lstrip('/')}"

    def schema(self, part: str) -> dict[str, Any] | None:
        """Return the schema of the payload or of the headers of the messages.

        :raises ValueError: when a message's schema is of an unsupported format.
        """
        schemas = [_schema(message, part) for message in self.messages]
        if not schemas or None in schemas:
            return None
        return {"anyOf": schemas, "components": self.document.get("components", {})} | {
            name: self.document[name] for name in ("channels",) if name in self.document
        }


def find_route(document: Any, call: AsyncApiCall) -> Route:
    """Return the route of a call.

    :raises ValueError: when the document has no such operation or server, or its protocol is not
        supported.
    """
    version = str(document.get("asyncapi", "")) if isinstance(document, dict) else ""
    if version.startswith("3."):
        return _find_route_in_version_3(document, call)
    if version.startswith("2."):
        return _find_route_in_version_2(document, call)
    raise ValueError("the document is none of AsyncAPI 2 or 3")


def _find_route_in_version_3(document: dict[str, Any], call: AsyncApiCall) -> Route:
    if call.operation is None:
        raise ValueError("a document of AsyncAPI 3 has operations, and the call names a channel")
    operation = resolve(document, _member(document, "operations", call.operation))
    channel = resolve(document, operation.get("channel"))
    references = operation.get("messages")
    if references is None:
        references = (channel.get("messages") or {}).values()
    servers = document.get("servers") or {}
    names = [one.get("$ref", "").rpartition("/")[2] for one in channel.get("servers") or []]
    server = _server(
        document, {name: servers[name] for name in names or servers if name in servers}, call
    )
    return _build_route(
        document,
        call,
        _RouteParts(
            server=server,
            url=f"{server.get('protocol')}://{server.get('host')}{server.get('pathname') or ''}",
            address=channel.get("address"),
            channel=channel,
            operation=operation,
            messages=[resolve(document, reference) for reference in references],
        ),
    )


def _find_route_in_version_2(document: dict[str, Any], call: AsyncApiCall) -> Route:
    verb = "subscribe" if call.message is None else "publish"
    channels = document.get("channels") or {}
    if call.channel is not None:
        address = call.channel
        channel = resolve(document, _member(document, "channels", call.channel))
    else:
        address, channel = _channel_of_operation(document, channels, verb, call.operation)
    operation = resolve(document, channel.get(verb) or {"$ref": None})
    message = resolve(document, operation.get("message") or {})
    servers = document.get("servers") or {}
    names = channel.get("servers") or servers
    server = _server(document, {name: servers[name] for name in names if name in servers}, call)
    url = str(server.get("url", ""))
    return _build_route(
        document,
        call,
        _RouteParts(
            server=server,
            url=url if "://" in url else f"{server.get('protocol')}://{url}",
            address=address,
            channel=channel,
            operation=operation,
            messages=[
                resolve(document, one) for one in message.get("oneOf", [message] if message else [])
            ],
        ),
    )


def _channel_of_operation(
    document: dict[str, Any], channels: dict[str, Any], verb: str, name: str | None
) -> tuple[str, dict[str, Any]]:
    """Return the address and the channel of an operation's id (AsyncAPI 2)."""
    for address, member in channels.items():
        channel = resolve(document, member)
        if (channel.get(verb) or {}).get("operationId") == name:
            return address, channel
    raise ValueError(f"the document has no operation of this name to {verb} with")


def _member(document: dict[str, Any], group: str, name: str) -> Any:
    members = document.get(group) or {}
    if name not in members:
        raise ValueError(f"the document has no such {group.removesuffix('s')}")
    return members[name]


def _server(
    document: dict[str, Any], servers: dict[str, Any], call: AsyncApiCall
) -> dict[str, Any]:
    """Return the call's server, or the first of its protocol (DSL reference, "AsyncAPI Call")."""
    if call.server is not None:
        if call.server not in servers:
            raise ValueError("the channel has no such server")
        return resolve(document, servers[call.server])
    candidates = [resolve(document, server) for server in servers.values()]
    for server in candidates:
        protocol = PROTOCOLS.get(str(server.get("protocol")).lower())
        if protocol and call.protocol in (None, protocol[0]):
            return server
    names = ", ".join(sorted({str(server.get("protocol")) for server in candidates})) or "none"
    raise ValueError(f"the channel has no server of a supported protocol; it has {names}")


@dataclass(frozen=True, slots=True)
class _RouteParts:
    """Objects of a document that describe a route; the URL and address may have variables."""

    server: dict[str, Any]
    url: str
    address: Any
    channel: dict[str, Any]
    operation: dict[str, Any]
    messages: list[dict[str, Any]]


def _build_route(document: dict[str, Any], call: AsyncApiCall, parts: _RouteParts) -> Route:
    name = parts.server.get("protocol")
    protocol = PROTOCOLS.get(str(name).lower())
    if protocol is None:
        raise ValueError(f"{name} is not supported: http, redis, mqtt 3.1.1 and amqp are")
    client, uses_tls, _ = protocol
    url = urlsplit(_fill_variables(document, parts.url, parts.server.get("variables"), call))
    channel_bindings = _bindings(document, parts.channel, client)
    # Without an address, AMQP bindings name the queue or exchange.
    has_binding = parts.address is None and client == "amqp" and channel_bindings
    address = "" if has_binding else parts.address
    if not url.hostname or not isinstance(address, str):
        raise ValueError("the document does not say where the channel is")
    tls = uses_tls or url.scheme in ("https", "rediss", "mqtts", "amqps")
    default_port = next(
        port for one, secure, port in PROTOCOLS.values() if one == client and secure is tls
    )
    return Route(
        protocol=client,
        tls=tls,
        host=url.hostname,
        port=url.port or default_port,
        base=url.path.rstrip("/"),
        address=_fill_variables(document, address, parts.channel.get("parameters"), call),
        messages=parts.messages,
        bindings=_bindings(document, parts.operation, client),
        channel=channel_bindings,
        document=document,
    )


def _fill_variables(document: dict[str, Any], text: str, variables: Any, call: AsyncApiCall) -> str:
    """Return a text with its variables from the call, or else with the document's defaults."""

    def value_of(name: str) -> str:
        variable = resolve(document, (variables or {}).get(name) or {})
        schema = variable.get("schema") or {}
        value = call.variables.get(name, variable.get("default", schema.get("default")))
        options = variable.get("enum") or schema.get("enum")
        if value is None or (options and value not in options):
            raise ValueError(f"{name} has no value, or one that the document does not allow")
        return str(value)

    return fill_template(text, VARIABLE, value_of)


def _bindings(document: dict[str, Any], of: dict[str, Any], protocol: str) -> dict[str, Any]:
    bindings = resolve(document, of.get("bindings") or {})
    return resolve(document, bindings.get(protocol) or {})


def _schema(message: dict[str, Any], part: str) -> Any:
    schema, form = message.get(part), message.get("schemaFormat")
    if isinstance(schema, dict) and {"schemaFormat", "schema"} <= schema.keys():  # AsyncAPI 3
        form, schema = schema["schemaFormat"], schema["schema"]
    if part == "payload" and form is not None and not _JSON_SCHEMA.fullmatch(str(form)):
        raise ValueError(f"the message's schema is of a format that is not supported: {form}")
    return schema

"""Routes of operations in AsyncAPI documents (versions 2.0 to 2.6, and 3.0)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from engine.calls.openapi.parameters import VARIABLE
from engine.calls.openapi.references import Description, find, segments_of
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
# Of the descriptions of messages of one operation, each of which may name a correlation id.
MESSAGES_MAX = 100
POINTER_SEGMENTS_MAX = 32
NAMES_MAX = 10  # in an error
NAME_CHARACTERS_MAX = 100
TARGET_LEVELS = 3  # "#/components/schemas/…": what a schema refers to is taken as a whole
_JSON_SCHEMA = re.compile(r"application/(?:vnd\.aai\.asyncapi|schema)(?:\+json|\+yaml)?(?:;.*)?")


@dataclass(frozen=True, slots=True)
class Route:
    """Server and channel of an operation, and what the document says of its messages."""

    protocol: str  # http | redis | mqtt | amqp
    tls: bool
    host: str
    port: int
    base: str  # the base path, for http; the virtual host, for amqp
    address: str
    bindings: dict[str, Any]  # the operation's, of the protocol
    channel: dict[str, Any]  # the channel's bindings, of the protocol
    media_type: str  # of the messages
    message: dict[str, Any]  # bindings of the first message, of the protocol
    # Places of a correlation id: "payload" or "headers", and the segments of a pointer.
    correlations: list[tuple[str, list[str]]]
    # Schemas of a message to publish, each with the parts of the document that it refers to.
    payload_schema: dict[str, Any] | None = None
    headers_schema: dict[str, Any] | None = None

    @property
    def uri(self) -> str:
        """The channel's address as a URL."""
        scheme = "https" if self.tls else "http"
        port = "" if self.port == PROTOCOLS[scheme][2] else f":{self.port}"
        return f"{scheme}://{self.host}{port}{self.base}/{self.address.lstrip('/')}"


def find_route(document: Any, call: AsyncApiCall) -> Route:
    """Return the route of a call.

    :raises ValueError: when the document has no such operation or server, or its protocol is not
        supported.
    """
    version = document.get("asyncapi") if isinstance(document, dict) else None
    if isinstance(version, str) and version.startswith("3."):
        return _find_route_in_version_3(Description(document), call)
    if isinstance(version, str) and version.startswith("2."):
        return _find_route_in_version_2(Description(document), call)
    raise ValueError("the document is none of AsyncAPI 2 or 3")


def _find_route_in_version_3(document: Description, call: AsyncApiCall) -> Route:
    if call.operation is None:
        raise ValueError("a document of AsyncAPI 3 has operations, and the call names a channel")
    operation = document.resolve(_member(document, "operations", call.operation))
    channel = document.resolve(operation.get("channel"))
    references = operation.get("messages")
    if references is None:
        references = (channel.get("messages") or {}).values()
    servers = document.value.get("servers") or {}
    names = [one.get("$ref", "").rpartition("/")[2] for one in channel.get("servers") or []]
    server = _server(
        document, {name: servers[name] for name in names or servers if name in servers}, call
    )
    return _build_route(
        document,
        call,
        _RouteParts(
            server=server,
            url=f"{_protocol_of(server)}://{server.get('host')}{server.get('pathname') or ''}",
            address=channel.get("address"),
            channel=channel,
            operation=operation,
            messages=_resolve_messages(document, references),
        ),
    )


def _find_route_in_version_2(document: Description, call: AsyncApiCall) -> Route:
    verb = "subscribe" if call.message is None else "publish"
    channels = document.value.get("channels") or {}
    if call.channel is not None:
        address = call.channel
        channel = document.resolve(_member(document, "channels", call.channel))
    else:
        address, channel = _channel_of_operation(document, channels, verb, call.operation)
    operation = document.resolve(channel.get(verb) or {"$ref": None})
    message = document.resolve(operation.get("message") or {})
    servers = document.value.get("servers") or {}
    names = channel.get("servers") or servers
    server = _server(document, {name: servers[name] for name in names if name in servers}, call)
    url = str(server.get("url", ""))
    return _build_route(
        document,
        call,
        _RouteParts(
            server=server,
            url=url if "://" in url else f"{_protocol_of(server)}://{url}",
            address=address,
            channel=channel,
            operation=operation,
            messages=_resolve_messages(
                document, message.get("oneOf", [message] if message else [])
            ),
        ),
    )


def _resolve_messages(document: Description, references: Any) -> list[dict[str, Any]]:
    """Return the descriptions of an operation's messages.

    :raises ValueError: when they are more than MESSAGES_MAX.
    """
    if len(references) > MESSAGES_MAX:
        raise ValueError(f"an operation may have at most {MESSAGES_MAX} messages")
    return [document.resolve(reference) for reference in references]


def _channel_of_operation(
    document: Description, channels: dict[str, Any], verb: str, name: str | None
) -> tuple[str, dict[str, Any]]:
    """Return the address and the channel of an operation's id (AsyncAPI 2)."""
    for address, member in channels.items():
        channel = document.resolve(member)
        if (channel.get(verb) or {}).get("operationId") == name:
            return address, channel
    raise ValueError(f"the document has no operation of this name to {verb} with")


def _member(document: Description, group: str, name: str) -> Any:
    members = document.value.get(group) or {}
    if name not in members:
        raise ValueError(f"the document has no such {group.removesuffix('s')}")
    return members[name]


def _server(document: Description, servers: dict[str, Any], call: AsyncApiCall) -> dict[str, Any]:
    """Return the call's server, or the first of its protocol (DSL reference, "AsyncAPI Call")."""
    if call.server is not None:
        if call.server not in servers:
            raise ValueError("the channel has no such server")
        return document.resolve(servers[call.server])
    names = set[str]()
    for member in servers.values():
        server = document.resolve(member)
        protocol = PROTOCOLS.get(_protocol_of(server))
        if protocol and call.protocol in (None, protocol[0]):
            return server
        names.add(_protocol_of(server))
    others = ", ".join(sorted(names)[:NAMES_MAX]) or "none"
    raise ValueError(f"the channel has no server of a supported protocol; it has {others}")


def _protocol_of(server: dict[str, Any]) -> str:
    """Return a server's protocol, or an empty text when it is none of any length."""
    name = server.get("protocol")
    return name.lower() if isinstance(name, str) and len(name) <= NAME_CHARACTERS_MAX else ""


@dataclass(frozen=True, slots=True)
class _RouteParts:
    """Objects of a document that describe a route; the URL and address may have variables."""

    server: dict[str, Any]
    url: str
    address: Any
    channel: dict[str, Any]
    operation: dict[str, Any]
    messages: list[dict[str, Any]]


def _build_route(document: Description, call: AsyncApiCall, parts: _RouteParts) -> Route:
    name = _protocol_of(parts.server)
    protocol = PROTOCOLS.get(name)
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
    publishes, messages = call.message is not None, parts.messages
    return Route(
        protocol=client,
        tls=tls,
        host=url.hostname,
        port=url.port or default_port,
        base=url.path.rstrip("/"),
        address=_fill_variables(document, address, parts.channel.get("parameters"), call),
        bindings=_bindings(document, parts.operation, client),
        channel=channel_bindings,
        media_type=_media_type(document, messages),
        message=_bindings(document, messages[0], client) if messages else {},
        correlations=[place for message in messages for place in _correlations(message)],
        payload_schema=_combine_schemas(document, messages, "payload") if publishes else None,
        headers_schema=_combine_schemas(document, messages, "headers") if publishes else None,
    )


def _fill_variables(document: Description, text: str, variables: Any, call: AsyncApiCall) -> str:
    """Return a text with its variables from the call, or else with the document's defaults."""

    def value_of(name: str) -> str:
        variable = document.resolve((variables or {}).get(name) or {})
        schema = variable.get("schema") or {}
        value = call.variables.get(name, variable.get("default", schema.get("default")))
        options = variable.get("enum") or schema.get("enum")
        if value is None or (options and value not in options):
            raise ValueError(f"{name} has no value, or one that the document does not allow")
        return str(value)

    return fill_template(text, VARIABLE, value_of)


def _bindings(document: Description, of: dict[str, Any], protocol: str) -> dict[str, Any]:
    bindings = document.resolve(of.get("bindings") or {})
    return document.resolve(bindings.get(protocol) or {})


def _media_type(document: Description, messages: list[dict[str, Any]]) -> str:
    content_type = next(
        (message["contentType"] for message in messages if "contentType" in message), None
    )
    return str(content_type or document.value.get("defaultContentType") or "application/json")


def _correlations(message: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the place of a message's correlation id ("$message.payload#/a/b"), if it has one.

    :raises ValueError: when the place is nested too deeply.
    """
    location = (message.get("correlationId") or {}).get("location", "")
    source, _, pointer = location.partition("#")
    part = {"$message.payload": "payload", "$message.header": "headers"}.get(source)
    segments = pointer.split("/")[1:]
    if len(segments) > POINTER_SEGMENTS_MAX:
        raise ValueError(f"a correlation id may be at most {POINTER_SEGMENTS_MAX} levels deep")
    return [] if part is None else [(part, segments)]


def _combine_schemas(
    document: Description, messages: list[dict[str, Any]], part: str
) -> dict[str, Any] | None:
    """Return the schema of the payload or of the headers of the messages.

    :raises ValueError: when a message's schema is of an unsupported format.
    """
    schemas = [_schema(message, part) for message in messages]
    if not schemas or None in schemas:
        return None
    return {"anyOf": schemas} | _collect_targets(document, schemas)


def _collect_targets(document: Description, schemas: list[Any]) -> dict[str, Any]:
    """Return the parts of the document that schemas refer to, also through others, in place."""
    targets: dict[str, Any] = {}
    rest = list(schemas)
    while rest:
        value = rest.pop()
        if isinstance(value, list):
            rest += value
        elif isinstance(value, dict):
            rest += value.values()
            reference = value.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/"):
                rest += _add_target(
                    document, targets, segments_of(unquote(reference))[:TARGET_LEVELS]
                )
    return targets


def _add_target(document: Description, targets: dict[str, Any], segments: list[str]) -> list[Any]:
    """Add the value at a place; return it in a list, unless it was there or does not exist."""
    value = find(document.value, segments)
    if value is None or find(targets, segments) is value:
        return []
    *parents, last = segments
    for segment in parents:
        targets = targets.setdefault(segment, {})
    targets[last] = value
    return [value]


def _schema(message: dict[str, Any], part: str) -> Any:
    schema, form = message.get(part), message.get("schemaFormat")
    if isinstance(schema, dict) and {"schemaFormat", "schema"} <= schema.keys():  # AsyncAPI 3
        form, schema = schema["schemaFormat"], schema["schema"]
    if part == "payload" and form is not None and not _JSON_SCHEMA.fullmatch(str(form)):
        raise ValueError(f"the message's schema is of a format that is not supported: {form}")
    return schema

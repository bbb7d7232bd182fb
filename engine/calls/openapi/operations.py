"""Requests of operations, from their arguments and a description (OpenAPI 3, Swagger 2.0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from engine.calls.openapi import bodies
from engine.calls.openapi.parameters import VARIABLE, RequestParts
from engine.calls.openapi.references import Description
from engine.contracts.calls import HttpCall
from engine.language.uri_templates import fill_template

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")


@dataclass(frozen=True, slots=True)
class OpenApiOperation:
    """Operation of a description, with its path item."""

    description: Description
    method: str
    path: str
    item: dict[str, Any]
    object: dict[str, Any]  # the Operation Object

    def parameters(self) -> list[dict[str, Any]]:
        """Return the parameters; the operation's override its path's (OpenAPI 3.1, 4.8.9)."""
        parameters: dict[tuple[Any, Any], dict[str, Any]] = {}
        for member in (*self.item.get("parameters", ()), *self.object.get("parameters", ())):
            parameter = self.description.resolve(member)
            parameters[parameter.get("name"), parameter.get("in")] = parameter
        return [*parameters.values(), *self._api_keys()]

    def server_address(self, base: str, arguments: dict[str, Any]) -> str:
        """Return the server's address; its variables are arguments, or have their defaults."""
        servers = (
            self.object.get("servers")
            or self.item.get("servers")
            or self.description.value.get("servers")
        )
        if "swagger" in self.description.value:
            return _swagger_server(self.description.value, base)
        server = servers[0] if isinstance(servers, list) and servers else {"url": "/"}
        variables = server.get("variables")
        values = {}
        for name, variable in variables.items() if isinstance(variables, dict) else ():
            values[name] = str(arguments.pop(name, variable.get("default", "")))
            if variable.get("enum") and values[name] not in variable["enum"]:
                raise ValueError(f"the server's variable {name} may not be {values[name]}")
        url = fill_template(
            str(server.get("url", "/")), VARIABLE, lambda name: values.get(name, f"{{{name}}}")
        )
        return urljoin(base, url).rstrip("/")

    def _api_keys(self) -> list[dict[str, Any]]:
        """Return the API keys that the operation's security requires, as parameters."""
        document = self.description.value
        schemes = document.get("components", {}).get("securitySchemes") or {}
        schemes = schemes or document.get("securityDefinitions") or {}
        requirements = self.object.get("security", document.get("security")) or []
        names = dict.fromkeys(name for requirement in requirements for name in requirement)
        required_schemes = [self.description.resolve(schemes.get(name, {})) for name in names]
        return [
            {"name": scheme["name"], "in": scheme["in"]}
            for scheme in required_schemes
            if scheme.get("type") == "apiKey"
        ]


def compose(description: Any, base: str, operation_id: str, arguments: dict[str, Any]) -> HttpCall:
    """Return the request of an operation; `base` is the description's address.

    :raises ValueError: when the description has no such operation, or the arguments do not
        match it.
    """
    operation, rest = find_operation(description, operation_id), dict(arguments)
    parts, form = RequestParts(operation.path), dict[str, Any]()
    body: Any = None
    for parameter in operation.parameters():
        name = str(parameter.get("name"))
        value = rest.pop(name, None)
        if value is None:
            if parameter.get("required"):
                raise ValueError(f"the operation needs the parameter {name}")
        elif parameter.get("in") == "body":
            body = value
        elif parameter.get("in") == "formData":
            form[name] = value
        else:
            parts.add(parameter, value)
    server = operation.server_address(base, rest)
    headers = parts.headers | ({"cookie": "; ".join(parts.cookies)} if parts.cookies else {})
    if "swagger" in operation.description.value:
        content, media = _swagger_body(operation, body, form)
    else:
        content, media = _body(operation, rest)
    if rest:
        raise ValueError(f"the operation has no parameter {', '.join(sorted(rest))}")
    if content is not None:
        headers["content-type"] = media
    query = "?" + "&".join(parts.query) if parts.query else ""
    return HttpCall(
        operation.method.upper(), server + parts.fill_path() + query, headers, body=content
    )


def find_operation(document: Any, operation_id: str) -> OpenApiOperation:
    """Return the operation with an id.

    :raises ValueError: when there is none.
    """
    if not isinstance(document, dict) or not ("openapi" in document or "swagger" in document):
        raise ValueError("the service's description is no OpenAPI document")
    description = Description(document)
    for path, member in (document.get("paths") or {}).items():
        item = description.resolve(member)
        for method in _METHODS:
            operation = item.get(method)
            if isinstance(operation, dict) and operation.get("operationId") == operation_id:
                return OpenApiOperation(description, method, path, item, operation)
    raise ValueError(f"the service's description has no operation {operation_id}")


def _body(operation: OpenApiOperation, rest: dict[str, Any]) -> tuple[str | None, str]:
    """Return the body: the argument `body`, or all arguments that are no parameters.

    OpenAPI 3 has no name for the body.
    """
    if "requestBody" not in operation.object:
        return None, ""
    request = operation.description.resolve(operation.object["requestBody"])
    if not rest:
        if request.get("required"):
            raise ValueError("the operation needs a body")
        return None, ""
    value = rest["body"] if rest.keys() == {"body"} else dict(rest)
    rest.clear()
    return bodies.encode(value, bodies.choose_media_type([*request.get("content", {})]))


def _swagger_body(
    operation: OpenApiOperation, body: Any, form: dict[str, Any]
) -> tuple[str | None, str]:
    media_types = operation.object.get("consumes")
    media_types = media_types or operation.description.value.get("consumes") or []
    if form:
        return bodies.encode(form, bodies.PARTS if media_types == [bodies.PARTS] else bodies.FORM)
    return (
        (None, "") if body is None else bodies.encode(body, bodies.choose_media_type(media_types))
    )


def _swagger_server(description: dict[str, Any], base: str) -> str:
    if "host" not in description:
        return urljoin(base, str(description.get("basePath", "/"))).rstrip("/")
    schemes = description.get("schemes") or [base.partition(":")[0]]
    scheme = "https" if "https" in schemes else str(schemes[0])
    return f"{scheme}://{description['host']}{description.get('basePath', '')}".rstrip("/")

"""Requests of operations, from their arguments and a description (OpenAPI 3, Swagger 2.0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from engine.calls.openapi import bodies
from engine.calls.openapi.parameters import VARIABLE, RequestParts
from engine.contracts.calls import HttpCall
from engine.language.uri_templates import fill_template

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_REFERENCES_MAX = 10  # in one chain


@dataclass(frozen=True, slots=True)
class OpenApiOperation:
    """Operation of a description, with its path item."""

    description: dict[str, Any]
    method: str
    path: str
    item: dict[str, Any]
    object: dict[str, Any]  # the Operation Object

    def parameters(self) -> list[dict[str, Any]]:
        """Return the parameters; the operation's override its path's (OpenAPI 3.1, 4.8.9)."""
        parameters: dict[tuple[Any, Any], dict[str, Any]] = {}
        for member in (*self.item.get("parameters", ()), *self.object.get("parameters", ())):
            parameter = resolve(self.description, member)
            parameters[parameter.get("name"), parameter.get("in")] = parameter
        return [*parameters.values(), *self._api_keys()]

    def server_address(self, base: str, arguments: dict[str, Any]) -> str:
        """Return the server's address; its variables are arguments, or have their defaults."""
        servers = (
            self.object.get("servers")
            or self.item.get("servers")
            or self.description.get("servers")
        )
        if "swagger" in self.description:
            return _swagger_server(self.description, base)
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
        schemes = self.description.get("components", {}).get("securitySchemes") or {}
        schemes = schemes or self.description.get("securityDefinitions") or {}
        requirements = self.object.get("security", self.description.get("security")) or []
        required_schemes = [
            resolve(self.description, schemes.get(name, {}))
            for requirement in requirements
            for name in requirement
        ]
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
    if "swagger" in operation.description:
        content, media = _swagger_body(operation, body, form)
    else:
        content, media = _body(operation, rest)
    if rest:
        raise ValueError(f"the operation has no parameter {', '.join(sorted(rest))}")
    if content is not None:
        headers["content-type"] = media
    query = "?" + "&".join(parts.query) if parts.query else ""
    return HttpCall(operation.method.upper(), server + parts.path + query, headers, body=content)


def find_operation(description: Any, operation_id: str) -> OpenApiOperation:
    """Return the operation with an id.

    :raises ValueError: when there is none.
    """
    if not isinstance(description, dict) or not (
        "openapi" in description or "swagger" in description
    ):
        raise ValueError("the service's description is no OpenAPI document")
    for path, member in (description.get("paths") or {}).items():
        item = resolve(description, member)
        for method in _METHODS:
            operation = item.get(method)
            if isinstance(operation, dict) and operation.get("operationId") == operation_id:
                return OpenApiOperation(description, method, path, item, operation)
    raise ValueError(f"the service's description has no operation {operation_id}")


def resolve(description: dict[str, Any], value: Any) -> dict[str, Any]:
    """Return the target of a reference inside the description, or the value itself.

    :raises ValueError: when the target is elsewhere or missing, or the references are circular.
    """
    for _ in range(_REFERENCES_MAX):
        reference = value.get("$ref") if isinstance(value, dict) else None
        if reference is None:
            break
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise ValueError(f"the reference {reference} leads out of the description")
        value = description
        for segment in reference[2:].split("/"):
            key = segment.replace("~1", "/").replace("~0", "~")
            value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, dict) or "$ref" in value:
        raise ValueError("a reference of the service's description leads nowhere")
    return value


def _body(operation: OpenApiOperation, rest: dict[str, Any]) -> tuple[str | None, str]:
    """Return the body: the argument `body`, or all arguments that are no parameters.

    OpenAPI 3 has no name for the body.
    """
    if "requestBody" not in operation.object:
        return None, ""
    request = resolve(operation.description, operation.object["requestBody"])
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
    media_types = operation.object.get("consumes") or operation.description.get("consumes") or []
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

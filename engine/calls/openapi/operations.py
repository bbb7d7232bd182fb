"""The request that an operation's arguments make, by its service's description (OpenAPI 3, Swagger 2.0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from engine.calls.openapi import bodies
from engine.calls.openapi.parameters import VARIABLE, Written
from engine.contracts.calls import HttpCall
from engine.language.uri_templates import fill_template

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_HOPS_MAX = 10  # from one reference to the next


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a description, references followed where they matter."""

    description: dict[str, Any]
    method: str
    path: str
    item: dict[str, Any]
    own: dict[str, Any]

    def parameters(self) -> list[dict[str, Any]]:
        """Return the parameters: an operation's own go before its path's (OpenAPI 3.1 section 4.8.9)."""
        found: dict[tuple[Any, Any], dict[str, Any]] = {}
        for given in (*self.item.get("parameters", ()), *self.own.get("parameters", ())):
            parameter = resolved(self.description, given)
            found[parameter.get("name"), parameter.get("in")] = parameter
        return [*found.values(), *self._keys()]

    def server(self, where: str, arguments: dict[str, Any]) -> str:
        """Return the address below which the operation is, variables taken from the arguments or defaults."""
        servers = (
            self.own.get("servers") or self.item.get("servers") or self.description.get("servers")
        )
        if "swagger" in self.description:
            return _swagger_server(self.description, where)
        server = servers[0] if isinstance(servers, list) and servers else {"url": "/"}
        given = server.get("variables")
        values = {}
        for name, variable in given.items() if isinstance(given, dict) else ():
            values[name] = str(arguments.pop(name, variable.get("default", "")))
            if variable.get("enum") and values[name] not in variable["enum"]:
                raise ValueError(f"the server's variable {name} may not be {values[name]}")
        url = fill_template(
            str(server.get("url", "/")), VARIABLE, lambda name: values.get(name, f"{{{name}}}")
        )
        return urljoin(where, url).rstrip("/")

    def _keys(self) -> list[dict[str, Any]]:
        """Return the API keys that the operation's security asks for, as parameters with their names."""
        schemes = self.description.get("components", {}).get("securitySchemes") or {}
        schemes = schemes or self.description.get("securityDefinitions") or {}
        wanted = self.own.get("security", self.description.get("security")) or []
        found = [
            resolved(self.description, schemes.get(name, {})) for asked in wanted for name in asked
        ]
        return [
            {"name": scheme["name"], "in": scheme["in"]}
            for scheme in found
            if scheme.get("type") == "apiKey"
        ]


def compose(description: Any, where: str, operation: str, arguments: dict[str, Any]) -> HttpCall:
    """Return the request; `where` is the address of the description.

    :raises ValueError: when the description has no such operation, or the arguments do not fit it.
    """
    found, rest = find(description, operation), dict(arguments)
    written, form = Written(found.path), dict[str, Any]()
    body: Any = None
    for parameter in found.parameters():
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
            written.put(parameter, value)
    server = found.server(where, rest)
    headers = written.headers | ({"cookie": "; ".join(written.cookies)} if written.cookies else {})
    if "swagger" in found.description:
        content, media = _swagger_body(found, body, form)
    else:
        content, media = _body(found, rest)
    if rest:
        raise ValueError(f"the operation has no parameter {', '.join(sorted(rest))}")
    if content is not None:
        headers["content-type"] = media
    query = "?" + "&".join(written.query) if written.query else ""
    return HttpCall(found.method.upper(), server + written.path + query, headers, body=content)


def find(description: Any, wanted: str) -> Operation:
    """Return the operation with an id.

    :raises ValueError: when there is none.
    """
    if not isinstance(description, dict) or not (
        "openapi" in description or "swagger" in description
    ):
        raise ValueError("the service's description is no OpenAPI document")
    for path, given in (description.get("paths") or {}).items():
        item = resolved(description, given)
        for method in _METHODS:
            own = item.get(method)
            if isinstance(own, dict) and own.get("operationId") == wanted:
                return Operation(description, method, path, item, own)
    raise ValueError(f"the service's description has no operation {wanted}")


def resolved(description: dict[str, Any], value: Any) -> dict[str, Any]:
    """Return what a reference within the description leads to, or the value itself.

    :raises ValueError: when it leads elsewhere, nowhere or in a circle.
    """
    for _ in range(_HOPS_MAX):
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


def _body(found: Operation, rest: dict[str, Any]) -> tuple[str | None, str]:
    """Return the body: the argument `body`, or all that is no parameter (OpenAPI 3 has no name for it)."""
    if "requestBody" not in found.own:
        return None, ""
    request = resolved(found.description, found.own["requestBody"])
    if not rest:
        if request.get("required"):
            raise ValueError("the operation needs a body")
        return None, ""
    value = rest["body"] if rest.keys() == {"body"} else dict(rest)
    rest.clear()
    return bodies.written(value, bodies.chosen([*request.get("content", {})]))


def _swagger_body(found: Operation, body: Any, form: dict[str, Any]) -> tuple[str | None, str]:
    offered = found.own.get("consumes") or found.description.get("consumes") or []
    if form:
        return bodies.written(form, bodies.PARTS if offered == [bodies.PARTS] else bodies.FORM)
    return (None, "") if body is None else bodies.written(body, bodies.chosen(offered))


def _swagger_server(description: dict[str, Any], where: str) -> str:
    if "host" not in description:
        return urljoin(where, str(description.get("basePath", "/"))).rstrip("/")
    schemes = description.get("schemes") or [where.partition(":")[0]]
    scheme = "https" if "https" in schemes else str(schemes[0])
    return f"{scheme}://{description['host']}{description.get('basePath', '')}".rstrip("/")

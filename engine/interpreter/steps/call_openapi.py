"""`call: openapi`: an operation of a service, found by its id in the service's own description."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urljoin

from engine.interpreter import authentications, contracts
from engine.interpreter.definition import Outcome
from engine.interpreter.expressions.programs import Program
from engine.interpreter.faults import fault
from engine.interpreter.node import Node
from engine.interpreter.steps import call_http
from engine.interpreter.walk import Scope, Walk

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")


@dataclass(frozen=True, slots=True)
class CallOpenApi:
    """Where the description is, which operation, and its arguments."""

    document: str | Program
    document_authentication: Any
    operation: str
    parameters: Any
    authentication: Any
    output: str
    redirect: bool

    async def run(self, walk: Walk, data: Any, scope: Scope) -> Outcome:
        """Give the operation's answer.

        :raises FaultError: of kind communication, or configuration when there is no such operation.
        """
        where = call_http.CallHttp("GET", self.document).located(walk, data, scope)
        asked = contracts.HttpCall(
            "GET",
            where,
            redirect=True,
            authentication=walk.fill(self.document_authentication, data, scope),
            timeout_seconds=call_http.SECONDS_MAX,
        )
        description = (await call_http.request(walk, asked, scope)).content
        arguments = walk.fill(self.parameters, data, scope) or {}
        call = compose(description, where, self.operation, arguments, redirect=self.redirect)
        authentication = walk.fill(self.authentication, data, scope)
        authenticated = replace(call, authentication=authentication, raw=self.output == "raw")
        answer = await call_http.request(walk, authenticated, scope)
        shown = call_http.shown(authenticated, answer, self.output)
        return Outcome(shown, authorization=answer.authorization)


def compose(
    description: Any, where: str, operation: str, arguments: dict[str, Any], *, redirect: bool
) -> contracts.HttpCall:
    """Return the request an operation's arguments make (OpenAPI 3, or Swagger 2.0).

    :raises FaultError: of kind configuration.
    """
    method, path, shared, found = _operation(description, operation)
    parameters = [_resolved(description, parameter) for parameter in (*shared, *found.get("parameters", ()))]
    rest = dict(arguments)
    headers: dict[str, str] = {}
    query: dict[str, Any] = {}
    body: Any = None
    for parameter in parameters:
        name = parameter.get("name")
        if name not in rest:
            if parameter.get("required"):
                raise fault("configuration", f"the operation needs the parameter {name}")
            continue
        value, kind = rest.pop(name), parameter.get("in")
        if kind == "path":
            path = path.replace("{" + name + "}", quote(call_http.as_text(value), safe=""))
        elif kind == "query":
            query[name] = value
        elif kind == "header":
            headers[name] = call_http.as_text(value)
        elif kind == "body":
            body = value
    if body is None and rest:  # OpenAPI 3 has no name for the body: what is no parameter is in it
        body = rest.get("body", rest)
    uri = _server(description, where) + path
    return contracts.HttpCall(method.upper(), uri, headers, call_http.queried(query), body, redirect)


def read(node: Node) -> CallOpenApi:
    """Read the members of `with`."""
    node.only("document", "operationId", "parameters", "authentication", "output", "redirect")
    document = node.need("document").only("name", "endpoint").need("endpoint")
    where, authentication = call_http.read_endpoint(document)
    parameters, own = node.get("parameters"), node.get("authentication")
    return CallOpenApi(
        document=where,
        document_authentication=authentication,
        operation=node.need("operationId").text(),
        parameters=parameters.template() if parameters else None,
        authentication=authentications.read(own) if own else None,
        output=call_http.read_output(node),
        redirect=call_http.read_redirect(node),
    )


def _operation(description: Any, wanted: str) -> tuple[str, str, list[Any], dict[str, Any]]:
    paths = description.get("paths") if isinstance(description, dict) else None
    for path, item in (paths or {}).items():
        for method in _METHODS:
            found = item.get(method)
            if isinstance(found, dict) and found.get("operationId") == wanted:
                return method, path, item.get("parameters", []), found
    raise fault("configuration", f"the service's description has no operation {wanted}")


def _resolved(description: dict[str, Any], parameter: dict[str, Any]) -> dict[str, Any]:
    reference = parameter.get("$ref")
    if not isinstance(reference, str):
        return parameter
    found: Any = description
    for segment in reference.removeprefix("#/").split("/"):
        found = found.get(segment.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _server(description: dict[str, Any], where: str) -> str:
    servers = description.get("servers")
    if isinstance(servers, list) and servers:
        return urljoin(where, str(servers[0].get("url", "/"))).rstrip("/")
    if "host" not in description:
        return urljoin(where, str(description.get("basePath", "/"))).rstrip("/")
    schemes = description.get("schemes") or ["https"]
    scheme = "https" if "https" in schemes else str(schemes[0])
    return f"{scheme}://{description['host']}{description.get('basePath', '')}".rstrip("/")

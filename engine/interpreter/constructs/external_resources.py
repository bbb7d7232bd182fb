"""External resources (DSL reference, "External Resource"); an execution fetches each once."""

from __future__ import annotations

from typing import Any

from engine.contracts.calls import HttpCall
from engine.errors import EngineError, TooLargeError
from engine.interpreter.constructs import call_http
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language import json_and_yaml
from engine.language.errors import FaultError, fault

# A workflow task reads the YAML; this much takes at most one second.
YAML_CHARACTERS_MAX = 131_072
ACCEPT_HEADER = "application/yaml, application/json;q=0.9, */*;q=0.5"


async def fetch(
    interpreter: Interpreter, uri: str, authentication: Any, data: Any, scope: Scope, *, what: str
) -> dict[str, Any]:
    """Return the document at an address, JSON or YAML; the first call in an execution fetches it.

    :param what: the noun for it in errors.
    :raises FaultError: of kind communication when it cannot be fetched, of kind configuration when
        it cannot be read.
    """
    if uri not in interpreter.resources:
        call = HttpCall(
            "GET",
            uri,
            headers={"accept": ACCEPT_HEADER},
            redirect=True,
            authentication=interpreter.fill(authentication, data, scope),
            timeout_seconds=call_http.SECONDS_MAX,
        )
        try:
            content = (await call_http.request(interpreter, call, scope)).content
        except FaultError as error:
            if error.problem.detail is None or not error.problem.detail.startswith(
                "the server answered"
            ):
                raise
            detail = f"the {what} cannot be fetched: {error.problem.detail}"
            raise fault("communication", detail, status=error.problem.status) from None
        interpreter.resources[uri] = _parse(content, what)
    document: dict[str, Any] = interpreter.resources[uri]
    return document


def _parse(content: Any, what: str) -> dict[str, Any]:
    try:
        if isinstance(content, str):
            return json_and_yaml.read(content, yaml_characters_max=YAML_CHARACTERS_MAX)
        return dict(content)
    except TooLargeError as error:
        raise fault("configuration", f"the {what} that was fetched: {error.detail}") from None
    except (EngineError, TypeError, ValueError):
        raise fault("configuration", f"the {what} that was fetched cannot be read") from None

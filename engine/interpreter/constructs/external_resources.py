"""What definitions name by address (DSL reference, "External Resource"): fetched once in an execution."""

from __future__ import annotations

from typing import Any

from engine.contracts.calls import HttpCall
from engine.errors import EngineError, TooLargeError
from engine.interpreter.constructs import call_http
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language import parser
from engine.language.errors import FaultError, fault

# It is read in a workflow task: a second of YAML at the most.
YAML_CHARACTERS_MAX = 131_072
ACCEPTED = "application/yaml, application/json;q=0.9, */*;q=0.5"


async def fetch(
    interpreter: Interpreter, where: str, authentication: Any, data: Any, scope: Scope, *, what: str
) -> dict[str, Any]:
    """Return the document at an address, JSON or YAML; whoever asks first in an execution fetches it for all.

    `what` is how errors name it.

    :raises FaultError: of kind communication when it cannot be fetched, configuration when it cannot be read.
    """
    if where not in interpreter.resources:
        asked = HttpCall(
            "GET",
            where,
            headers={"accept": ACCEPTED},
            redirect=True,
            authentication=interpreter.fill(authentication, data, scope),
            timeout_seconds=call_http.SECONDS_MAX,
        )
        try:
            content = (await call_http.request(interpreter, asked, scope)).content
        except FaultError as error:
            if error.problem.detail is None or not error.problem.detail.startswith(
                "the server answered"
            ):
                raise
            detail = f"the {what} cannot be fetched: {error.problem.detail}"
            raise fault("communication", detail, status=error.problem.status) from None
        interpreter.resources[where] = _parsed(content, what)
    document: dict[str, Any] = interpreter.resources[where]
    return document


def _parsed(content: Any, what: str) -> dict[str, Any]:
    try:
        if isinstance(content, str):
            return parser.read(content, yaml_characters_max=YAML_CHARACTERS_MAX)
        return dict(content)
    except TooLargeError as error:
        raise fault("configuration", f"the {what} that was fetched: {error.detail}") from None
    except (EngineError, TypeError, ValueError):
        raise fault("configuration", f"the {what} that was fetched cannot be read") from None

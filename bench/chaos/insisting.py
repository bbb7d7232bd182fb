"""A client that asks until it is answered, as an application's must when servers break."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx2

from bench.chaos.history import History
from bin.devtools.stack.client import RefusedError

AGAIN_SECONDS = 0.1
IN_FLIGHT = "idempotency_in_flight"  # an earlier try is under way


class Insisting:
    """Repeats what was not answered, and notes what was acknowledged or refused."""

    def __init__(self, history: History, over: threading.Event) -> None:
        self.note = history.note
        self.over = over

    def ask(
        self, operation: str, request: Callable[[], dict[str, Any]], **about: Any
    ) -> dict[str, Any] | None:
        """Return the answer, however often it takes; nothing when it is a refusal."""
        while True:
            began = time.monotonic()
            try:
                answer = request()
            except httpx2.TransportError:
                time.sleep(AGAIN_SECONDS)
            except RefusedError as refused:
                code = refused.problem.get("code")
                if refused.response.is_client_error and code != IN_FLIGHT:
                    self.note("refused", began=began, what=operation, code=code, **about)
                    return None
                time.sleep(AGAIN_SECONDS)
            else:
                self.note(operation, began=began, **about)
                return answer

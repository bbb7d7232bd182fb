"""A client that repeats a request until it is answered, as applications must when servers break."""

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


class RetryingClient:
    """Client that repeats requests without an answer, and records acknowledgements and refusals."""

    def __init__(self, history: History, over: threading.Event) -> None:
        self.note = history.note
        self.over = over

    def send(
        self, operation: str, request: Callable[[], dict[str, Any]], **about: Any
    ) -> dict[str, Any] | None:
        """Send a request until it is answered; return the answer, or None for a refusal."""
        while True:
            began = time.monotonic()
            try:
                answer = request()
            except httpx2.TransportError:
                time.sleep(AGAIN_SECONDS)
            except RefusedError as refusal:
                code = refusal.problem.get("code")
                if refusal.response.is_client_error and code != IN_FLIGHT:
                    self.note("refused", began=began, what=operation, code=code, **about)
                    return None
                time.sleep(AGAIN_SECONDS)
            else:
                self.note(operation, began=began, **about)
                return answer

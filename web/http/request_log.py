"""One id and one log line per request; no user data in either."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask, Response, g, request
from opentelemetry.trace import SpanKind
from uuid_utils.compat import uuid7

from engine.observability import metrics, tracing

if TYPE_CHECKING:  # there is no such module while running
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
ROUTE = "cloudapi.route"  # what the WSGI environment says of a request's route
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"})
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


log = structlog.get_logger()


def trace(app: Flask) -> None:
    """Name, time and log every request of the app, each a part of the trace that it names."""
    app.wsgi_app = Traced(app.wsgi_app)  # type: ignore[method-assign]
    app.before_request(_begin)
    app.after_request(_end)


class Traced:
    """A WSGI application whose requests are spans, each below the span of whoever asks."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""

        def begin(status: str, *rest: Any) -> Any:
            statuses.append(int(status[:3]))
            return start_response(status, *rest)

        statuses: list[int] = []
        method = environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in METHODS else "other"
        with tracing.span(
            method, parent=environ.get("HTTP_TRACEPARENT"), kind=SpanKind.SERVER
        ) as span:
            answer = self._app(environ, begin)
            route = environ.get(ROUTE, "none")
            span.update_name(f"{method} {route}")
            span.set_attribute("http.request.method", method)
            span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", statuses[-1])
        return answer


def _begin() -> None:
    sent = request.headers.get("X-Request-ID", "")
    g.request_id = sent if REQUEST_ID.fullmatch(sent) else str(uuid7())
    g.began = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request=g.request_id)
    if request.url_rule is not None:
        request.environ[ROUTE] = request.url_rule.rule


def _end(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if "request_id" in g:
        response.headers["X-Request-ID"] = g.request_id
        route, seconds = (
            request.url_rule.rule if request.url_rule else None,
            time.perf_counter() - g.began,
        )
        _observe(route, response.status_code, seconds)
        log.info(
            "request",
            method=request.method,
            route=route,
            status=response.status_code,
            milliseconds=round(1000 * seconds, 1),
            **_named(),
        )
    return response


def _observe(route: str | None, status: int, seconds: float) -> None:
    """Count the request: one that asks to wait apart, for how long it takes is its own wish."""
    told = (route or "none") + ("?wait" if "wait" in request.args else "")
    method = request.method if request.method in METHODS else "other"
    metrics.REQUEST_SECONDS.labels(told, method, f"{status // 100}xx").observe(seconds)


def _named() -> dict[str, str]:
    """Return the execution that the request's path names, for the log."""
    found = (request.view_args or {}).get("execution_id")
    return {} if found is None else {"execution": str(found)}

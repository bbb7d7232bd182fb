"""Id, log line, metrics and span of each request; none contains user data."""

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

if TYPE_CHECKING:  # typeshed's module does not exist at run time
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
ROUTE = "cloudapi.route"  # key of the WSGI environment with the request's route
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"})
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
HSTS = "max-age=31536000; includeSubDomains"  # RFC 6797


log = structlog.get_logger()


def configure(app: Flask) -> None:
    """Log, time and trace every request of the app."""
    app.wsgi_app = TracingMiddleware(app.wsgi_app)  # type: ignore[method-assign]
    app.before_request(_begin)
    app.after_request(_end)


class TracingMiddleware:
    """WSGI middleware that creates a span for each request, below the client's span."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request within its span."""

        def record_status(status: str, *rest: Any) -> Any:
            statuses.append(int(status[:3]))
            return start_response(status, *rest)

        statuses: list[int] = []
        method = environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in METHODS else "other"
        with tracing.span(
            method, parent=environ.get("HTTP_TRACEPARENT"), kind=SpanKind.SERVER
        ) as span:
            answer = self._app(environ, record_status)
            route = environ.get(ROUTE, "none")
            span.update_name(f"{method} {route}")
            span.set_attribute("http.request.method", method)
            span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", statuses[-1])
        return answer


def _begin() -> None:
    request_id = request.headers.get("X-Request-ID", "")
    g.request_id = request_id if REQUEST_ID.fullmatch(request_id) else str(uuid7())
    g.started_at = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request=g.request_id)
    if request.url_rule is not None:
        request.environ[ROUTE] = request.url_rule.rule


def _end(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:  # browsers ignore the header without TLS (RFC 6797 section 8.1)
        response.headers["Strict-Transport-Security"] = HSTS
    if "request_id" in g:
        response.headers["X-Request-ID"] = g.request_id
        route = request.url_rule.rule if request.url_rule else None
        seconds = time.perf_counter() - g.started_at
        _observe(route, response.status_code, seconds)
        log.info(
            "request",
            method=request.method,
            route=route,
            status=response.status_code,
            milliseconds=round(1000 * seconds, 1),
            **_log_context(),
        )
    return response


def _observe(route: str | None, status: int, seconds: float) -> None:
    """Observe the request's duration; one with `wait` has its own label, as its client chose it."""
    label = (route or "none") + ("?wait" if "wait" in request.args else "")
    method = request.method if request.method in METHODS else "other"
    metrics.REQUEST_SECONDS.labels(label, method, f"{status // 100}xx").observe(seconds)


def _log_context() -> dict[str, str]:
    """Return the execution of the request's path for the log."""
    execution_id = (request.view_args or {}).get("execution_id")
    return {} if execution_id is None else {"execution": str(execution_id)}

"""Problem documents (RFC 9457): one shape for the errors of the engine and of HTTP."""

from __future__ import annotations

import http
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import structlog
from flask import Flask, Response, g, json
from psycopg.errors import ForeignKeyViolation
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from engine import errors
from engine.observability import metrics
from web.extensions import db
from web.http.etags import PreconditionFailedError, PreconditionRequiredError

ERRORS_MAX = 100  # in one answer; a body has room for more faults than anybody reads
STATUS: dict[type[errors.EngineError], int] = {
    errors.InvalidError: 422,
    errors.UnauthenticatedError: 401,
    errors.ForbiddenError: 403,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.GoneError: 410,
    errors.TooLargeError: 413,
    errors.UnavailableError: 503,
}
CHALLENGE = 'Bearer realm="cloudapi"'
STEP_UP = ', error="insufficient_user_authentication", '  # RFC 9470 section 3
# Without a token in the request, the challenge names no error (RFC 6750 section 3.1).
CHALLENGES = {
    "token_missing": CHALLENGE,
    "credentials_invalid": CHALLENGE,
    "mfa_code_invalid": CHALLENGE,
    "mfa_required": CHALLENGE + STEP_UP + 'acr_values="mfa"',
    "step_up_required": CHALLENGE + STEP_UP + "max_age=600",
}


class MalformedError(errors.EngineError):
    """The request has a body that is not JSON, or lacks a required header."""


class MediaTypeError(errors.EngineError):
    """The body has another media type than JSON."""


class LimitedError(errors.EngineError):
    """The client sent too many requests; it may try again after `retry_seconds`."""

    def __init__(self, detail: str, *, retry_seconds: int, code: str = "rate_limited") -> None:
        super().__init__(code, detail)
        self.retry_seconds = retry_seconds


STATUS |= {
    MalformedError: 400,
    MediaTypeError: 415,
    LimitedError: 429,
    PreconditionFailedError: 412,
    PreconditionRequiredError: 428,
}


def register(app: Flask) -> None:
    """Answer every error of the app with a problem document."""
    app.register_error_handler(errors.EngineError, answer_engine_error)
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(OperationalError, _answer_database_error)
    app.register_error_handler(IntegrityError, _answer_integrity_error)
    app.register_error_handler(StaleDataError, _answer_stale_data)
    app.register_error_handler(Exception, _answer_unexpected_error)


def answer_engine_error(error: errors.EngineError) -> Response:
    """Return the problem document of an engine's error."""
    response = _problem(**members(error))
    retry_seconds = getattr(error, "retry_seconds", None)
    if retry_seconds is not None:
        response.headers["Retry-After"] = str(retry_seconds)
    return response


def members(error: errors.EngineError) -> dict[str, Any]:
    """Return the members of a problem document that depend on the error."""
    faults = [
        {"pointer": fault.pointer, "detail": fault.detail} for fault in error.faults[:ERRORS_MAX]
    ]
    common = {"status": STATUS[type(error)], "code": error.code, "detail": error.detail}
    return common | ({"errors": faults} if faults else {}) | error.extra


def _answer_http_error(error: HTTPException) -> Response:
    """Return the problem document of an error of Flask, Werkzeug or webargs."""
    if error.code is None or error.code < http.HTTPStatus.BAD_REQUEST:
        return Response(status=error.code or 500, headers=error.get_headers())
    messages = getattr(error, "data", {}).get("messages")
    if isinstance(messages, Mapping):
        faults = [
            {"pointer": pointer, "detail": detail}
            for pointer, detail in islice(_list_faults(messages), ERRORS_MAX)
        ]
        return _problem(error.code, "invalid", "Some values are not valid.", errors=faults)
    code = http.HTTPStatus(error.code).name.lower()
    response = _problem(error.code, code, error.description or code)
    if error.code == http.HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or []))
    return response


def _answer_database_error(error: OperationalError) -> Response:
    structlog.get_logger().error("database_unavailable", error=type(error.orig).__name__)
    return answer_engine_error(
        errors.UnavailableError("database_unavailable", "The database cannot be reached.")
    )


def _answer_integrity_error(error: IntegrityError) -> Response:
    """Answer a request that wrote to an account while the account was deleted."""
    constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""
    if isinstance(error.orig, ForeignKeyViolation) and constraint.endswith("_account_id"):
        return answer_engine_error(
            errors.UnauthenticatedError("session_ended", "The session has ended.")
        )
    return _answer_unexpected_error(error)


def _answer_stale_data(_error: StaleDataError) -> Response:
    detail = "Another request changed or deleted the object meanwhile."
    return answer_engine_error(errors.ConflictError("changed_meanwhile", detail))


def _answer_unexpected_error(error: Exception) -> Response:
    """Answer an unexpected error; the log has the stack trace, the client gets none of it."""
    structlog.get_logger().error("unexpected", exc_info=error)
    return _problem(500, "internal", "The server failed to process the request.")


def _problem(status: int, code: str, detail: str, **members: Any) -> Response:
    """Return the problem document and roll back the request's transaction."""
    db.session.rollback()
    metrics.PROBLEMS.labels(status, code).inc()
    body = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "requestId": g.get("request_id"),
        **{name: value for name, value in members.items() if value is not None},
    }
    response = Response(json.dumps(body), status, content_type="application/problem+json")
    if status == http.HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = CHALLENGES.get(
            code, f'{CHALLENGE}, error="invalid_token"'
        )
    return response


def _list_faults(
    messages: Any, pointer: str = "", *, has_location: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield JSON pointers and details of marshmallow's messages.

    The outermost key is webargs' location, which is no part of the pointer.
    """
    if isinstance(messages, Mapping):
        for key, value in messages.items():
            is_whole_body = not has_location or (key == "_schema" and not pointer)
            inner_pointer = pointer + ("" if is_whole_body else _pointer_token(key))
            yield from _list_faults(value, inner_pointer, has_location=True)
        return
    for message in messages if isinstance(messages, list) else [messages]:
        yield pointer, str(message)


def _pointer_token(key: object) -> str:
    return "/" + str(key).replace("~", "~0").replace("/", "~1")

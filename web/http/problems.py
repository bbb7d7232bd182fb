"""Every error, engine's or HTTP's, as one shape: a problem (RFC 9457)."""

from __future__ import annotations

import http
from collections.abc import Iterator, Mapping
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
# Where there was no token to find fault with, the challenge names no error (RFC 6750 section 3.1).
STEP_UP = ', error="insufficient_user_authentication", '  # RFC 9470 section 3
CHALLENGES = {
    "token_missing": CHALLENGE,
    "credentials_invalid": CHALLENGE,
    "mfa_code_invalid": CHALLENGE,
    "mfa_required": CHALLENGE + STEP_UP + 'acr_values="mfa"',
    "step_up_required": CHALLENGE + STEP_UP + "max_age=600",
}


class MalformedError(errors.EngineError):
    """The request is no HTTP API request of ours: not JSON, or without a header it needs."""


class MediaTypeError(errors.EngineError):
    """The body is of another type than JSON."""


class LimitedError(errors.EngineError):
    """Too many requests; worth trying again after `retry_seconds`."""

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
    """Answer every error of the app with a problem."""
    app.register_error_handler(errors.EngineError, of_engine)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(OperationalError, _of_database)
    app.register_error_handler(IntegrityError, _of_integrity)
    app.register_error_handler(StaleDataError, _of_stale)
    app.register_error_handler(Exception, _of_bug)


def of_engine(error: errors.EngineError) -> Response:
    """Return the problem for a refusal of the engine's."""
    told = members(error)
    response = _problem(told.pop("status"), told.pop("code"), told.pop("detail"), **told)
    retry_seconds = getattr(error, "retry_seconds", None)
    if retry_seconds is not None:
        response.headers["Retry-After"] = str(retry_seconds)
    return response


def members(error: errors.EngineError) -> dict[str, Any]:
    """Return what a problem says of a refusal, beyond what every problem says."""
    faults = [{"pointer": fault.pointer, "detail": fault.detail} for fault in error.faults]
    told = {"status": STATUS[type(error)], "code": error.code, "detail": error.detail}
    return told | ({"errors": faults} if faults else {}) | error.extra


def _of_http(error: HTTPException) -> Response:
    """Return the problem for what Flask, Werkzeug or webargs refused."""
    if error.code is None or error.code < http.HTTPStatus.BAD_REQUEST:
        return Response(status=error.code or 500, headers=error.get_headers())
    messages = getattr(error, "data", {}).get("messages")
    if isinstance(messages, Mapping):
        faults = [{"pointer": pointer, "detail": detail} for pointer, detail in _faults(messages)]
        return _problem(error.code, "invalid", "Some values cannot be accepted.", errors=faults)
    code = http.HTTPStatus(error.code).name.lower()
    response = _problem(error.code, code, error.description or code)
    if error.code == http.HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or []))
    return response


def _of_database(error: OperationalError) -> Response:
    structlog.get_logger().error("database_unavailable", error=type(error.orig).__name__)
    return of_engine(
        errors.UnavailableError("database_unavailable", "The database cannot be reached.")
    )


def _of_integrity(error: IntegrityError) -> Response:
    """Answer whoever acted in an account while it was being deleted."""
    named = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""
    if isinstance(error.orig, ForeignKeyViolation) and named.endswith("_account_id"):
        return of_engine(errors.UnauthenticatedError("session_ended", "The session has ended."))
    return _of_bug(error)


def _of_stale(_error: StaleDataError) -> Response:
    detail = "It has been changed or deleted meanwhile."
    return of_engine(errors.ConflictError("changed_meanwhile", detail))


def _of_bug(error: Exception) -> Response:
    """Answer what nobody expected; the log has the trace, the client nothing of it."""
    structlog.get_logger().error("unexpected", exc_info=error)
    return _problem(500, "internal", "Something went wrong on our side.")


def _problem(status: int, code: str, detail: str, **members: Any) -> Response:
    """Build the answer, and give up whatever the request had begun in the database."""
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


def _faults(
    messages: Any, pointer: str = "", *, located: bool = False
) -> Iterator[tuple[str, str]]:
    """Turn marshmallow's nested messages into JSON pointers; webargs puts the location outermost."""
    if isinstance(messages, Mapping):
        for key, value in messages.items():
            of_all = not located or (key == "_schema" and not pointer)
            yield from _faults(value, pointer + ("" if of_all else _escaped(key)), located=True)
        return
    for message in messages if isinstance(messages, list) else [messages]:
        yield pointer, str(message)


def _escaped(key: object) -> str:
    return "/" + str(key).replace("~", "~0").replace("/", "~1")

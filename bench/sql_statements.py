"""The SQL statements of one request, as the database driver receives them."""

from __future__ import annotations

import http.client
import logging
from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from web.extensions import db

Transaction = list[tuple[str, Any]]


def record_statements(app: Flask, send: Callable[[FlaskClient], TestResponse]) -> list[Transaction]:
    """Send a request and return its SQL statements, by transaction.

    :raises AssertionError: when the request is refused.
    """
    ran = [Transaction()]

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        ran[-1].append((statement, values))

    def end(_connection: Any) -> None:
        ran.append([])

    with app.app_context():
        listeners = (("before_cursor_execute", note), ("commit", end))
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
        for what, listener in listeners:
            event.listen(db.engine, what, listener)
        answer = send(app.test_client())
        for what, listener in listeners:
            event.remove(db.engine, what, listener)
    if answer.status_code >= http.client.BAD_REQUEST:
        raise AssertionError(answer.text)
    return [transaction for transaction in ran if transaction]

"""A connection to PostgreSQL that is lost after the answer was made."""

import pytest
from flask import Flask, Response
from sqlalchemy import select, text

from engine.store.accounts import Account
from tests.support.web.people import Make
from web.extensions import db

pytestmark = pytest.mark.stack


BACKENDS = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE application_name = 'to be lost'"
)


def looked_at(app: Flask) -> str:
    """Let each request look at the database, and lose its connection once its answer is made."""
    named = text("SET application_name = 'to be lost'")

    def look() -> str:
        db.session.execute(named)
        db.session.execute(select(Account.id).limit(1)).all()
        return "looked"

    def lose(response: Response) -> Response:
        with db.engine.connect() as connection:
            assert connection.scalar(BACKENDS) == 1
        return response

    app.add_url_rule("/look", view_func=look)
    app.after_request(lose)
    return "/look"


def test_the_answer_stands_and_the_next_request_has_another_connection(make: Make) -> None:
    app = make()
    path, client = looked_at(app), app.test_client()
    answers = [client.get(path) for _ in range(3)]
    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "looked")] * 3

"""Flask extensions, which `create_app` binds to an app.

Flask-SQLAlchemy creates the app's engine and pool, and ends the session of each request. The models
are plain SQLAlchemy instead of its `db.Model`, because `engine` and `worker` do not use Flask
(ADR 0002). `web.http.rate_limits` creates Flask-Limiter for each app, because a `Limiter` has one
storage for all apps that are bound to it.
"""

from __future__ import annotations

from flask_jwt_extended import JWTManager
from flask_smorest import Api
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy.exc import DBAPIError

from engine.store.metadata import METADATA


class RequestSession(Session):
    """Database session of one request."""

    def close(self) -> None:
        """Return the connection to the pool, or discard one that was lost.

        The request was committed or answered with an error by now, so its answer is still right.
        """
        try:
            super().close()
        except DBAPIError:
            self.invalidate()


db = SQLAlchemy(metadata=METADATA, session_options={"class_": RequestSession})
jwt = JWTManager()


class ProblemApi(Api):  # type: ignore[misc] # flask-smorest is untyped
    """Api of flask-smorest without its error bodies: `web.http.problems` answers every error."""

    def _register_error_handlers(self) -> None:
        """Register no error handlers."""


api = ProblemApi()

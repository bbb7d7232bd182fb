"""The extensions, unbound: `create_app` binds them.

Flask-SQLAlchemy makes the engine and pool of the app, and ends each request's session. The models are
plain SQLAlchemy and not its `db.Model`, because `engine` and `worker` know no Flask (ADR 0002).
Flask-Limiter is made for each app in `web.http.rate_limits`: a `Limiter` has one storage for all apps bound to it.
"""

from __future__ import annotations

from flask_jwt_extended import JWTManager
from flask_smorest import Api
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy.exc import DBAPIError

from engine.store.metadata import METADATA


class RequestSession(Session):
    """The session of one request."""

    def close(self) -> None:
        """Give the connection back.

        One that has been lost by now is thrown away: what the request did is committed or was told to have
        failed, so its answer stands.
        """
        try:
            super().close()
        except DBAPIError:
            self.invalidate()


db = SQLAlchemy(metadata=METADATA, session_options={"class_": RequestSession})
jwt = JWTManager()


class ProblemApi(Api):  # type: ignore[misc] # flask-smorest is untyped
    """flask-smorest without its own error bodies: `web.http.problems` answers every error."""

    def _register_error_handlers(self) -> None:
        """Register none."""


api = ProblemApi()

"""The extensions, unbound: `create_app` binds them."""

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

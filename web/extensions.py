"""The extensions, unbound: `create_app` binds them."""

from __future__ import annotations

from flask_jwt_extended import JWTManager
from flask_smorest import Api
from flask_sqlalchemy import SQLAlchemy

from engine.store.models import Base

db = SQLAlchemy(metadata=Base.metadata)
jwt = JWTManager()


class ProblemApi(Api):  # type: ignore[misc] # flask-smorest is untyped
    """flask-smorest without its own error bodies: `web.problems` answers every error."""

    def _register_error_handlers(self) -> None:
        """Register none."""


api = ProblemApi()

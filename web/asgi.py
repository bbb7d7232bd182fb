"""The one callable of the web process: Flask under ASGI."""

from __future__ import annotations

from engine.settings import Settings
from web import create_app
from web.tracing import configure_logging
from web.wsgi import FlaskUnderAsgi

_settings = Settings.from_env()
configure_logging(_settings)
application = FlaskUnderAsgi(create_app(_settings), threads=_settings.web_threads)

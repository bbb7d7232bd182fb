"""Flask inside an ASGI process: a2wsgi, told that a body without a length still ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from a2wsgi import WSGIMiddleware
from flask import Flask


class FlaskUnderAsgi(WSGIMiddleware):
    """An ASGI application that runs Flask on `threads` threads."""

    def __init__(self, app: Flask, *, threads: int) -> None:
        def terminated(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            # The ASGI server ends chunked bodies too; Werkzeug would read none without a length.
            environ["wsgi.input_terminated"] = True
            environ["RAW_URI"] = environ["asgi.scope"]["raw_path"].decode("latin1")
            return app.wsgi_app(environ, start_response)

        super().__init__(terminated, workers=threads)  # type: ignore[arg-type]
        self.flask = app

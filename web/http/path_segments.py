"""Path segments: ids of one segment with any characters (RFC 3986 section 2.2).

An id may contain a percent-encoded slash. WSGI servers decode the whole path, so the router would
see two segments; the middleware keeps the slash encoded until the route is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

from flask import Flask
from werkzeug.routing import BaseConverter

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
ESCAPES = re.compile(rb"%(2[Ff]|25)")  # slash, and the percent sign that escapes it


class PathSegment(BaseConverter):
    """Converter of `<segment:name>` in a rule."""

    def to_python(self, value: str) -> str:
        """Return the id."""
        return unquote(value)

    def to_url(self, value: str) -> str:
        """Return the id as it stands in a path."""
        return quote(value, safe="")


def configure(app: Flask) -> None:
    """Register the converter and the middleware that it needs."""
    app.url_map.converters["segment"] = PathSegment
    app.wsgi_app = preserve_escapes(app.wsgi_app)  # type: ignore[assignment,method-assign]


def preserve_escapes(wsgi: Wsgi) -> Wsgi:
    """Return a WSGI application whose `PATH_INFO` has slashes and percent signs still encoded."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("RAW_URI", "").partition("?")[0].encode("latin1")
        if ESCAPES.search(path):
            environ["PATH_INFO"] = unquote_to_bytes(ESCAPES.sub(rb"%25\1", path)).decode("latin1")
        return wsgi(environ, start_response)

    return application

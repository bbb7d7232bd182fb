"""Ids in paths: one segment each, whatever they hold, a percent-encoded slash too (RFC 3986 section 2.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

from flask import Flask
from werkzeug.routing import BaseConverter

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
# Decoded as a whole, as WSGI does, a path would be cut at %2F: these stay encoded until the route is known.
KEPT = re.compile(rb"%(2[Ff]|25)")


class Segment(BaseConverter):
    """`<segment:name>` in a rule."""

    def to_python(self, value: str) -> str:
        """Return the id."""
        return unquote(value)

    def to_url(self, value: str) -> str:
        """Return the id as it stands in a path."""
        return quote(value, safe="")


def configure(app: Flask) -> None:
    """Know segments in the rules of the app, and keep what they need of the path."""
    app.url_map.converters["segment"] = Segment
    app.wsgi_app = keeping(app.wsgi_app)  # type: ignore[assignment,method-assign]


def keeping(wsgi: Wsgi) -> Wsgi:
    """Return a WSGI application that sees encoded slashes and percent signs as such in `PATH_INFO`."""

    def kept(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raw = environ.get("RAW_URI", "").partition("?")[0].encode("latin1")
        if KEPT.search(raw):
            environ["PATH_INFO"] = unquote_to_bytes(KEPT.sub(rb"%25\1", raw)).decode("latin1")
        return wsgi(environ, start_response)

    return kept

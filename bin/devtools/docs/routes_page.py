"""`docs/reference/routes.md`, made from the URL map: `python -m bin.devtools.docs.routes_page`."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from bin.devtools.stack.fresh_keys import fresh_keys
from engine.config.settings import Settings
from web.app import create_app

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "routes.md"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# No server is asked while the app is made: the addresses only have to be well formed.
ADDRESSES = {
    "DATABASE_URL": "postgresql://127.0.0.1/routes",
    "REDIS_URL": "redis://127.0.0.1",
    "TEMPORAL_ADDRESS": "127.0.0.1:7233",
}
_OPENING = """# Which file answers which URL

`python -m bin.devtools.docs.routes_page` writes this page from the app's URL map. A file in
`web/routes` is named like its resource. Three requests wait on the event loop instead of a thread:
`GET /api/sync/events` (`web/realtime/sync_events.py`), `GET /api/sync/pull?wait=…`
(`web/realtime/long_poll.py`) and `GET /api/executions/{execution_id}/events`
(`web/realtime/execution_events.py`).

| method and URL | file:function |
|---|---|
"""


def page() -> str:
    """Return the whole page."""
    app = create_app(Settings.from_env(fresh_keys() | ADDRESSES))
    return _OPENING + "".join(
        f"| `{method} {url}` | `{place}` |\n" for url, method, place in sorted(places(app))
    )


def places(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Yield URL, method and `file:function` of every view of the app."""
    for rule in app.url_map.iter_rules():
        view = inspect.unwrap(app.view_functions[rule.endpoint])
        for method in METHODS:
            if method in (rule.methods or ()):
                yield _url(rule), method, _place(view)


def _url(rule: Rule) -> str:
    return re.sub(r"<(?:[^:<>]+:)?(\w+)>", r"{\1}", rule.rule)


def _place(view: Callable[..., Any]) -> str:
    """Return where a view is defined: our file, or the library's name."""
    path = Path(inspect.getfile(view))
    if path.is_relative_to(ROOT) and ".venv" not in path.parts:
        return f"{path.relative_to(ROOT)}:{view.__name__}"
    return f"{view.__module__}:{view.__qualname__}"


def main() -> int:
    """Write the page."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page())
    print(f"{PAGE.name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())

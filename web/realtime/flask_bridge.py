"""Flask entered from the event loop: each try at a request runs in a thread, and none is held between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import structlog
from flask import Flask, Response, g
from sqlalchemy.orm import Session
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import EnvironBuilder

from engine.accounts import sessions
from engine.contracts import timestamps
from engine.errors import UnauthenticatedError
from engine.sync import notifications
from web.extensions import db
from web.http.authentication import Identity

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
T = TypeVar("T")


def _always(_response: Response) -> bool:
    return True


@dataclass(slots=True)
class Asked:
    """One request: what stands before its route is passed once, the route may be asked several times.

    `kept` is the request's `g` between tries. Every method that needs Flask belongs in a thread.
    """

    app: Flask
    environ: dict[str, Any]
    kept: dict[str, Any] = field(default_factory=dict)
    words: dict[str, Any] = field(default_factory=dict)  # of the log

    @classmethod
    def of(cls, app: Flask, scope: Scope) -> Self:
        """Take the request of an ASGI scope."""
        return cls(app, _environ(app, scope))

    @property
    def identity(self) -> Identity:
        """Return who asks, once they have entered."""
        found: Identity = self.kept["identity"]
        return found

    def enter(self) -> Response | None:
        """Pass all that stands before the route; return the problem when any of it refuses."""
        with self.app.request_context(self.environ):
            try:
                self.app.preprocess_request()
            except Exception as error:  # noqa: BLE001 - Flask's own handlers turn each into its problem
                return self._problem(error)
            self.kept = {name: g.get(name) for name in g}
            self.words = structlog.contextvars.get_contextvars()
            return None

    def answer(self, final: Callable[[Response], bool] = _always) -> tuple[Response, bool]:
        """Ask the route; return its answer and whether that is the final one, good to be sent.

        The session is looked up again: it may have ended while nobody listened for that.
        """
        with self.app.request_context(self.environ):
            self._go_on()
            try:
                if not self._live():
                    raise UnauthenticatedError("session_ended", "The session has ended.")  # noqa: TRY301 - as a route would
                response = self.app.make_response(self.app.dispatch_request())
            except Exception as error:  # noqa: BLE001 - as above
                return self._problem(error), True
            self.kept = {name: g.get(name) for name in g}
            if not final(response):
                return response, False
            return self.app.process_response(response), True

    def refuse(self, error: Exception) -> Response:
        """Return the problem for an error."""
        with self.app.request_context(self.environ):
            self._go_on()
            return self._problem(error)

    def still_in(self) -> bool:
        """Tell whether the session goes on."""
        with self.app.app_context():
            return self._live()

    def news(self, since: str) -> dict[str, Any] | None:
        """Return what others have changed after `since`, from the database."""
        who = self.identity
        with self.app.app_context():
            found = notifications.news(
                db.session(),
                account_id=who.account_id,
                agent_id=who.agent_id,
                since=timestamps.parse(since, "/since"),
            )
            return found.told() if found else None

    def looked(self, look: Callable[[Session], T]) -> T:
        """Look at the database."""
        with self.app.app_context():
            return look(db.session())

    def _live(self) -> bool:
        who = self.identity
        return sessions.is_active(
            db.session(), account_id=who.account_id, session_id=who.session_id
        )

    def _go_on(self) -> None:
        for name, value in self.kept.items():
            setattr(g, name, value)
        structlog.contextvars.bind_contextvars(**self.words)

    def _problem(self, error: Exception) -> Response:
        return self.app.process_response(
            self.app.make_response(self.app.handle_user_exception(error))
        )


async def reply(response: Response, send: Send) -> None:
    """Send an answer whole."""
    headers = headers_of(response)
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.get_data(), "more_body": False})


async def disconnected(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def headers_of(response: Response) -> list[tuple[bytes, bytes]]:
    """Return the headers as ASGI has them."""
    return [(name.lower().encode(), value.encode("latin1")) for name, value in response.headers]


def _environ(app: Flask, scope: Mapping[str, Any]) -> dict[str, Any]:
    """Make the WSGI environment by which Flask knows the request."""
    builder = EnvironBuilder(
        path=scope["path"],
        method=scope["method"],
        query_string=scope["query_string"].decode("latin1"),
    )
    for name, value in scope["headers"]:
        builder.headers.add(name.decode("latin1"), value.decode("latin1"))
    environ = builder.get_environ() | {"REMOTE_ADDR": (scope.get("client") or ("",))[0]}
    if isinstance(app.wsgi_app, ProxyFix):  # what it reads from a proxy's headers, it writes here
        fix = copy(app.wsgi_app)
        fix.app = lambda *_call: ()
        fix(environ, lambda *_start: lambda _data: None)
    return environ

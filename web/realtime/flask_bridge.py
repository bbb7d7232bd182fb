"""Flask bridge: runs parts of a Flask request in threads, without one while a client waits."""

from __future__ import annotations

import io
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import structlog
from flask import Flask, Response, g
from sqlalchemy.orm import Session
from werkzeug.middleware.proxy_fix import ProxyFix

from engine.accounts import sessions
from engine.contracts import timestamps
from engine.errors import UnauthenticatedError
from engine.sync import notifications
from web.extensions import db
from web.http.authentication import Identity
from web.request_threads import CLIENT, RequestThreads, find_client

ENVIRON: dict[str, Any] = {
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    # The server marks the end of chunked bodies; else Werkzeug reads none without a length.
    "wsgi.input_terminated": True,
}
CONNECTION_HEADERS = {b"transfer-encoding", b"upgrade"}
OWN_KEYS = {b"content-length": "CONTENT_LENGTH", b"content-type": "CONTENT_TYPE"}
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
T = TypeVar("T")


def _always(_response: Response) -> bool:
    return True


@dataclass(slots=True)
class BridgedRequest:
    """HTTP request that passes Flask's `before_request` hooks once and calls its route repeatedly.

    `context` holds the attributes of Flask's `g` between the calls. Every method that needs Flask
    belongs in a thread: `run` calls it there.
    """

    app: Flask
    environ: dict[str, Any]
    context: dict[str, Any] = field(default_factory=dict)
    log_context: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_scope(cls, app: Flask, scope: Scope) -> Self:
        """Return the request of an ASGI scope."""
        return cls(app, _make_forwarded_environ(app, scope))

    @property
    def identity(self) -> Identity:
        """Return the identity that `run_hooks` has authenticated."""
        identity: Identity = self.context["identity"]
        return identity

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Run a method of this request in a thread, when its client has a place."""
        identity: Identity | None = self.context.get("identity")
        client = str(identity.account_id) if identity else find_client(self.app, self.environ)
        threads: RequestThreads = self.app.extensions["request_threads"]
        return await threads.run(client, function, *args)

    def run_hooks(self) -> Response | None:
        """Run the hooks before the route; return the problem of one that refuses the request."""
        with self.app.request_context(self.environ):
            try:
                self.app.preprocess_request()
            except Exception as error:  # noqa: BLE001 - Flask's own handlers turn each into its problem
                return self._problem(error)
            self.context = {name: g.get(name) for name in g}
            self.log_context = structlog.contextvars.get_contextvars()
            return None

    def call_route(self, is_final: Callable[[Response], bool] = _always) -> tuple[Response, bool]:
        """Call the route; return its answer and whether that is final and ready to send.

        It checks the session first, which may have ended since the last call.
        """
        with self.app.request_context(self.environ):
            self._restore_context()
            try:
                if not self._has_live_session():
                    raise UnauthenticatedError("session_ended", "The session has ended.")  # noqa: TRY301 - as a route would
                response = self.app.make_response(self.app.dispatch_request())
            except Exception as error:  # noqa: BLE001 - as in run_hooks
                return self._problem(error), True
            self.context = {name: g.get(name) for name in g}
            if not is_final(response):
                return response, False
            return self.app.process_response(response), True

    def make_problem(self, error: Exception) -> Response:
        """Return the problem answer for an error."""
        with self.app.request_context(self.environ):
            self._restore_context()
            return self._problem(error)

    def has_live_session(self) -> bool:
        """Tell whether the session has not ended."""
        with self.app.app_context():
            return self._has_live_session()

    def find_changes(self, since: str) -> dict[str, Any] | None:
        """Return the notification of other agents' changes after `since`, from the database."""
        with self.app.app_context():
            notification = notifications.find_changes(
                db.session(),
                account_id=self.identity.account_id,
                agent_id=self.identity.agent_id,
                since=timestamps.parse(since, "/since"),
            )
            return notification.to_json() if notification else None

    def run_query(self, query: Callable[[Session], T]) -> T:
        """Return the result of a function of a database session."""
        with self.app.app_context():
            return query(db.session())

    def _has_live_session(self) -> bool:
        identity = self.identity
        return sessions.is_active(
            db.session(), account_id=identity.account_id, session_id=identity.session_id
        )

    def _restore_context(self) -> None:
        for name, value in self.context.items():
            setattr(g, name, value)
        structlog.contextvars.bind_contextvars(**self.log_context)

    def _problem(self, error: Exception) -> Response:
        return self.app.process_response(
            self.app.make_response(self.app.handle_user_exception(error))
        )


async def send_response(response: Response, send: Send) -> None:
    """Send a whole answer."""
    headers = asgi_headers(response)
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.get_data(), "more_body": False})


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass


def asgi_headers(response: Response) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer in ASGI's form."""
    return [(name.lower().encode(), value.encode("latin1")) for name, value in response.headers]


def make_environ(scope: Mapping[str, Any], body: bytes = b"") -> dict[str, Any]:
    """Return the WSGI environment of a request with its body (PEP 3333).

    Flask's threads and the event loop share it, so that no header means more to one of them.
    A header with an underscore is dropped: `X_Forwarded_For` would pass for the proxy's
    `X-Forwarded-For`. Headers of the connection are dropped too: a body has its length, and Flask
    would refuse to answer a request that offers an upgrade. Nothing is cached by names or values,
    which are the client's.
    """
    client, server = scope.get("client") or ("", 0), scope.get("server") or ("localhost", 80)
    environ = ENVIRON | {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": scope["path"].encode().decode("latin1"),
        "RAW_URI": (scope.get("raw_path") or scope["path"].encode()).decode("latin1"),
        "QUERY_STRING": scope["query_string"].decode("latin1"),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.errors": sys.stderr,
        "wsgi.input": io.BytesIO(body),
        CLIENT: scope.get("state", {}).get(CLIENT),
    }
    values: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        if b"_" not in name and name not in CONNECTION_HEADERS:
            values.setdefault(_key(name), []).append(value.decode("latin1"))
    environ |= {key: ",".join(texts) for key, texts in values.items()}
    return environ | ({"CONTENT_LENGTH": str(len(body))} if body else {})


def _make_forwarded_environ(app: Flask, scope: Mapping[str, Any]) -> dict[str, Any]:
    """Return the WSGI environment of an ASGI request, after the proxies' headers are applied."""
    environ = make_environ(scope)
    if isinstance(app.wsgi_app, ProxyFix):  # it writes a proxy's headers to the environment
        fix = copy(app.wsgi_app)
        fix.app = lambda *_call: ()
        fix(environ, lambda *_start: lambda _data: None)
    return environ


def _key(name: bytes) -> str:
    return OWN_KEYS.get(name) or "HTTP_" + name.decode("latin1").upper().replace("-", "_")

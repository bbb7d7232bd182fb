"""The door to a live stream: the same guard, limits and problems as every route's, entered from a thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from flask import Flask, Response, request
from werkzeug.test import EnvironBuilder

from engine import sessions
from engine.sync import feed, notices, stamp
from web import guard
from web.extensions import db
from web.problems import LimitedError, of_engine

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who opened a stream, up to which stamp they have heard, and when their token expires."""

    account_id: UUID
    session_id: UUID
    agent_id: str
    expires_at: int
    since: str
    headers: list[tuple[bytes, bytes]]  # of the answer, made by all that stands behind the Flask route


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """A problem instead of a stream."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response

    @classmethod
    def too_many_streams(cls, app: Flask, most: int) -> Self:
        """Refuse one stream more than an account may have."""
        with app.app_context():
            detail = f"An account may have {most} live streams open."
            return cls(of_engine(LimitedError(detail, retry_seconds=30)))

    async def send(self, send: Send) -> None:
        """Send the problem."""
        start = {
            "type": "http.response.start",
            "status": self.response.status_code,
            "headers": _headers(self.response),
        }
        await send(start)
        await send({"type": "http.response.body", "body": self.response.get_data(), "more_body": False})


def admit(app: Flask, scope: Mapping[str, Any]) -> Visitor:
    """Return who asks for a stream, having passed all that stands before the Flask route of the path.

    :raises Refused: when any of it refuses.
    """
    with app.request_context(_environ(scope)):
        try:
            app.preprocess_request()
            who, since = guard.identity(), _since()
            answer = app.process_response(Response(content_type="text/event-stream; charset=utf-8"))
            return Visitor(
                who.account_id, who.session_id, who.agent_id, who.expires_at, since, _headers(answer)
            )
        except Exception as error:  # noqa: BLE001 - Flask's own handlers turn each into its problem
            response = app.make_response(app.handle_user_exception(error))
            raise Refused(app.process_response(response)) from None


def still_in(app: Flask, visitor: Visitor) -> bool:
    """Tell whether the visitor's session goes on."""
    with app.app_context():
        return sessions.live(db.session(), account_id=visitor.account_id, session_id=visitor.session_id)


def compare(app: Flask, visitor: Visitor, since: str) -> dict[str, object] | None:
    """Return what others have changed after `since`, from the database."""
    with app.app_context():
        news = notices.news(
            db.session(),
            account_id=visitor.account_id,
            agent_id=visitor.agent_id,
            since=stamp.parse(since, "/since"),
        )
        return news.told() if news else None


def _since() -> str:
    named = request.headers.get("Last-Event-ID") or request.args.get("since")
    if named:
        return stamp.text(stamp.parse(named, "/since"))
    return stamp.text(feed.head(db.session(), guard.identity().account_id))


def _headers(response: Response) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin1")) for name, value in response.headers]


def _environ(scope: Mapping[str, Any]) -> dict[str, Any]:
    """Make the WSGI environment by which Flask knows the request."""
    builder = EnvironBuilder(
        path=scope["path"], method=scope["method"], query_string=scope["query_string"].decode("latin1")
    )
    for name, value in scope["headers"]:
        builder.headers.add(name.decode("latin1"), value.decode("latin1"))
    return builder.get_environ() | {"REMOTE_ADDR": (scope.get("client") or ("",))[0]}

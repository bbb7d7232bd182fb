"""The forms in which events come over HTTP, and what is refused."""

import json
from functools import partial
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

from bin.devtools.stack.client import Client
from tests.support.waiting import until
from tests.support.web.events import (
    BATCH,
    ONE,
    event,
    listener,
    listening,
    publish,
    start_listener,
    wait_for_result,
)

pytestmark = pytest.mark.platform


def test_an_event_may_be_sealed_and_then_only_the_engine_reads_it(
    laptop: Client, sessions: sessionmaker[Session]
) -> None:
    waiting = start_listener(laptop, listener("secret"))
    until(lambda: listening(sessions, waiting))
    sealed = laptop.seal(json.dumps(event("secret", "psst")).encode())
    assert publish(laptop, sealed).status_code == 202
    assert wait_for_result(laptop, waiting) == ["psst"]


def test_a_sealed_event_that_is_none_reaches_nobody_and_holds_nothing_up(
    laptop: Client, sessions: sessionmaker[Session]
) -> None:
    waiting = start_listener(laptop, listener("real"))
    until(lambda: listening(sessions, waiting))
    body = [laptop.seal(b"no event"), laptop.seal(b'{"type": "real"}'), event("real", 1)]
    assert publish(laptop, body, kind=BATCH).json() == {"accepted": 3}
    assert wait_for_result(laptop, waiting) == [1]


def test_events_come_in_binary_mode(laptop: Client, sessions: sessionmaker[Session]) -> None:
    forms: list[tuple[str, bytes, dict[str, Any]]] = [
        (
            "application/json",
            b'{"n": 1}',
            {"data": {"n": 1}, "datacontenttype": "application/json"},
        ),
        ("text/plain", "é".encode(), {"data": "é", "datacontenttype": "text/plain"}),
        ("image/png", b"\0\1", {"data_base64": "AAE=", "datacontenttype": "image/png"}),
        ("", b"", {}),
    ]
    for media, data, seen in forms:
        waiting = start_listener(laptop, listener("binary", read="envelope"))
        until(partial(listening, sessions, waiting))
        attributes = {"specversion": "1.0", "id": "a%20b", "source": "/s", "type": "binary"}
        headers = {f"ce-{name}": value for name, value in attributes.items()}
        if media:
            headers["Content-Type"] = media
        answer = laptop.http.post("/api/events", content=data, headers=headers)
        assert answer.status_code == 202, answer.text
        assert wait_for_result(laptop, waiting) == [attributes | {"id": "a b"} | seen]


FINE = event("t")
WRONG: list[tuple[Any, str]] = [
    (7, ""),
    ("no JWE", ""),
    ({name: FINE[name] for name in FINE if name != "id"}, "/id"),
    (FINE | {"specversion": "0.3"}, "/specversion"),
    (FINE | {"source": ""}, "/source"),
    (FINE | {"source": "a b"}, "/source"),
    (FINE | {"type": 7}, "/type"),
    (FINE | {"time": "yesterday"}, "/time"),
    (FINE | {"Upper": "x"}, "/Upper"),
    (FINE | {"extension": {"a": 1}}, "/extension"),
    (FINE | {"subject": None}, "/subject"),
    (FINE | {"data_base64": "AAE="}, "/data_base64"),
    ({name: FINE[name] for name in FINE if name != "data"} | {"data_base64": "?"}, "/data_base64"),
    (FINE | {"data": "\ud800"}, ""),
]


@pytest.mark.parametrize(("body", "pointer"), WRONG, ids=[f"{n}" for n in range(len(WRONG))])
def test_what_is_no_event_is_refused_with_the_place(
    laptop: Client, body: Any, pointer: str
) -> None:
    answer = publish(laptop, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "event_invalid")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    batch = publish(laptop, [FINE, body], kind="application/json")
    assert [fault["pointer"] for fault in batch.json()["errors"]] == [f"/1{pointer}"]


def test_too_many_too_large_and_of_another_type_are_refused(laptop: Client) -> None:
    assert publish(laptop, [FINE] * 101, kind=BATCH).json()["code"] == "events_too_many"
    assert publish(laptop, event("t", "x" * 262_144)).json()["code"] == "event_too_large"
    assert publish(laptop, FINE, kind="application/xml").status_code == 415
    assert publish(laptop, FINE, kind=BATCH).status_code == 422
    assert (
        laptop.http.post("/api/events", content=b"{", headers={"Content-Type": ONE}).status_code
        == 400
    )
    assert publish(laptop, [], kind=BATCH).json() == {"accepted": 0}

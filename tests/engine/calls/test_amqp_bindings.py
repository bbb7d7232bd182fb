"""AMQP bindings: addresses of channels, and properties of messages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.calls.asyncapi import amqp_bindings
from engine.calls.asyncapi.document import find_route
from tests.support.queues import CALL, to

pytestmark = pytest.mark.unit


NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    ("base", "channel", "expectation"),
    [
        ("", {}, "/"),
        ("/%2f", {}, "/"),
        ("/a%2Fb", {}, "a/b"),
        ("/production", {"queue": {"vhost": "other"}}, "production"),
        ("", {"exchange": {"vhost": "other"}}, "other"),
    ],
)
def test_the_virtual_host_is_the_path_or_what_the_binding_says(
    base: str, channel: dict[str, Any], expectation: str
) -> None:
    assert amqp_bindings.vhost(replace(to("work"), base=base, channel=channel)) == expectation


@pytest.mark.parametrize(
    ("channel", "expectation"),
    [
        ({}, ("", "work", "work")),
        ({"exchange": {"name": "amq.default"}}, ("", "work", "work")),
        ({"exchange": {"name": "x", "type": "default"}}, ("", "work", "work")),
        ({"exchange": {"name": "x"}, "queue": {"name": "q"}}, ("x", "work", None)),
        ({"is": "queue", "queue": {"name": "q"}, "exchange": {"name": "x"}}, ("", "q", "q")),
        ({"is": "queue"}, ("", "work", "work")),
    ],
)
def test_a_channel_is_a_queue_or_a_key_of_an_exchange(
    channel: dict[str, Any], expectation: tuple[str, str, str | None]
) -> None:
    place = amqp_bindings.resolve_address(replace(to("work"), channel=channel))
    assert (place.exchange, place.key, place.queue) == expectation


def test_a_channel_of_an_earlier_document_is_found_by_its_name() -> None:
    document = {
        "asyncapi": "2.6.0",
        "servers": {"main": {"url": "amqps://queues.example.org/production", "protocol": "amqps"}},
        "channels": {
            "jobs": {"bindings": {"amqp": {"is": "queue"}}, "publish": {"operationId": "work"}}
        },
    }
    call = replace(CALL, operation=None, channel="jobs", message={"payload": 1})
    route = find_route(document, call)
    place = amqp_bindings.resolve_address(route)
    assert (route.tls, route.port, place.queue) == (True, 5671, "jobs")
    assert amqp_bindings.vhost(route) == "production"


def test_what_goes_beside_a_payload_is_what_the_bindings_say() -> None:
    bindings = {
        "cc": ["a"],
        "bcc": ["b"],
        "priority": 5,
        "expiration": 10,
        "timestamp": True,
        "userId": "ada",
    }
    expectation = amqp_bindings.properties(
        replace(to("work"), bindings=bindings), {"half": 0.5, "none": None}, "text/plain", "c", NOW
    )
    assert expectation.headers == {"half": "0.5", "none": None, "CC": ["a"], "BCC": ["b"]}
    assert (
        expectation.priority,
        expectation.expiration,
        expectation.timestamp,
        expectation.user_id,
    ) == (
        5,
        "10",
        NOW,
        "ada",
    )
    assert (expectation.content_type, expectation.correlation_id, expectation.message_type) == (
        "text/plain",
        "c",
        "note",
    )
    assert expectation.delivery_mode == amqp_bindings.PERSISTENT


def test_headers_are_shown_as_json_has_them() -> None:
    table = {
        "at": NOW,
        "bytes": bytearray(b"a\xff"),
        "list": [1, {"deep": 0.5}],
        "yes": True,
        "none": None,
    }
    assert amqp_bindings.headers_to_json(table) == {
        "at": "2026-11-25T00:00:00+00:00",
        "bytes": "a\ufffd",
        "list": [1, {"deep": "0.5"}],
        "yes": True,
        "none": None,
    }

"""Channels that the API refuses."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from engine.notifications.web_push import encode_base64url
from tests.support.web.channels import DOOR, URL, change, keys, register, subscription_body
from tests.support.web.people import Make, Person

pytestmark = pytest.mark.stack


def test_without_keys_channels_are_refused_by_name_and_nothing_else_is(
    make: Make, person: Person
) -> None:
    no_push = make(VAPID_PUBLIC_KEYS="").test_client()
    refused = register(no_push, person.headers, subscription_body())
    assert (refused.status_code, refused.get_json()["code"]) == (409, "web_push_off")
    assert no_push.get(f"{DOOR}/vapid", headers=person.headers).get_json() == {"publicKey": None}
    made = register(no_push, person.headers)
    assert made.status_code == 201
    nothing = make(CHANNEL_KEYS="").test_client()
    channel_id = made.get_json()["channel"]["id"]
    answers = [
        register(nothing, person.headers, {"kind": "webhook", "url": "https://other.example.org/"}),
        change(nothing, person.headers, channel_id, rotateSecret=True),
    ]
    assert [(one.status_code, one.get_json()["code"]) for one in answers] == [
        (409, "channels_off")
    ] * 2
    assert nothing.get("/api/sync/pull", headers=person.headers).status_code == 200


REFUSED_URLS = [
    "http://hooks.example.org/",
    "https://169.254.169.254/latest/meta-data",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://localhost/",
    "https://hooks.example.org:8443/",
    "https://me:secret@hooks.example.org/",
    "https://hooks.example.org/#part",
    "https://hooks.example.org\n/",
    "https://hooks.example.org/\n",
    "ftp://hooks.example.org/",
    "//hooks.example.org/",
    "https://" + "a" * 64 + ".org/",
    "https://hooks.example.org/" + "a" * 2000,
    "",
]


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_an_address_that_is_no_public_name_under_https_is_refused(
    client: FlaskClient, person: Person, url: str
) -> None:
    for body, pointer in (
        ({"kind": "webhook", "url": url}, "/url"),
        (subscription_body(endpoint=url), "/subscription/endpoint"),
    ):
        answer = register(client, person.headers, body)
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.get_json()["errors"]] == [pointer]
    assert client.get(DOOR, headers=person.headers).get_json()["channels"] == []


def test_a_host_that_is_opened_may_have_any_port_and_no_tls(make: Make, person: Person) -> None:
    opened = make(EGRESS_ALLOW="127.0.0.1:8123").test_client()
    made = register(opened, person.headers, {"kind": "webhook", "url": "http://127.0.0.1:8123/x"})
    assert made.status_code == 201
    other = register(opened, person.headers, {"kind": "webhook", "url": "http://127.0.0.1:8124/x"})
    assert other.status_code == 422


BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    ({"kind": "webhook"}, "/url"),
    ({"kind": "webPush"}, "/subscription"),
    ({"kind": "mail", "url": URL}, "/kind"),
    ({"url": URL}, "/kind"),
    ({"kind": "webhook", "url": URL, "secret": "mine"}, "/secret"),
    (
        {"kind": "webhook", "url": URL, "subscription": subscription_body()["subscription"]},
        "/subscription",
    ),
    (subscription_body() | {"url": URL}, "/url"),
    (
        subscription_body(keys=keys() | {"p256dh": encode_base64url(b"\4" + b"1" * 64)}),
        "/subscription/keys/p256dh",
    ),
    (subscription_body(keys=keys() | {"p256dh": "A" * 87}), "/subscription/keys/p256dh"),
    (subscription_body(keys=keys() | {"auth": "A" * 24}), "/subscription/keys/auth"),
    (subscription_body(keys=keys() | {"auth": "!" * 22}), "/subscription/keys/auth"),
    (subscription_body(keys={"auth": "A" * 22}), "/subscription/keys/p256dh"),
    (subscription_body(expirationTime="soon"), "/subscription/expirationTime"),
]


@pytest.mark.parametrize(("body", "pointer"), BAD_BODIES)
def test_what_is_no_channel_is_refused_by_its_pointer(
    client: FlaskClient, person: Person, body: dict[str, Any], pointer: str
) -> None:
    answer = register(client, person.headers, body)
    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.get_json()["errors"]]

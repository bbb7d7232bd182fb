"""Passkeys that the API refuses, without a browser."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.web.people import Make, Person

pytestmark = pytest.mark.stack


@pytest.fixture
def keyed(make: Make) -> Flask:
    """An app that knows whom passkeys are for."""
    return make(PASSKEY_ORIGINS="https://app.example.org")


def test_where_no_page_may_ask_for_them_they_are_off(client: FlaskClient, person: Person) -> None:
    answer = client.post("/api/auth/mfa/passkeys", headers=person.headers)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "passkeys_off")


def test_the_offer_names_the_pages_host_and_a_challenge_of_its_own(
    keyed: Flask, person: Person
) -> None:
    offers = [
        keyed.test_client().post("/api/auth/mfa/passkeys", headers=person.headers).get_json()
        for _ in range(2)
    ]
    assert offers[0]["rp"]["id"] == "app.example.org"
    assert offers[0]["challenge"] != offers[1]["challenge"]


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"id": "AAAA"},
        {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {}},
        {"id": 1, "rawId": [], "type": None, "response": "x"},
        {
            "id": "AAAA",
            "rawId": "AAAA",
            "type": "public-key",
            "response": {"clientDataJSON": "e30", "attestationObject": "oA"},
        },
        {
            "id": "AAAA",
            "rawId": "AAAA",
            "type": "public-key",
            "response": {"clientDataJSON": "____", "attestationObject": "____"},
        },
    ],
)
@pytest.mark.parametrize("offered", [True, False])
def test_what_is_no_credential_is_refused(
    keyed: Flask, person: Person, credential: dict[str, Any], offered: bool
) -> None:
    client = keyed.test_client()
    if offered:
        assert client.post("/api/auth/mfa/passkeys", headers=person.headers).status_code == 200
    answer = client.post(
        "/api/auth/mfa/passkeys/confirm", json={"credential": credential}, headers=person.headers
    )
    assert (answer.status_code, answer.get_json()["code"]) == (403, "credential_invalid")


def test_an_account_without_a_passkey_has_none_to_show(keyed: Flask, person: Person) -> None:
    answer = keyed.test_client().post("/api/auth/mfa/challenge", headers=person.headers)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "passkeys_none")

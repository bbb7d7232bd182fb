"""Access tokens that this platform did not issue are refused with a challenge."""

import base64
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from engine.errors import UnauthenticatedError
from tests.support.web.people import Make, Person
from web.http import access_tokens

pytestmark = pytest.mark.stack


def token(header: str, claims: str) -> str:
    return ".".join(
        base64.urlsafe_b64encode(part.encode()).decode().rstrip("=")
        for part in (header, claims, "x")
    )


KNOWN = '{"alg":"EdDSA","typ":"at+jwt"}'
DEEP = "[" * 20_000
FORGED = {
    "a header nested too deeply": token('{"alg":"EdDSA","typ":"at+jwt","kid":' + DEEP, "{}"),
    "claims nested too deeply": token(KNOWN, DEEP),
    "no algorithm": token('{"alg":"none","typ":"at+jwt"}', '{"sub":"x","type":"access"}'),
    "an unknown key": token('{"alg":"EdDSA","typ":"at+jwt","kid":"?"}', '{"type":"access"}'),
    "a key of no name": token('{"alg":"EdDSA","typ":"at+jwt","kid":{}}', '{"type":"access"}'),
    "a header that is a list": token("[]", "{}"),
    "claims that are a list": token(KNOWN, "[]"),
    "no parts": "nonsense",
    "letters beyond ASCII": "é.é.é",
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_what_is_no_access_token_of_ours_is_challenged(client: FlaskClient, forged: str) -> None:
    headers = {"Authorization": f"Bearer {forged}", "X-Agent-ID": "laptop"}
    answer = client.get("/api/sync/pull", headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "token_invalid")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_refresh_token_opens_no_route(client: FlaskClient, person: Person) -> None:
    headers = person.headers | {"Authorization": f"Bearer {person.answer['refreshToken']}"}
    assert client.get("/api/sync/pull", headers=headers).status_code == 401


def test_a_token_that_was_verified_is_refused_once_it_has_expired(
    app: Flask, person: Person
) -> None:
    token = person.answer["accessToken"]
    now = datetime.now(UTC)
    with app.app_context():
        expires_at = access_tokens.verify(token, now=now).expires_at
        assert access_tokens.verify(token, now=now).expires_at == expires_at
        with pytest.raises(UnauthenticatedError):
            access_tokens.verify(token, now=datetime.fromtimestamp(expires_at, UTC))


def test_a_session_that_ended_is_felt_though_its_token_was_verified(
    client: FlaskClient, person: Person
) -> None:
    assert client.get("/api/auth/me", headers=person.headers).status_code == 200
    assert client.post("/api/auth/logout", headers=person.headers).status_code == 204
    answer = client.get("/api/auth/me", headers=person.headers)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "session_ended")


def test_what_tokens_said_is_kept_for_so_many_and_no_more(
    make: Make, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_tokens, "CACHE_SIZE", 1)
    client = make().test_client()
    refreshed = client.post(
        "/api/auth/refresh", json={"refreshToken": person.answer["refreshToken"]}
    )
    other = person.headers | {"Authorization": f"Bearer {refreshed.get_json()['accessToken']}"}
    for headers in (person.headers, other, person.headers):
        assert client.get("/api/auth/me", headers=headers).status_code == 200

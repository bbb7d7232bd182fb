"""What is no access token of ours is challenged, whatever it is made of."""

import base64

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import Person


def token(header: str, claims: str) -> str:
    return ".".join(
        base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in (header, claims, "x")
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

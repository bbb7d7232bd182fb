"""Access tokens: requested with a key, cached for one execution, removed when refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc import jwt

from bin.devtools.fakes import oauth
from bin.devtools.fakes.https_server import HOSTS, fake_server
from engine.calls.errors import CredentialsError
from engine.calls.oauth import TokenCache
from engine.egress.guard import Egress, EgressError, EgressRequest

pytestmark = pytest.mark.unit


REALM = f"https://{oauth.HOST}/realm"
POLICY = {
    "authority": REALM,
    "grant": "client_credentials",
    "client": {"id": oauth.CLIENT, "secret": oauth.SECRET},
}


@pytest.fixture
def egress() -> Iterator[Egress]:
    with fake_server() as server:
        yield Egress(allow=",".join(HOSTS), resolver=server.resolve, ssl_context=server.ssl_context)


async def obtain(
    tokens: TokenCache, policy: dict[str, Any] = POLICY, execution: str = "one"
) -> str:
    return await tokens.obtain("oauth2", policy, execution=execution, seconds=10)


async def protected(egress: Egress, token: str) -> int:
    headers = {"authorization": f"Bearer {token}"}
    return (
        await egress.send(EgressRequest("GET", f"https://{oauth.HOST}/protected", headers, {}))
    ).status


def assertion(**changes: Any) -> str:
    claims = {
        "iss": oauth.CLIENT,
        "sub": oauth.CLIENT,
        "aud": f"{REALM}/oauth2/token",
        "exp": int(time.time()) + 60,
    }
    return jwt.encode({"alg": "ES256"}, claims | changes, oauth.CLIENT_KEY, algorithms=["ES256"])


async def test_an_assertion_signed_by_the_clients_key_is_sent_as_it_is(egress: Egress) -> None:
    client = {"id": oauth.CLIENT, "authentication": "private_key_jwt", "assertion": assertion()}
    token = await obtain(TokenCache(egress), POLICY | {"client": client})
    assert await protected(egress, token) == 200


async def test_an_assertion_for_another_endpoint_gets_no_token(egress: Egress) -> None:
    wrong = assertion(aud="https://other.example.org")
    client = {"id": oauth.CLIENT, "authentication": "private_key_jwt", "assertion": wrong}
    with pytest.raises(CredentialsError, match="answered 401"):
        await obtain(TokenCache(egress), POLICY | {"client": client})


async def test_a_token_is_tokens_for_its_execution_and_its_policy_alone(egress: Egress) -> None:
    tokens = TokenCache(egress)
    first = await obtain(tokens, POLICY | {"scopes": ["a"]})
    uris: list[str] = []
    send = egress.send

    async def count(outgoing: EgressRequest) -> Any:
        uris.append(outgoing.uri)
        return await send(outgoing)

    egress.send = count  # type: ignore[method-assign]
    assert await obtain(tokens, POLICY | {"scopes": ["a"]}) == first
    assert uris == []
    await obtain(tokens, POLICY | {"scopes": ["b"]})
    await obtain(tokens, POLICY | {"scopes": ["a"]}, execution="two")
    assert len(uris) == 2


async def test_a_token_that_was_refused_is_asked_for_anew(egress: Egress) -> None:
    tokens = TokenCache(egress)
    token = await obtain(tokens)
    tokens.forget(token)
    assert await protected(egress, await obtain(tokens)) == 200
    assert len(tokens._tokens) == 1  # noqa: SLF001 - nothing else shows that the first is gone


async def test_an_authority_is_reached_through_the_guard() -> None:
    with pytest.raises(EgressError, match="public internet"):
        await obtain(TokenCache(Egress()), POLICY | {"authority": "http://127.0.0.1"})

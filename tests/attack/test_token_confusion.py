"""Every kind of token on every kind of route: each is valid on its own routes alone."""

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_encode
from uuid_utils.compat import uuid7

from tests.support.attack import login, protect, register
from tests.support.platform import Platform

pytestmark = pytest.mark.platform


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "X-Agent-ID": "laptop"}


def stream(http: httpx2.Client, token: str) -> httpx2.Response:
    """Knock at the live stream, and read no further than its first bytes."""
    with http.stream("GET", "/api/sync/events", headers=bearing(token)) as response:
        if response.is_success:
            next(response.iter_bytes())
    return response


DOORS: dict[str, Callable[[httpx2.Client, str], httpx2.Response]] = {
    "data": lambda http, token: http.get("/api/sync/pull", headers=bearing(token)),
    "account": lambda http, token: http.get("/api/auth/me", headers=bearing(token)),
    "enrolment": lambda http, token: http.post("/api/auth/mfa/totp", headers=bearing(token)),
    "second factor": lambda http, token: http.get("/api/auth/mfa", headers=bearing(token)),
    "live stream": stream,
    "refresh": lambda http, token: http.post("/api/auth/refresh", json={"refreshToken": token}),
}


# What each kind opens. Enrolment with a full token of an account with a factor is a fresh one here.
OPENS = {
    "access": {"data", "account", "enrolment", "second factor", "live stream"},
    "pending access": {"second factor"},
    "refresh": {"refresh"},
    "pending refresh": set[str](),
}


@pytest.fixture(scope="module")
def tokens(platform: Platform) -> dict[str, str]:
    """One token of every kind that the platform hands out, and what can be made of them."""
    with httpx2.Client(base_url=platform.api_url, timeout=40) as http:
        full, mfa_account = register(http), register(http)
        protect(http, mfa_account)
        pending = login(http, mfa_account)
        keys = http.get("/.well-known/jwks.json").json()["keys"]
    access = full.answer["accessToken"]
    return {
        "access": access,
        "refresh": full.answer["refreshToken"],
        "pending access": pending["accessToken"],
        "pending refresh": pending["refreshToken"],
        **forge_tokens(access, next(key for key in keys if key["use"] == "sig")),
    }


def forge_tokens(token: str, public: dict[str, Any]) -> dict[str, str]:
    """Return tokens with valid claims and the signatures of attackers (RFC 8725 section 2)."""
    claims = jwt.decode(token, options={"verify_signature": False})
    header = jwt.get_unverified_header(token)
    own = Ed25519PrivateKey.generate()
    raw = own.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    own_jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url_encode(raw).decode()}
    public_bytes = base64.urlsafe_b64decode(public["x"] + "=")
    head, body, seal = token.split(".")

    def sign(**changes: Any) -> str:
        """Sign the claims with the attacker's own key, under a header with further members."""
        text = f"{part(header | changes)}.{body}"
        return f"{text}.{base64url_encode(own.sign(text.encode())).decode()}"

    return {
        "unsigned": f"{part(header | {'alg': 'none'})}.{body}.",
        "without a signature": f"{head}.{body}.",
        "of another's key": sign(),
        "with a key of its own": sign(jwk=own_jwk),
        "with a key's address": sign(jku="http://127.0.0.1:1/keys"),
        "of a critical extension": sign(crit=["x"], x=1),
        "a path for a key": sign(kid="../../dev/null"),
        "a list for a key": sign(kid=["x"]),
        "HMAC under the public key": jwt.encode(
            claims, public_bytes, algorithm="HS256", headers=header | {"alg": "HS256"}
        ),
        "for another account": f"{head}.{replace_claims(body, sub=str(uuid7()))}.{seal}",
        "for ever": f"{head}.{replace_claims(body, exp=4102444800)}.{seal}",
    }


def part(members: dict[str, Any]) -> str:
    return base64url_encode(json.dumps(members).encode()).decode()


def replace_claims(body: str, **changes: Any) -> str:
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return part(claims | changes)


KINDS = [
    *OPENS,
    "unsigned",
    "without a signature",
    "of another's key",
    "with a key of its own",
    "with a key's address",
    "HMAC under the public key",
    "for another account",
    "for ever",
    "of a critical extension",
    "a path for a key",
    "a list for a key",
]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_token_opens_its_own_doors_alone(
    http: httpx2.Client, tokens: dict[str, str], kind: str, door: str
) -> None:
    answer = DOORS[door](http, tokens[kind])
    if door in OPENS.get(kind, set()):
        assert answer.is_success, answer.text
        return
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_every_kind_was_tried(tokens: dict[str, str]) -> None:
    assert set(tokens) == set(KINDS)

"""An authorization server and what it protects, for the stand-in: nothing without proof."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey
from joserfc.jwt import JWTClaimsRegistry

HOST = "auth.example.org"
ISSUER = f"https://{HOST}/realm"
CLIENT, SECRET = "robot", "a secret of a robot: 32 characters"
PERSON, PASSWORD = "ada", "correct horse"
SHOWN = {"code": "a-code", "refresh_token": "a-refresh-token", "subject_token": "a-subject"}
CLIENT_KEY = ECKey.generate_key("P-256")  # of who authenticates by private_key_jwt
_DISCOVERED = {
    "/realm/.well-known/openid-configuration": {
        "issuer": ISSUER,
        "token_endpoint": f"{ISSUER}/connect/token",
    },
    "/inside/.well-known/openid-configuration": {"token_endpoint": "http://169.254.169.254/token"},
}
_KEY = OctKey.generate_key(256)
_NONCE = "a-nonce"

Answered = tuple[int, dict[str, str], Any]


def answered(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answered | None:
    """Answer a request to the server; nothing when it has no such path."""
    if path in _DISCOVERED:
        return 200, {}, _DISCOVERED[path]
    if path.startswith("/faulty/"):
        return _faulty(path.removeprefix("/faulty/"))
    if method == "POST" and path in (
        "/realm/oauth2/token",
        "/realm/auth/token",
        "/realm/connect/token",
    ):
        return _token(path, headers, body)
    if path == "/protected":
        return _protected(headers.get("authorization", ""))
    if path == "/digest":
        return _digest(method, path, headers.get("authorization", ""))
    return None


def _faulty(path: str) -> Answered:
    """Answer as no authority should."""
    if path == "slow":
        time.sleep(1)
    answers: dict[str, Answered] = {
        "nonsense": (200, {}, "<html>hello</html>"),
        "empty": (200, {}, {"token_type": "Bearer"}),
        "broken": (500, {}, {}),
        "elsewhere": (302, {"Location": f"{ISSUER}/oauth2/token"}, {}),
    }
    return answers.get(path, (200, {}, {}))


def _token(path: str, headers: Mapping[str, str], body: bytes) -> Answered:
    if headers.get("content-type") == "application/json":
        given: dict[str, Any] = json.loads(body)
    else:
        given = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    way = _client(path, headers, given)
    grant = given.get("grant_type")
    if way is None:
        return 401, {}, {"error": "invalid_client"}
    if grant == "password" and (given.get("username"), given.get("password")) != (PERSON, PASSWORD):
        return 400, {}, {"error": "invalid_grant"}
    for name in SHOWN.keys() & given.keys():
        if given[name] != SHOWN[name]:
            return 400, {}, {"error": "invalid_grant"}
    needs = {"authorization_code": "code", "refresh_token": "refresh_token"}.get(str(grant))
    if (needs and needs not in given) or (
        "token-exchange" in str(grant) and "subject_token" not in given
    ):
        return 400, {}, {"error": "invalid_request"}
    claims = {"iss": ISSUER, "grant": grant, "client": way, "at": path.removeprefix("/realm")}
    claims |= {name: given[name] for name in ("scope", "audience", "actor_token") if name in given}
    token = jwt.encode({"alg": "HS256"}, claims, _KEY)
    return 200, {}, {"access_token": token, "token_type": "Bearer", "expires_in": 300}


def _client(path: str, headers: Mapping[str, str], given: Mapping[str, Any]) -> str | None:
    """Return how a client proved who it is, or nothing."""
    if headers.get("authorization", "").startswith("Basic "):
        pair = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode().split(":")
        return (
            "client_secret_basic"
            if [unquote_plus(part) for part in pair] == [CLIENT, SECRET]
            else None
        )
    if assertion := given.get("client_assertion"):
        rules = JWTClaimsRegistry(
            iss={"essential": True, "value": CLIENT},
            sub={"essential": True, "value": CLIENT},
            aud={"essential": True, "value": f"https://{HOST}{path}"},
            exp={"essential": True},
        )
        for way, key, algorithm in (
            ("client_secret_jwt", OctKey.import_key(SECRET), "HS256"),
            ("private_key_jwt", CLIENT_KEY, "ES256"),
        ):
            try:
                rules.validate(jwt.decode(assertion, key, algorithms=[algorithm]).claims)
            except (JoseError, ValueError):
                continue
            return way
        return None
    if "client_secret" in given:
        right = (given.get("client_id"), given["client_secret"]) == (CLIENT, SECRET)
        return "client_secret_post" if right else None
    return "none" if given.get("client_id") == "public" else None


def _protected(authorization: str) -> Answered:
    scheme, _, token = authorization.partition(" ")
    try:
        claims = jwt.decode(token, _KEY, algorithms=["HS256"]).claims
    except (JoseError, ValueError):
        return 401, {"WWW-Authenticate": "Bearer"}, {}
    return (200, {}, claims) if scheme == "Bearer" else (401, {}, {})


def _digest(method: str, path: str, authorization: str) -> Answered:
    """Verify a response to our challenge (RFC 7616 section 3.4.1, SHA-256, qop auth)."""
    given = {
        name: bare or quoted
        for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', authorization)
    }

    def digest(*parts: str) -> str:
        return hashlib.sha256(":".join(parts).encode()).hexdigest()

    if given.get("nonce") == _NONCE:
        proof = [_NONCE, given["nc"], given["cnonce"], given["qop"]]
        wanted = digest(digest(PERSON, "realm", PASSWORD), *proof, digest(method, path))
        if given["response"] == wanted:
            return 200, {}, {"who": given["username"], "at": int(time.time()) > 0}
    challenge = f'Digest realm="realm", nonce="{_NONCE}", qop="auth", algorithm=SHA-256'
    return 401, {"WWW-Authenticate": challenge}, {}

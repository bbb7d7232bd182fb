"""Authorization server and protected resources of the fake server."""

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
USERNAME, PASSWORD = "ada", "correct horse"
GRANT_CREDENTIALS = {
    "code": "a-code",
    "refresh_token": "a-refresh-token",
    "subject_token": "a-subject",
}
CLIENT_KEY = ECKey.generate_key("P-256")  # of clients that use private_key_jwt
_DISCOVERY_DOCUMENTS = {
    "/realm/.well-known/openid-configuration": {
        "issuer": ISSUER,
        "token_endpoint": f"{ISSUER}/connect/token",
    },
    "/inside/.well-known/openid-configuration": {"token_endpoint": "http://169.254.169.254/token"},
}
_KEY = OctKey.generate_key(256)
_NONCE = "a-nonce"

Answer = tuple[int, dict[str, str], Any]


def answer(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
    """Return the answer to a request, or None for a path of another service."""
    if path in _DISCOVERY_DOCUMENTS:
        return 200, {}, _DISCOVERY_DOCUMENTS[path]
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


def _faulty(path: str) -> Answer:
    """Return a faulty answer."""
    if path == "slow":
        time.sleep(1)
    answers: dict[str, Answer] = {
        "nonsense": (200, {}, "<html>hello</html>"),
        "empty": (200, {}, {"token_type": "Bearer"}),
        "broken": (500, {}, {}),
        "elsewhere": (302, {"Location": f"{ISSUER}/oauth2/token"}, {}),
    }
    return answers.get(path, (200, {}, {}))


def _token(path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    if headers.get("content-type") == "application/json":
        parameters: dict[str, Any] = json.loads(body)
    else:
        parameters = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    method_name = _client(path, headers, parameters)
    grant = parameters.get("grant_type")
    if method_name is None:
        return 401, {}, {"error": "invalid_client"}
    if grant == "password" and (parameters.get("username"), parameters.get("password")) != (
        USERNAME,
        PASSWORD,
    ):
        return 400, {}, {"error": "invalid_grant"}
    for name in GRANT_CREDENTIALS.keys() & parameters.keys():
        if parameters[name] != GRANT_CREDENTIALS[name]:
            return 400, {}, {"error": "invalid_grant"}
    required = {"authorization_code": "code", "refresh_token": "refresh_token"}.get(str(grant))
    if (required and required not in parameters) or (
        "token-exchange" in str(grant) and "subject_token" not in parameters
    ):
        return 400, {}, {"error": "invalid_request"}
    claims = {
        "iss": ISSUER,
        "grant": grant,
        "client": method_name,
        "at": path.removeprefix("/realm"),
    }
    claims |= {
        name: parameters[name]
        for name in ("scope", "audience", "actor_token")
        if name in parameters
    }
    token = jwt.encode({"alg": "HS256"}, claims, _KEY)
    return 200, {}, {"access_token": token, "token_type": "Bearer", "expires_in": 300}


def _client(path: str, headers: Mapping[str, str], parameters: Mapping[str, Any]) -> str | None:
    """Return the method by which a client authenticated, or None."""
    if headers.get("authorization", "").startswith("Basic "):
        pair = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode().split(":")
        return (
            "client_secret_basic"
            if [unquote_plus(part) for part in pair] == [CLIENT, SECRET]
            else None
        )
    if assertion := parameters.get("client_assertion"):
        rules = JWTClaimsRegistry(
            iss={"essential": True, "value": CLIENT},
            sub={"essential": True, "value": CLIENT},
            aud={"essential": True, "value": f"https://{HOST}{path}"},
            exp={"essential": True},
        )
        for method_name, key, algorithm in (
            ("client_secret_jwt", OctKey.import_key(SECRET), "HS256"),
            ("private_key_jwt", CLIENT_KEY, "ES256"),
        ):
            try:
                rules.validate(jwt.decode(assertion, key, algorithms=[algorithm]).claims)
            except (JoseError, ValueError):
                continue
            return method_name
        return None
    if "client_secret" in parameters:
        is_valid = (parameters.get("client_id"), parameters["client_secret"]) == (CLIENT, SECRET)
        return "client_secret_post" if is_valid else None
    return "none" if parameters.get("client_id") == "public" else None


def _protected(authorization: str) -> Answer:
    scheme, _, token = authorization.partition(" ")
    try:
        claims = jwt.decode(token, _KEY, algorithms=["HS256"]).claims
    except (JoseError, ValueError):
        return 401, {"WWW-Authenticate": "Bearer"}, {}
    return (200, {}, claims) if scheme == "Bearer" else (401, {}, {})


def _digest(method: str, path: str, authorization: str) -> Answer:
    """Verify the response to the challenge (RFC 7616 section 3.4.1, SHA-256, qop auth)."""
    members = {
        name: bare or quoted
        for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', authorization)
    }

    def digest(*parts: str) -> str:
        return hashlib.sha256(":".join(parts).encode()).hexdigest()

    if members.get("nonce") == _NONCE:
        proof = [_NONCE, members["nc"], members["cnonce"], members["qop"]]
        response = digest(digest(USERNAME, "realm", PASSWORD), *proof, digest(method, path))
        if members["response"] == response:
            return 200, {}, {"who": members["username"], "at": int(time.time()) > 0}
    challenge = f'Digest realm="realm", nonce="{_NONCE}", qop="auth", algorithm=SHA-256'
    return 401, {"WWW-Authenticate": challenge}, {}

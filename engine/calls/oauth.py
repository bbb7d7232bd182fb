"""Access tokens for calls, from token endpoints through the egress guard; stored in memory only.

OAuth 2.0 (RFC 6749), token exchange (RFC 8693), JWTs for client authentication (RFC 7523), and the
discovery of OpenID Connect (OpenID Connect Discovery 1.0 section 4).
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode
from uuid import uuid4

import orjson
from joserfc import jwt
from joserfc.jwk import OctKey

from engine.calls.errors import CredentialsError
from engine.egress.guard import Answer, Egress, EgressRequest

TOKENS_MAX = 1_000
ANSWER_BYTES_MAX = 65_536  # of a token endpoint, or of a discovery
TOKEN_CHARACTERS_MAX = 16_384  # a service accepts no larger header
EARLY_SECONDS = 30.0  # before its expiry, so that a token does not expire on its way
ASSERTION_SECONDS = 60
FORM = "application/x-www-form-urlencoded"
DISCOVERY = "/.well-known/openid-configuration"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
# Parameter for the policy's `subject` in each grant; token exchange has its own parameters.
_SUBJECT_PARAMETERS = {"authorization_code": "code", "refresh_token": "refresh_token"}


@dataclass(slots=True)
class TokenCache:
    """Cache of access tokens by execution and policy, until they expire."""

    egress: Egress
    _tokens: OrderedDict[str, tuple[str, float]] = field(default_factory=OrderedDict)

    async def obtain(
        self, kind: str, policy: dict[str, Any], *, execution: str, seconds: float
    ) -> str:
        """Return an access token for an `oauth2` or `oidc` policy.

        :raises CredentialsError: when the authority issues none.
        :raises EgressError: when the authority cannot be reached.
        """
        text = orjson.dumps([execution, kind, policy], option=orjson.OPT_SORT_KEYS)
        key = hashlib.sha256(text).hexdigest()
        token, until = self._tokens.get(key, ("", 0.0))
        if time.monotonic() < until:
            return token
        token, lifetime = await self._request_token(kind, policy, seconds)
        if lifetime > 0:
            self._tokens[key] = (token, time.monotonic() + lifetime)
            while len(self._tokens) > TOKENS_MAX:
                self._tokens.popitem(last=False)
        return token

    def forget(self, token: str) -> None:
        """Remove a token that a service refused."""
        for key in [key for key, (value, _) in self._tokens.items() if value == token]:
            del self._tokens[key]

    async def _request_token(
        self, kind: str, policy: dict[str, Any], seconds: float
    ) -> tuple[str, float]:
        uri = await self._token_endpoint(kind, policy, seconds)
        parameters, headers = _token_request(policy, uri)
        is_json = (policy.get("request") or {}).get("encoding") == "application/json"
        body = orjson.dumps(parameters) if is_json else urlencode(parameters, doseq=True).encode()
        headers |= {
            "content-type": "application/json" if is_json else FORM,
            "accept": "application/json",
        }
        request = EgressRequest(
            "POST", uri, headers, {}, body=body, seconds=seconds, bytes_max=ANSWER_BYTES_MAX
        )
        answer = await self.egress.send(request)
        members = _object(answer, "the token endpoint")
        token, lifetime = members.get("access_token"), members.get("expires_in", 0)
        if not isinstance(token, str) or not token:
            raise CredentialsError("the token endpoint gave no access token")
        if len(token) > TOKEN_CHARACTERS_MAX:
            text = f"an access token may have at most {TOKEN_CHARACTERS_MAX} characters"
            raise CredentialsError(text)
        _check_issuer(token, policy.get("issuers"))
        return token, (
            float(lifetime) - EARLY_SECONDS if isinstance(lifetime, (int, float)) else 0.0
        )

    async def _token_endpoint(self, kind: str, policy: dict[str, Any], seconds: float) -> str:
        authority = str(policy.get("authority")).rstrip("/")
        if kind == "oauth2":
            path = str((policy.get("endpoints") or {}).get("token") or "/oauth2/token")
            return f"{authority}/{path.lstrip('/')}"
        uri = authority if authority.endswith(DISCOVERY) else authority + DISCOVERY
        request = EgressRequest(
            "GET",
            uri,
            {"accept": "application/json"},
            {},
            redirect=True,
            seconds=seconds,
            bytes_max=ANSWER_BYTES_MAX,
        )
        endpoint = _object(await self.egress.send(request), "the authority's discovery").get(
            "token_endpoint"
        )
        if not isinstance(endpoint, str):
            raise CredentialsError("the authority's discovery names no token endpoint")
        return endpoint


def _token_request(policy: dict[str, Any], uri: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the parameters and headers of a token request.

    :raises CredentialsError: when the policy lacks what its grant needs.
    """
    grant = str(policy.get("grant"))
    parameters: dict[str, Any] = {"grant_type": grant}
    if policy.get("scopes"):
        parameters["scope"] = " ".join(map(str, policy["scopes"]))
    if policy.get("audiences"):
        parameters["audience"] = [str(audience) for audience in policy["audiences"]]
    subject, actor = policy.get("subject") or {}, policy.get("actor") or {}
    if grant == "password":
        parameters |= {name: str(policy.get(name, "")) for name in ("username", "password")}
    elif grant in _SUBJECT_PARAMETERS:
        parameters[_SUBJECT_PARAMETERS[grant]] = str(subject.get("token", ""))
    elif grant == EXCHANGE:
        for name, token in (("subject", subject), ("actor", actor)):
            if token:
                parameters |= {
                    f"{name}_token": token.get("token"),
                    f"{name}_token_type": token.get("type"),
                }
    proof, headers = _client_credentials(policy.get("client") or {}, uri)
    return parameters | proof, headers


def _client_credentials(client: dict[str, Any], uri: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the parameters and headers that authenticate a client (RFC 6749 section 2.3)."""
    client_id, secret = str(client.get("id", "")), str(client.get("secret", ""))
    method = client.get("authentication") or "client_secret_post"
    if method == "client_secret_basic":
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
        return {}, {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
    if method == "none":
        return ({"client_id": client_id} if client_id else {}), {}
    if method in ("client_secret_jwt", "private_key_jwt"):
        assertion = client.get("assertion") or (
            _assertion(client_id, secret, uri) if secret else None
        )
        if not assertion:
            raise CredentialsError("the client has no assertion to authenticate with")
        proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": str(assertion)}
        return {"client_id": client_id} | proof, {}
    parameters = {"client_id": client_id, "client_secret": secret}
    return {name: value for name, value in parameters.items() if value}, {}


def _assertion(client_id: str, secret: str, uri: str) -> str:
    """Return a JWT signed with the client's secret (OpenID Connect Core 1.0 section 9)."""
    now = int(time.time())
    claims: dict[str, str | int] = {
        "iss": client_id,
        "sub": client_id,
        "aud": uri,
        "jti": str(uuid4()),
        "iat": now,
        "exp": now + ASSERTION_SECONDS,
    }
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret), algorithms=["HS256"])


def _object(answer: Answer, server: str) -> dict[str, Any]:
    if answer.status != 200:  # noqa: PLR2004 - RFC 6749 section 5.1
        raise CredentialsError(f"{server} answered {answer.status}")
    try:
        value = orjson.loads(answer.body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise CredentialsError(f"{server} answered no JSON object")
    return value


def _check_issuer(token: str, issuers: Any) -> None:
    """Check that an issuer of the policy, if it names any, issued the token.

    :raises CredentialsError: when another one did.
    """
    if not issuers:
        return
    part = token.split(".")[1] if token.count(".") == 2 else ""  # noqa: PLR2004 - RFC 7519 section 3
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        claims = None
    if not isinstance(claims, dict) or claims.get("iss") not in issuers:
        raise CredentialsError("the token is of an issuer that the policy does not name")

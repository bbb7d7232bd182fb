"""Access tokens for calls: asked for at token endpoints, through the egress guard, kept in memory alone.

OAuth 2.0 (RFC 6749), token exchange (RFC 8693), JWTs for client authentication (RFC 7523), and the discovery
of OpenID Connect (OpenID Connect Discovery 1.0 section 4).
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

from engine.egress.guard import Answer, Egress, Outgoing

KEPT_MAX = 1_000
EARLY_SECONDS = 30.0  # a token about to expire would expire on its way
ASSERTION_SECONDS = 60
FORM = "application/x-www-form-urlencoded"
DISCOVERY = "/.well-known/openid-configuration"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
# How each grant shows for whom it asks (`subject`); exchange has parameters of its own.
_SHOWN_AS = {"authorization_code": "code", "refresh_token": "refresh_token"}


class UnauthenticatedError(Exception):
    """No token was given; the text holds nothing of what was sent."""


@dataclass(slots=True)
class Tokens:
    """The tokens of executions, by execution and policy, until they expire."""

    egress: Egress
    _kept: OrderedDict[str, tuple[str, float]] = field(default_factory=OrderedDict)

    async def obtain(
        self, kind: str, policy: dict[str, Any], *, execution: str, seconds: float
    ) -> str:
        """Return an access token for an `oauth2` or `oidc` policy.

        :raises UnauthenticatedError: when none is given.
        :raises EgressError: when the authority cannot be asked.
        """
        stated = orjson.dumps([execution, kind, policy], option=orjson.OPT_SORT_KEYS)
        mark = hashlib.sha256(stated).hexdigest()
        token, until = self._kept.get(mark, ("", 0.0))
        if time.monotonic() < until:
            return token
        token, lasts = await self._ask(kind, policy, seconds)
        if lasts > 0:
            self._kept[mark] = (token, time.monotonic() + lasts)
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        return token

    def forget(self, token: str) -> None:
        """Keep a token no longer: it was refused."""
        for mark in [mark for mark, (kept, _) in self._kept.items() if kept == token]:
            del self._kept[mark]

    async def _ask(self, kind: str, policy: dict[str, Any], seconds: float) -> tuple[str, float]:
        where = await self._endpoint(kind, policy, seconds)
        parameters, headers = _request(policy, where)
        json_asked = (policy.get("request") or {}).get("encoding") == "application/json"
        body = (
            orjson.dumps(parameters) if json_asked else urlencode(parameters, doseq=True).encode()
        )
        headers |= {
            "content-type": "application/json" if json_asked else FORM,
            "accept": "application/json",
        }
        answer = await self.egress.send(
            Outgoing("POST", where, headers, {}, body=body, seconds=seconds)
        )
        given = _object(answer, "the token endpoint")
        token, lasts = given.get("access_token"), given.get("expires_in", 0)
        if not isinstance(token, str) or not token:
            raise UnauthenticatedError("the token endpoint gave no access token")
        _check_issuer(token, policy.get("issuers"))
        return token, (float(lasts) - EARLY_SECONDS if isinstance(lasts, (int, float)) else 0.0)

    async def _endpoint(self, kind: str, policy: dict[str, Any], seconds: float) -> str:
        authority = str(policy.get("authority")).rstrip("/")
        if kind == "oauth2":
            path = str((policy.get("endpoints") or {}).get("token") or "/oauth2/token")
            return f"{authority}/{path.lstrip('/')}"
        where = authority if authority.endswith(DISCOVERY) else authority + DISCOVERY
        asked = Outgoing(
            "GET", where, {"accept": "application/json"}, {}, redirect=True, seconds=seconds
        )
        found = _object(await self.egress.send(asked), "the authority's discovery").get(
            "token_endpoint"
        )
        if not isinstance(found, str):
            raise UnauthenticatedError("the authority's discovery names no token endpoint")
        return found


def _request(policy: dict[str, Any], where: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the parameters and headers of a token request.

    :raises UnauthenticatedError: when the policy lacks what its grant needs.
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
    elif grant in _SHOWN_AS:
        parameters[_SHOWN_AS[grant]] = str(subject.get("token", ""))
    elif grant == EXCHANGE:
        for name, token in (("subject", subject), ("actor", actor)):
            if token:
                parameters |= {
                    f"{name}_token": token.get("token"),
                    f"{name}_token_type": token.get("type"),
                }
    proof, headers = _client(policy.get("client") or {}, where)
    return parameters | proof, headers


def _client(client: dict[str, Any], where: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the parameters and headers by which a client shows who it is (RFC 6749 section 2.3)."""
    client_id, secret = str(client.get("id", "")), str(client.get("secret", ""))
    way = client.get("authentication") or "client_secret_post"
    if way == "client_secret_basic":
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
        return {}, {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
    if way == "none":
        return ({"client_id": client_id} if client_id else {}), {}
    if way in ("client_secret_jwt", "private_key_jwt"):
        assertion = client.get("assertion") or (
            _assertion(client_id, secret, where) if secret else None
        )
        if not assertion:
            raise UnauthenticatedError("the client has no assertion to authenticate with")
        proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": str(assertion)}
        return {"client_id": client_id} | proof, {}
    shown = {"client_id": client_id, "client_secret": secret}
    return {name: value for name, value in shown.items() if value}, {}


def _assertion(client_id: str, secret: str, where: str) -> str:
    """Return a JWT under the client's secret (OpenID Connect Core 1.0 section 9)."""
    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": where, "jti": str(uuid4())}
    lasting = claims | {"iat": now, "exp": now + ASSERTION_SECONDS}
    return jwt.encode({"alg": "HS256"}, lasting, OctKey.import_key(secret), algorithms=["HS256"])


def _object(answer: Answer, who: str) -> dict[str, Any]:
    if answer.status != 200:  # noqa: PLR2004 - RFC 6749 section 5.1
        raise UnauthenticatedError(f"{who} answered {answer.status}")
    try:
        found = orjson.loads(answer.body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UnauthenticatedError(f"{who} answered no JSON object")
    return found


def _check_issuer(token: str, issuers: Any) -> None:
    """Check who issued a token where the policy says who may; what came from elsewhere is not used."""
    if not issuers:
        return
    part = token.split(".")[1] if token.count(".") == 2 else ""  # noqa: PLR2004 - RFC 7519 section 3
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        claims = None
    if not isinstance(claims, dict) or claims.get("iss") not in issuers:
        raise UnauthenticatedError("the token is of an issuer that the policy does not name")

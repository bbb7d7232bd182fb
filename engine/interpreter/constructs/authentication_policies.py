"""Authentication policies of calls: inline, by the name they have under `use.authentications`, or by secret.

A policy is read into a template that fills to `{"basic": {…}}` and so on. By secret (`use: NAME`) its members
are those of the secret's value; a bearer's may also be the token alone.
"""

from __future__ import annotations

from typing import Any

from engine.expressions.jq import parse_program
from engine.language.reader import SECRETS, DocumentNode

_MEMBERS = {
    "basic": ("username", "password"),
    "bearer": ("token",),
    "digest": ("username", "password"),
}
_OPEN = ("oauth2", "oidc")
GRANTS = (
    "authorization_code",
    "client_credentials",
    "password",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:token-exchange",
)
CLIENT_AUTHENTICATIONS = (
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "none",
)
ENCODINGS = ("application/x-www-form-urlencoded", "application/json")
_PROPERTIES = (
    "authority",
    "grant",
    "client",
    "request",
    "issuers",
    "scopes",
    "audiences",
    "username",
    "password",
    "subject",
    "actor",
)


def read(node: DocumentNode) -> Any:
    """Return the policy as a template; none when a name leads nowhere."""
    if node.has("use"):
        named = node.allow_only("use").require("use").component("authentications")
        return _read(named) if named else None
    return _read(node)


def _read(node: DocumentNode) -> Any:
    members = node.allow_only(*_MEMBERS, *_OPEN).members()
    if len(members) != 1:
        node.add_fault(f"must have exactly one of {', '.join((*_MEMBERS, *_OPEN))}")
        return None
    kind, value = next(iter(members.items()))
    policy = node.child(kind, value)
    if policy.has("use"):
        return _by_secret(policy.allow_only("use").require("use"), kind)
    if kind in _OPEN:
        _check_open(policy, kind)
    elif kind in _MEMBERS:
        policy.allow_only(*_MEMBERS[kind])
        for name in _MEMBERS[kind]:
            policy.require(name).text()
    return node.template()


def _by_secret(node: DocumentNode, kind: str) -> Any:
    name = node.text()
    listed = node.use.get(SECRETS)
    if not isinstance(listed, list) or name not in listed:
        node.add_unknown_name_fault(SECRETS)
        return None
    return {kind: parse_program(f'$secrets["{name}"]')}


def _check_open(node: DocumentNode, kind: str) -> None:
    node.allow_only(*_PROPERTIES, *(("endpoints",) if kind == "oauth2" else ()))
    node.require("authority").text()
    grant = node.require("grant").one_of(*GRANTS)
    endpoints, request = node.get("endpoints"), node.get("request")
    if endpoints is not None:
        for name in endpoints.allow_only("token", "revocation", "introspection").members():
            endpoints.require(name).text()
    if request is not None and request.allow_only("encoding").has("encoding"):
        request.require("encoding").one_of(*ENCODINGS)
    for name in ("issuers", "scopes", "audiences"):
        listed = node.get(name)
        for item in listed.items() if listed is not None else ():
            item.text()
    for name in ("subject", "actor"):
        token = node.get(name)
        if token is not None:
            token.allow_only("token", "type").require("token").text()
            token.require("type").text()
    _check_client(node)
    _check_grant(node, grant)


def _check_client(node: DocumentNode) -> None:
    """Check what the reference says is required of a client ("OAUTH2 Authentication")."""
    client = node.get("client")
    if client is None:
        return
    client.allow_only("id", "secret", "assertion", "authentication")
    way = client.get("authentication")
    chosen = way.one_of(*CLIENT_AUTHENTICATIONS) if way else "client_secret_post"
    if chosen != "none":
        client.require("id").text()
    if chosen == "private_key_jwt":
        client.require("assertion").text()
    for name in ("secret", "assertion"):
        if client.has(name):
            client.require(name).text()


def _check_grant(node: DocumentNode, grant: str) -> None:
    """Check that a grant has what it shows.

    The language has no member for a code or a refresh token. Both represent whom the request is made for,
    so they stand where such a token does: in `subject`.
    """
    if grant == "password":
        node.require("username").text()
        node.require("password").text()
    elif grant != "client_credentials":
        node.require("subject")

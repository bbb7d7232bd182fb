"""Authentication policies of calls: inline, by a name under `use.authentications`, or by secret.

`read` returns a template that fills to `{"basic": {…}}` and so on. By secret (`use: NAME`), the
members are those of the secret's value; the secret of a bearer may also be the token alone.
"""

from __future__ import annotations

from typing import Any

from engine.expressions.jq import parse_program
from engine.language.document_node import SECRETS, DocumentNode

_MEMBERS = {
    "basic": ("username", "password"),
    "bearer": ("token",),
    "digest": ("username", "password"),
}
_OAUTH = ("oauth2", "oidc")
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
    """Return the policy as a template, or None, after a fault, when its name is unknown."""
    if node.has("use"):
        component = node.allow_only("use").require("use").component("authentications")
        return _read(component) if component else None
    return _read(node)


def _read(node: DocumentNode) -> Any:
    members = node.allow_only(*_MEMBERS, *_OAUTH).members()
    if len(members) != 1:
        node.add_fault(f"must have exactly one of {', '.join((*_MEMBERS, *_OAUTH))}")
        return None
    kind, value = next(iter(members.items()))
    policy = node.child(kind, value)
    if policy.has("use"):
        return _read_secret(policy.allow_only("use").require("use"), kind)
    if kind in _OAUTH:
        _check_oauth(policy, kind)
    elif kind in _MEMBERS:
        policy.allow_only(*_MEMBERS[kind])
        for name in _MEMBERS[kind]:
            policy.require(name).text()
    return node.template()


def _read_secret(node: DocumentNode, kind: str) -> Any:
    name = node.text()
    secret_names = node.use.get(SECRETS)
    if not isinstance(secret_names, list) or name not in secret_names:
        node.add_unknown_name_fault(SECRETS)
        return None
    return {kind: parse_program(f'$secrets["{name}"]')}


def _check_oauth(node: DocumentNode, kind: str) -> None:
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
        texts = node.get(name)
        for item in texts.items() if texts is not None else ():
            item.text()
    for name in ("subject", "actor"):
        token = node.get(name)
        if token is not None:
            token.allow_only("token", "type").require("token").text()
            token.require("type").text()
    _check_client(node)
    _check_grant(node, grant)


def _check_client(node: DocumentNode) -> None:
    """Check the members that the DSL reference requires of a client ("OAUTH2 Authentication")."""
    client = node.get("client")
    if client is None:
        return
    client.allow_only("id", "secret", "assertion", "authentication")
    member = client.get("authentication")
    method = member.one_of(*CLIENT_AUTHENTICATIONS) if member else "client_secret_post"
    if method != "none":
        client.require("id").text()
    if method == "private_key_jwt":
        client.require("assertion").text()
    for name in ("secret", "assertion"):
        if client.has(name):
            client.require(name).text()


def _check_grant(node: DocumentNode, grant: str) -> None:
    """Check that a grant has its credentials.

    The language has no member for an authorization code or a refresh token. Both represent the
    subject of the request, so both stand in `subject`, like the token of a token exchange.
    """
    if grant == "password":
        node.require("username").text()
        node.require("password").text()
    elif grant != "client_credentials":
        node.require("subject")

"""Credentials of authentication policies: a name with a password, or a bearer token."""

from __future__ import annotations

from typing import Any

from temporalio.exceptions import ApplicationError

from engine.calls.errors import failure


def name_and_password(policy: dict[str, Any]) -> tuple[str, str]:
    """Return the username and the password of a `basic` policy.

    :raises ApplicationError: of type authentication, when a member is missing.
    """
    members = policy["basic"]
    if isinstance(members, dict) and None not in (members.get("username"), members.get("password")):
        return str(members["username"]), str(members["password"])
    raise failure("authentication", "the authentication has no username, or no password")


def bearer_token(policy: dict[str, Any]) -> str:
    """Return the token of a `bearer` policy, which may be a secret with the token alone.

    :raises ApplicationError: of type authentication, when it is missing.
    """
    bearer = policy["bearer"]
    token = bearer.get("token") if isinstance(bearer, dict) else bearer
    if isinstance(token, str):
        return token
    raise failure("authentication", "the authentication has no token")


def unsupported_policy(protocol: str, *schemes: str) -> ApplicationError:
    """Return the error for an authentication scheme that a protocol does not support."""
    text = f"{protocol} supports only authentication by {' or '.join(schemes)}"
    return failure("configuration", text)

"""Who calls, for protocols that are told so by a name and a password or by a token."""

from __future__ import annotations

from typing import Any

from temporalio.exceptions import ApplicationError


def name_and_password(policy: dict[str, Any]) -> tuple[str, str]:
    """Return what a `basic` policy holds.

    :raises ApplicationError: of type authentication, when a member is missing.
    """
    who = policy["basic"]
    if isinstance(who, dict) and None not in (who.get("username"), who.get("password")):
        return str(who["username"]), str(who["password"])
    raise ApplicationError(
        "the authentication has no username, or no password",
        type="authentication",
        non_retryable=True,
    )


def token(policy: dict[str, Any]) -> str:
    """Return what a `bearer` policy holds: its token, or a secret that is one.

    :raises ApplicationError: of type authentication, when it is missing.
    """
    bearer = policy["bearer"]
    found = bearer.get("token") if isinstance(bearer, dict) else bearer
    if isinstance(found, str):
        return found
    raise ApplicationError(
        "the authentication has no token", type="authentication", non_retryable=True
    )


def unknown(protocol: str, *known: str) -> ApplicationError:
    """Return the error of a policy that a protocol has no place for."""
    text = f"{protocol} is told who calls by {' or '.join(known)}"
    return ApplicationError(text, type="configuration", non_retryable=True)

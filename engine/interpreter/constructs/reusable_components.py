"""What a definition names for use in several places (`use`): each read where it stands, used or not."""

from __future__ import annotations

import re
from typing import Any

from engine.interpreter.constructs import (
    authentication_policies,
    call_function,
    call_http,
    extensions,
    raise_task,
    retry_policy,
    task_list,
)
from engine.language.reader import SECRETS, DocumentNode

GROUPS = (
    "authentications",
    "errors",
    "extensions",
    "functions",
    "retries",
    "secrets",
    "timeouts",
    "catalogs",
)
# The schema takes any text; these are the names that an account's secrets can have.
_SECRET = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,126}[A-Za-z0-9_])?", re.ASCII)
SECRETS_MAX = 100


def check(node: DocumentNode) -> None:
    """Check all members of the `use` object that stands here."""
    node.allow_only(*GROUPS)
    _check_secrets(node)
    for found in _each(node, "authentications"):
        authentication_policies.read(found)
    for found in _each(node, "errors"):
        raise_task.check(found)
    for found in _each(node, "retries"):
        retry_policy.read(_inline(found))
    for found in _each(node, "timeouts"):
        task_list.read_timeout(_inline(found))
    for found in _each(node, "catalogs"):
        call_http.read_endpoint(found.allow_only("endpoint").require("endpoint"))
    call_function.check_all(node)
    extensions.read(node)


def secrets_of(document: Any) -> list[str]:
    """Return the names of the secrets that a document lists, in its order, each once."""
    use = document.get("use") if isinstance(document, dict) else None
    listed = use.get(SECRETS) if isinstance(use, dict) else None
    if not isinstance(listed, list):
        return []
    return list(dict.fromkeys(name for name in listed if isinstance(name, str)))[:SECRETS_MAX]


def _check_secrets(node: DocumentNode) -> None:
    listed = node.get(SECRETS)
    if listed is None:
        return
    for found in listed.items():
        if not _SECRET.fullmatch(found.text() or "-"):
            found.add_fault("must be letters, digits, hyphens, points and underscores")
    if isinstance(listed.value, list) and len(listed.value) > SECRETS_MAX:
        listed.add_fault(f"may list at most {SECRETS_MAX} secrets")


def _each(node: DocumentNode, group: str) -> list[DocumentNode]:
    found = node.get(group)
    if found is None:
        return []
    return [
        found.child(str(name), value, is_known=False) for name, value in found.members().items()
    ]


def _inline(node: DocumentNode) -> DocumentNode:
    """Refuse a name where the thing itself must stand: a name of a name could go round in circles."""
    node.members()
    return node if isinstance(node.value, dict) else node.child("", {})

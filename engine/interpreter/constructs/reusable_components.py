"""Reusable components of a definition (`use`), all checked, in use or not."""

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
    task_reader,
)
from engine.language.document_node import SECRETS, DocumentNode

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
# The specification's schema allows any text; this is the form of an account's secret names.
_SECRET = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,126}[A-Za-z0-9_])?", re.ASCII)
SECRETS_MAX = 100


def check(node: DocumentNode) -> None:
    """Check all members of the `use` object."""
    node.allow_only(*GROUPS)
    _check_secrets(node)
    for component in _components(node, "authentications"):
        authentication_policies.read(component)
    for component in _components(node, "errors"):
        raise_task.check(component)
    for component in _components(node, "retries"):
        retry_policy.read(_require_object(component))
    for component in _components(node, "timeouts"):
        task_reader.read_timeout(_require_object(component))
    for component in _components(node, "catalogs"):
        call_http.read_endpoint(component.allow_only("endpoint").require("endpoint"))
    call_function.check_all(node)
    extensions.read(node)


def secrets_of(document: Any) -> list[str]:
    """Return the names of the secrets that a document lists, in its order, each once."""
    use = document.get("use") if isinstance(document, dict) else None
    names = use.get(SECRETS) if isinstance(use, dict) else None
    if not isinstance(names, list):
        return []
    return list(dict.fromkeys(name for name in names if isinstance(name, str)))[:SECRETS_MAX]


def _check_secrets(node: DocumentNode) -> None:
    names = node.get(SECRETS)
    if names is None:
        return
    for name in names.items():
        if not _SECRET.fullmatch(name.text() or "-"):
            name.add_fault("must be letters, digits, hyphens, points and underscores")
    if isinstance(names.value, list) and len(names.value) > SECRETS_MAX:
        names.add_fault(f"may list at most {SECRETS_MAX} secrets")


def _components(node: DocumentNode, group: str) -> list[DocumentNode]:
    member = node.get(group)
    if member is None:
        return []
    return [
        member.child(str(name), value, is_known=False) for name, value in member.members().items()
    ]


def _require_object(node: DocumentNode) -> DocumentNode:
    """Return the node if it is an object; else add a fault: names of names could be circular."""
    node.members()
    return node if isinstance(node.value, dict) else node.child("", {})

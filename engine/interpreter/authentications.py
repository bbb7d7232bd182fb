"""Authentication policies of calls: inline, or by the name they have under `use.authentications`."""

from __future__ import annotations

from typing import Any

from engine.interpreter.node import Node

_MEMBERS = {"basic": ("username", "password"), "bearer": ("token",), "digest": ("username", "password")}
_NOT_YET = ("oauth2", "oidc")


def read(node: Node) -> Any:
    """Return the policy as a template: `{"basic": {…}}`, `{"bearer": {…}}` or `{"digest": {…}}`."""
    if node.has("use"):
        use = node.only("use").need("use")
        named = use.named("authentications")
        return read(named) if named else None
    for kind in _NOT_YET:
        if node.has(kind):
            node.at(kind, None).fault(f"{kind} is not supported yet")
            return None
    members = node.only(*_MEMBERS, *_NOT_YET).members()
    if len(members) != 1:
        node.fault(f"must have exactly one of {', '.join(_MEMBERS)}")
        return None
    kind, value = next(iter(members.items()))
    if kind not in _MEMBERS:
        return None
    policy = node.at(kind, value)
    if policy.has("use"):
        policy.at("use", None).fault("secrets are not supported yet")
        return None
    policy.only(*_MEMBERS[kind])
    for name in _MEMBERS[kind]:
        policy.need(name).text()
    return node.template()

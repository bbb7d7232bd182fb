"""Endpoint policy: agents may register https addresses on hosts with public names."""

from __future__ import annotations

import re

from engine.egress.guard import Egress
from engine.errors import Fault, InvalidError

# A host name has two labels or more, and the last one begins with a letter: no IP address does.
LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
TOP_LABEL = "[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
PATTERN = rf"^https://({LABEL}\.)+{TOP_LABEL}(:443)?([/?][!$-~]*)?$"
LENGTH_MAX = 2000  # so that an endpoint and an agent's id fit into a PostgreSQL index entry

_FORM = re.compile(PATTERN.removesuffix("$") + r"\Z")


def is_allowed(endpoint: str, egress: Egress) -> bool:
    """Return whether an address has the form, or its host is opened by EGRESS_ALLOW.

    The egress guard checks the resolved address again at each delivery.
    """
    return _FORM.match(endpoint) is not None or egress.is_allowlisted(endpoint)


def check(endpoint: str, egress: Egress, pointer: str) -> None:
    """Return when the address is allowed.

    :raises InvalidError: when it is not.
    """
    if not is_allowed(endpoint, egress):
        faults = [Fault(pointer, "must be an https:// address on a host with a public name")]
        raise InvalidError("invalid", "Nothing can be sent to this address.", faults=faults)

"""Addresses that an agent may name: https, on a host with a public name."""

from __future__ import annotations

import re

from engine.egress.guard import Egress
from engine.errors import Fault, InvalidError

# A name of two labels or more whose last begins with a letter: an address in figures is none.
LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
TOP = "[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
PATTERN = rf"^https://({LABEL}\.)+{TOP}(:443)?([/?][!$-~]*)?$"
LENGTH_MAX = 2000  # of what an index entry of PostgreSQL holds, beside an agent's id

_FORM = re.compile(PATTERN.removesuffix("$") + r"\Z")


def usable(endpoint: str, egress: Egress) -> bool:
    """Tell whether an address has the form; hosts that the settings open are free in it.

    The guard looks at where it leads, each time that something is sent.
    """
    return _FORM.match(endpoint) is not None or egress.is_allowlisted(endpoint)


def check(endpoint: str, egress: Egress, pointer: str) -> None:
    """Let an address through.

    :raises InvalidError: when nothing will ever be sent there.
    """
    if not usable(endpoint, egress):
        faults = [Fault(pointer, "must be an https:// address on a host with a public name")]
        raise InvalidError("invalid", "Nothing can be sent to this address.", faults=faults)

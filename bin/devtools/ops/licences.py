"""The licences of the production packages, read from what is installed."""

from __future__ import annotations

import re
from importlib.metadata import metadata

# What may run in a service whose own code is proprietary. MPL and LGPL are kept by using the packages
# unchanged; GPL and AGPL, and whatever is not named here, need a decision.
ALLOWED = frozenset(
    {
        "Apache-2.0",
        "BSD",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "LGPL-3.0-only",
        "LGPL-3.0-or-later",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
    }
)
# What packages without an SPDX expression write instead; a bare "BSD" says not how many clauses.
SPELLINGS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "MIT License": "MIT",
}
_OPENING = """# Licences

`bin/lock` writes this page from the metadata of the installed packages; do not edit it. It has all
packages of `requirements.txt`. A bare `BSD` means that the package does not say how many clauses
its licence has.

| package | version | licence |
|---|---|---|
"""


class NotAllowedError(Exception):
    """A package has a licence that is not on the list, or none."""


def page(pinned: dict[str, str]) -> str:
    """Return the whole page, for versions by name.

    :raises NotAllowedError: for a licence that nobody has decided on
    """
    return _OPENING + "".join(
        f"| {name} | {pinned[name]} | {licence(name)} |\n" for name in sorted(pinned)
    )


def licence(name: str) -> str:
    """Return the SPDX expression of an installed package's licence.

    :raises NotAllowedError: for one that is not allowed, or is not said
    """
    about = metadata(name)
    stated = [about[field] for field in ("License-Expression", "License") if field in about]
    said = next(filter(None, stated), "")
    if not said:
        kinds = [
            kind for kind in about.get_all("Classifier") or [] if kind.startswith("License ::")
        ]
        said = " AND ".join(SPELLINGS.get(kind.split(" :: ")[-1], kind) for kind in kinds)
    expression = SPELLINGS.get(said, said)
    if not is_allowed(expression):
        raise NotAllowedError(
            f"{name}: {expression or 'no licence'} is not among the allowed licences"
        )
    return expression


def is_allowed(expression: str) -> bool:
    """Return whether all licences of an expression are allowed, also those that it leaves a choice of."""
    return set(re.split(r"\s+(?:AND|OR)\s+", re.sub(r"[()]", "", expression))) <= ALLOWED

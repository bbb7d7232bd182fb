"""The licences of the production packages, from the metadata of the installed packages."""

from __future__ import annotations

import re
from importlib.metadata import metadata

# Licences that allow use in a service with proprietary code. MPL and LGPL allow it while the
# packages are unchanged. GPL, AGPL and any other licence need a decision.
LICENCES_ALLOWED = frozenset(
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
# Spellings of packages without an SPDX expression; a bare "BSD" says not how many clauses.
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

This page is written by `bin/lock` from the metadata of the installed packages, and is not edited
by hand. It has all packages of `requirements.txt`. A bare `BSD` is one whose package does not say
how many clauses it has.

| package | version | licence |
|---|---|---|
"""


class NotAllowedError(Exception):
    """The licence of a package is missing or is not on the list."""


def page(versions: dict[str, str]) -> str:
    """Return the whole page for versions by package name.

    :raises NotAllowedError: for a licence that is not on the list
    """
    return _OPENING + "".join(
        f"| {name} | {versions[name]} | {licence(name)} |\n" for name in sorted(versions)
    )


def licence(name: str) -> str:
    """Return the SPDX expression of an installed package's licence.

    :raises NotAllowedError: for a licence that is missing or is not on the list
    """
    about = metadata(name)
    expressions = [about[field] for field in ("License-Expression", "License") if field in about]
    text = next(filter(None, expressions), "")
    if not text:
        kinds = [
            kind for kind in about.get_all("Classifier") or [] if kind.startswith("License ::")
        ]
        text = " AND ".join(SPELLINGS.get(kind.split(" :: ")[-1], kind) for kind in kinds)
    expression = SPELLINGS.get(text, text)
    if not is_allowed(expression):
        raise NotAllowedError(
            f"{name}: {expression or 'no licence'} is not among the allowed licences"
        )
    return expression


def is_allowed(expression: str) -> bool:
    """Return whether all licences of an expression are allowed, with all of its alternatives."""
    return set(re.split(r"\s+(?:AND|OR)\s+", re.sub(r"[()]", "", expression))) <= LICENCES_ALLOWED

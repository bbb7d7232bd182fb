"""Write `docs/reference/settings.md` from the settings: `bin/docs` calls this module."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path

from bin.devtools.docs.settings_texts import GROUPS
from engine.config.setting_types import CHOICES, MAXIMUMS, MINIMUMS
from engine.config.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"
UNITS = {  # by the end of a name, longest first
    "_per_account_max": "at once",
    "_per_address_max": "at once",
    "_per_agent_max": "at once",
    "_per_minute": "requests a minute",
    "_seconds_max": "seconds",
    "_bytes_max": "bytes",
    "_bytes_min": "bytes",
    "_seconds": "seconds",
    "_bytes": "bytes",
    "_days_kept": "days",
    "_kib": "KiB",
}
_OPENING = """# Settings

`python -m bin.devtools.docs.settings_page` writes this page; it is not edited by hand. All settings
are environment variables, which each process reads once at its start. A malformed value, or one
out of its bounds, stops the process at once, with a message that begins with the setting's name.
So does a missing setting, at the latest when the process needs it. No secret has a default:
`bin/keys` prints a complete set.

*Needed* names what does not work without a setting that has no default. Where it is empty, the
default is good for production.
"""


def page() -> str:
    """Return the whole page."""
    defaults = {field.name: field.default for field in fields(Settings)}
    parts = [_OPENING]
    for group, rows in GROUPS.items():
        parts.append(
            f"## {group}\n\n"
            "| variable | default | unit | what it is | needed |\n|---|---|---|---|---|\n"
        )
        parts[-1] += "".join(_row(name, defaults[name], *words) for name, words in rows.items())
    return "\n".join(parts)


def _row(name: str, default: object, says: str, needed_for: str = "") -> str:
    text = "" if default == "" else f"`{default}`"
    cells = (f"`{name.upper()}`", text, _unit(name), says.replace("|", "\\|"), needed_for)
    return f"| {' | '.join(cells)} |\n"


def _unit(name: str) -> str:
    """Return what the value counts or may be, with its bounds."""
    if name in CHOICES:
        return " or ".join(f"`{choice}`" for choice in CHOICES[name])
    unit = next((unit for end, unit in UNITS.items() if name.endswith(end)), "")
    bounds = [f"from {MINIMUMS[name]:g}"] if MINIMUMS.get(name, 1) != 1 else []
    bounds += [f"to {MAXIMUMS[name]:g}"] if name in MAXIMUMS else []
    return ", ".join(filter(None, [unit, " ".join(bounds)]))


def main() -> int:
    """Write the page."""
    PAGE.write_text(page())
    print(f"{PAGE.name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())

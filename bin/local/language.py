"""`docs/language.md`, written from the engine's own support table: `python -m bin.local.language`."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from engine.interpreter.language import table

PAGE = Path(__file__).parents[2] / "docs" / "language.md"
_OPENING = f"""# The workflow language, construct by construct

This page is written by `python -m bin.local.language` and is not edited by hand. Workflows are documents
of the Open Workflow Specification {table.SPECIFICATION}. Each row was tried on the engine's own grammar:
what is refused is refused when a workflow is saved, in `diagnostics`, with a JSON pointer and the reason
given here, and again if it is executed all the same. Nothing is ever ignored. The same table is served at
`GET /api/workflows/language`.
"""


def page() -> str:
    """Return the whole page."""
    parts = [_OPENING]
    for group, rows in groupby(table.rows(), key=lambda row: row.group):
        parts.append(
            f"## {group}\n\n| construct | | what is covered, or why it is refused |\n|---|---|---|\n"
        )
        parts[-1] += "".join(_row(row) for row in rows)
    parts.append("## Limits\n\n| limit | value | of |\n|---|---|---|\n")
    parts[-1] += "".join(f"| {limit.name} | {limit.value:,} | {limit.unit} |\n" for limit in table.limits())
    return "\n".join(parts)


def _row(row: table.Row) -> str:
    said = row.covers if row.supported else row.reason or ""
    cells = (f"`{row.name}`", "yes" if row.supported else "refused", said.replace("|", "\\|"))
    return f"| {' | '.join(cells)} |\n"


def main() -> int:
    """Write the page."""
    PAGE.write_text(page())
    print(f"{PAGE.name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())

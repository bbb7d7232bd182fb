"""`Prefer: wait=N` (RFC 7240 section 4.3): seconds that a client is willing to wait."""

from __future__ import annotations

import re

from engine.config.settings import Settings

# A preference may be quoted and may have parameters, which are ignored.
WAIT = re.compile(r'\s*wait\s*=\s*"?(\d{1,9})"?\s*(;.*)?', re.IGNORECASE)


def parse_wait(header: str | None, settings: Settings) -> tuple[float, str | None]:
    """Return the seconds to wait, and the value of `Preference-Applied` if the header has a wait.

    The longest wait of the settings limits it. Unknown preferences are ignored, as the RFC states.
    """
    for preference in (header or "").split(","):
        match = WAIT.fullmatch(preference)
        if match:
            seconds = min(int(match.group(1)), int(settings.execute_wait_seconds_max))
            return float(seconds), f"wait={seconds}"
    return settings.execute_wait_seconds, None

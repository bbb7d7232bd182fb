"""`Prefer: wait=N` (RFC 7240 section 4.3): how long a client is willing to wait."""

from __future__ import annotations

import re

from engine.config.settings import Settings

# A preference may be quoted and may carry parameters, which are none of ours.
WAIT = re.compile(r'\s*wait\s*=\s*"?(\d{1,9})"?\s*(;.*)?', re.IGNORECASE)


def wait_preferred(header: str | None, settings: Settings) -> tuple[float, str | None]:
    """Return the seconds to wait, and what to answer in `Preference-Applied` when they were asked for.

    More than the longest wait is cut to it; what is no preference of ours is ignored, as the RFC says.
    """
    for preference in (header or "").split(","):
        found = WAIT.fullmatch(preference)
        if found:
            seconds = min(int(found.group(1)), int(settings.execute_wait_seconds_max))
            return float(seconds), f"wait={seconds}"
    return settings.execute_wait_seconds, None

"""Logs: one structured line per event on standard output, and no user data in any."""

from __future__ import annotations

import structlog

from engine.settings import Settings


def configure(settings: Settings) -> None:
    """Log one structured line per event on standard output, as logfmt or JSON."""
    shape: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            shape,
        ],
        cache_logger_on_first_use=True,
    )

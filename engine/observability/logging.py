"""Logs: one structured line per event on standard output, and no user data in any."""

from __future__ import annotations

from typing import Any

import structlog

from engine.config.settings import Settings
from engine.observability import metrics, tracing


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
            _count,
            _trace,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            shape,
        ],
        cache_logger_on_first_use=True,
    )


def _count(
    _logger: Any, _method: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Count lines by event, of which the code names only so many."""
    metrics.LOG_EVENTS.labels(line["level"], line["event"]).inc()
    return line


def _trace(
    _logger: Any, _method: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Name the trace, if something is done for one."""
    trace_id = tracing.trace_id()
    if trace_id is not None:
        line["trace"] = trace_id
    return line

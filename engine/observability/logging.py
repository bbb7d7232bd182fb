"""Logs: one structured line per event on standard output, without user data."""

from __future__ import annotations

from typing import Any

import structlog

from engine.config.settings import Settings
from engine.observability import metrics, tracing


def configure(settings: Settings) -> None:
    """Write each event as a line of logfmt or JSON, as the settings say."""
    renderer: structlog.typing.Processor = (
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
            renderer,
        ],
        cache_logger_on_first_use=True,
    )


def _count(
    _logger: Any, _method: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Count the line by its level and event; the number of events is bounded by the code."""
    metrics.LOG_EVENTS.labels(line["level"], line["event"]).inc()
    return line


def _trace(
    _logger: Any, _method: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Add the id of the current trace, if there is one."""
    trace_id = tracing.trace_id()
    if trace_id is not None:
        line["trace"] = trace_id
    return line

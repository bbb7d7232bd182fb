"""Timestamps of changes: integer microseconds since 1970 (stamps) inside, RFC 3339 text outside."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from engine.errors import Fault, InvalidError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# SQL expression for the text of a stamp. It is exact: each product is an integer below 2^53.
SQL = """to_char(timestamp '1970-01-01' + ({stamp} / 1000000) * interval '1 second'
    + ({stamp} % 1000000) * interval '1 microsecond', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
# RFC 3339 section 5.6. A space before the offset is a "+" that a query string decoded.
FORM = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+ -]\d\d:\d\d)")


def from_datetime(time: datetime) -> int:
    """Return the stamp of an aware datetime."""
    return (time - EPOCH) // timedelta(microseconds=1)


def to_datetime(stamp: int) -> datetime:
    """Return the datetime of a stamp, in UTC.

    :raises OverflowError: when the stamp is outside the range of a datetime.
    """
    return EPOCH + timedelta(microseconds=stamp)


def to_text(stamp: int) -> str:
    """Return the RFC 3339 text of a stamp, in UTC with microseconds."""
    return to_datetime(stamp).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parse(value: str, pointer: str) -> int:
    """Return the stamp of an RFC 3339 time, truncated to microseconds.

    :raises InvalidError: when the text is no such time.
    """
    match = FORM.fullmatch(value.strip())
    if match:
        date, time, fraction, zone = match.groups()
        offset = "+00:00" if zone in "Zz" else zone.replace(" ", "+")
        digits = (fraction or ".")[1:7].ljust(6, "0")
        try:
            return from_datetime(datetime.fromisoformat(f"{date}T{time}.{digits}{offset}"))
        except (ValueError, OverflowError):
            pass
    detail = "must be an RFC 3339 time, such as 2026-01-31T12:00:00.000000Z"
    raise InvalidError("invalid", "The time is not valid.", faults=[Fault(pointer, detail)])

"""Timestamps of accepted changes: integer microseconds since 1970 inside, RFC 3339 outside, exact both ways."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from engine.errors import Fault, InvalidError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The text of a stamp, in SQL; exact, as each product is a whole number below 2^53.
SQL = """to_char(timestamp '1970-01-01' + ({stamp} / 1000000) * interval '1 second'
    + ({stamp} % 1000000) * interval '1 microsecond', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
# RFC 3339 section 5.6; a "+" that a query string turned into a space is taken for what it was.
FORM = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+ -]\d\d:\d\d)")


def of(when: datetime) -> int:
    """Return the stamp of an aware datetime."""
    return (when - EPOCH) // timedelta(microseconds=1)


def moment(stamp: int) -> datetime:
    """Return the datetime of a stamp, in UTC.

    :raises OverflowError: when no datetime is so far away.
    """
    return EPOCH + timedelta(microseconds=stamp)


def text(stamp: int) -> str:
    """Return a stamp as RFC 3339 in UTC with microseconds."""
    return moment(stamp).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parse(value: str, pointer: str) -> int:
    """Return the stamp of an RFC 3339 time; what is finer than a microsecond is cut off.

    :raises InvalidError: when it is none.
    """
    found = FORM.fullmatch(value.strip())
    if found:
        date, time, fraction, zone = found.groups()
        offset = "+00:00" if zone in "Zz" else zone.replace(" ", "+")
        digits = (fraction or ".")[1:7].ljust(6, "0")
        try:
            return of(datetime.fromisoformat(f"{date}T{time}.{digits}{offset}"))
        except (ValueError, OverflowError):
            pass
    detail = "must be a time of RFC 3339, such as 2026-01-31T12:00:00.000000Z"
    raise InvalidError("invalid", "The time cannot be read.", faults=[Fault(pointer, detail)])

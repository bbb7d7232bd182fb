"""The size of measurements: `BENCH_QUICK=1` only tries each out, and its figures mean nothing."""

from __future__ import annotations

import os
from typing import TypeVar

QUICK = os.environ.get("BENCH_QUICK") == "1"
T = TypeVar("T")


def full_or_quick(full: T, quick: T) -> T:
    """Return the size of a measurement, or that of trying it out."""
    return quick if QUICK else full

"""How long measurements take: with `BENCH_QUICK=1` each is only tried out, and its figures mean nothing."""

from __future__ import annotations

import os
from typing import TypeVar

QUICK = os.environ.get("BENCH_QUICK") == "1"
T = TypeVar("T")


def paced(full: T, quick: T) -> T:
    """Return what a measurement takes, or what trying it out does."""
    return quick if QUICK else full

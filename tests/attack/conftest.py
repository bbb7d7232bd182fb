"""The running platform as an attacker finds it: two accounts, and tokens of every kind."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.support.platform import Platform


@pytest.fixture
def http(platform: Platform) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=platform.api_url, timeout=40) as client:
        yield client

"""A second agent, and schedules that do not outlast their test."""

from collections.abc import Iterator

import pytest

from bin.devtools.stack.client import Client
from tests.support.platform import Platform
from tests.support.web.schedules import path


@pytest.fixture
def phone(platform: Platform, laptop: Client) -> Iterator[Client]:
    """Another agent of the laptop's account."""
    with Client(platform.api_url, "phone", laptop.keys) as client:
        client.login(laptop.email, laptop.password)
        yield client


@pytest.fixture
def _stopped(laptop: Client) -> Iterator[None]:
    """Have nothing go on by the clock when a test is over: others want the machine."""
    yield
    for schedule in laptop.request("GET", "/api/schedules", params={"limit": 100})["schedules"]:
        if schedule["origin"] == "client":
            laptop.delete_schedule(schedule)
        else:
            laptop.request("POST", f"{path(schedule)}/pause")

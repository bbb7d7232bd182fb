"""`Prefer: wait=N` in all the forms RFC 7240 allows."""

import pytest

from engine.config.settings import Settings
from web.http.prefer import parse_wait

pytestmark = pytest.mark.unit


SETTINGS = Settings(execute_wait_seconds=1.5, execute_wait_seconds_max=25)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=0", 0),
        ("wait=10", 10),
        ("wait=26", 25),
        ("wait=999999999", 25),
        ("WAIT = 7", 7),
        ('wait="7"', 7),
        ("respond-async, wait=7", 7),
        ("wait=7; x=1", 7),
        ("wait=7, wait=9", 7),
    ],
)
def test_a_wait_is_understood_and_told(header: str, seconds: int) -> None:
    assert parse_wait(header, SETTINGS) == (seconds, f"wait={seconds}")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "wait",
        "wait=",
        "wait=-1",
        "wait=1.5",
        "wait=x",
        "return=minimal",
        "wait=9999999999",
    ],
)
def test_what_is_no_wait_is_ignored(header: str | None) -> None:
    assert parse_wait(header, SETTINGS) == (1.5, None)

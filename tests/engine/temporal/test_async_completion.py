"""A service's answer is JSON that every part of the platform can store, or an error."""

from __future__ import annotations

import pytest

from engine.calls.http import decode_content
from engine.egress.guard import Answer, EgressError

pytestmark = pytest.mark.unit


def answer(body: bytes, kind: str = "application/json") -> Answer:
    return Answer(200, {"content-type": kind}, body, "https://example.org/")


HOSTILE = [
    b"NaN",
    b"1e999",
    b'"\\ud800"',
    b"[" * 100_000,
    b"9" * 5_000,
    b"\xff",
    b"{",
    b'{"a": -Infinity}',
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_what_says_that_it_is_json_and_is_none_is_an_error(body: bytes) -> None:
    with pytest.raises(EgressError):
        decode_content(answer(body))


def test_whole_numbers_past_64_bits_are_doubles() -> None:
    assert decode_content(answer(b"[18446744073709551615, 18446744073709551616]")) == [
        2**64 - 1,
        2.0**64,
    ]


def test_what_does_not_say_that_it_is_json_is_text() -> None:
    assert decode_content(answer(b"NaN", "text/plain")) == "NaN"

"""What children have answered lately."""

import pytest

from engine.expressions.sandbox.cache import BYTES_MAX, ENTRIES_MAX, OutputCache

pytestmark = pytest.mark.unit


def test_an_answer_is_known_to_who_asked_for_it_until_others_have_taken_its_place() -> None:
    cache = OutputCache()
    cache.store(("a", ".x", b"1"), b"one")
    assert cache.get(("a", ".x", b"1")) == b"one"
    assert cache.get(("b", ".x", b"1")) is None
    for number in range(ENTRIES_MAX):
        cache.store(("a", ".x", b"new %d" % number), b"other")
    assert cache.get(("a", ".x", b"1")) is None


def test_nothing_large_is_kept_be_it_the_program_its_data_or_its_answer() -> None:
    cache, large = OutputCache(), "x" * BYTES_MAX
    for asked, answer in (
        (("a", large, b""), b"-"),
        (("a", "", large.encode()), b"-"),
        (("a", "", b""), large.encode() + b"-"),
    ):
        cache.store(asked, answer)
        assert cache.get(asked) is None

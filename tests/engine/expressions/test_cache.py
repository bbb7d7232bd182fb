"""What children have answered lately."""

import pytest

from engine.expressions.sandbox.cache import BYTES_MAX, KEPT, Answers

pytestmark = pytest.mark.unit


def test_an_answer_is_known_to_who_asked_for_it_until_others_have_taken_its_place() -> None:
    answers = Answers()
    answers.put(("a", ".x", b"1"), b"one")
    assert answers.get(("a", ".x", b"1")) == b"one"
    assert answers.get(("b", ".x", b"1")) is None
    for number in range(KEPT):
        answers.put(("a", ".x", b"new %d" % number), b"other")
    assert answers.get(("a", ".x", b"1")) is None


def test_nothing_large_is_kept_be_it_the_program_its_data_or_its_answer() -> None:
    answers, large = Answers(), "x" * BYTES_MAX
    for asked, answer in (
        (("a", large, b""), b"-"),
        (("a", "", large.encode()), b"-"),
        (("a", "", b""), large.encode() + b"-"),
    ):
        answers.put(asked, answer)
        assert answers.get(asked) is None

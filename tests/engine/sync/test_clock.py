"""The laws of clocks: a partial order, and a join in it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InvalidError
from engine.sync import clock
from engine.sync.clock import CausalOrder

pytestmark = pytest.mark.unit


AGENTS = st.sampled_from(["a", "b", "c", "d"])
CLOCKS = st.dictionaries(AGENTS, st.integers(0, 5), max_size=4)
MIRROR = {
    CausalOrder.EQUAL: CausalOrder.EQUAL,
    CausalOrder.DOMINATES: CausalOrder.BELOW,
    CausalOrder.BELOW: CausalOrder.DOMINATES,
    CausalOrder.CONCURRENT: CausalOrder.CONCURRENT,
}


@given(CLOCKS, CLOCKS)
def test_seen_from_the_other_side_the_order_is_mirrored(
    one: clock.Clock, other: clock.Clock
) -> None:
    assert clock.compare(other, one) is MIRROR[clock.compare(one, other)]


@given(CLOCKS, CLOCKS)
def test_equal_means_the_same_canonical_form(one: clock.Clock, other: clock.Clock) -> None:
    equal = clock.compare(one, other) is CausalOrder.EQUAL
    assert equal == (clock.canonicalize(one) == clock.canonicalize(other))


@given(CLOCKS, CLOCKS, CLOCKS)
def test_descending_is_transitive(one: clock.Clock, two: clock.Clock, three: clock.Clock) -> None:
    if clock.descends(one, two) and clock.descends(two, three):
        assert clock.descends(one, three)


@given(CLOCKS, CLOCKS, CLOCKS)
def test_merge_is_a_join(one: clock.Clock, two: clock.Clock, three: clock.Clock) -> None:
    joined = clock.merge(one, two)
    assert joined == clock.merge(two, one)
    assert clock.merge(joined, three) == clock.merge(one, clock.merge(two, three))
    assert clock.merge(one, one) == clock.canonicalize(one)
    assert clock.descends(joined, one)
    assert clock.descends(joined, two)
    if clock.descends(three, one) and clock.descends(three, two):
        assert clock.descends(three, joined), "it is the least of those above both"


@given(CLOCKS, AGENTS)
def test_an_agents_next_write_dominates_what_it_has_seen(seen: clock.Clock, agent_id: str) -> None:
    assert clock.compare(clock.increment(seen, agent_id), seen) is CausalOrder.DOMINATES


@given(CLOCKS, AGENTS, AGENTS)
def test_two_agents_that_write_apart_are_concurrent(seen: clock.Clock, one: str, two: str) -> None:
    if one != two:
        apart = clock.compare(clock.increment(seen, one), clock.increment(seen, two))
        assert apart is CausalOrder.CONCURRENT


BAD: list[tuple[Any, str]] = [
    ({}, "/vectorClock"),
    ([], "/vectorClock"),
    (None, "/vectorClock"),
    ({f"a{number}": 1 for number in range(65)}, "/vectorClock"),
    ({"a": -1}, "/vectorClock/a"),
    ({"a": 2**53}, "/vectorClock/a"),
    ({"a": 1.5}, "/vectorClock/a"),
    ({"a": True}, "/vectorClock/a"),
    ({"a": "1"}, "/vectorClock/a"),
    ({"": 1}, "/vectorClock/"),
    ({"a b": 1}, "/vectorClock/a b"),
    ({"é/": 1}, "/vectorClock/é~1"),
    ({"a" * 129: 1}, "/vectorClock/" + "a" * 129),
]


@pytest.mark.parametrize(("value", "pointer"), BAD)
def test_what_is_no_clock_is_refused_by_its_pointer(value: Any, pointer: str) -> None:
    with pytest.raises(InvalidError) as refused:
        clock.parse(value)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]


def test_a_counter_is_an_integer_by_its_value_however_it_is_written() -> None:
    read = clock.parse({"a": 2.0, "b": 1e3})
    assert read == {"a": 2, "b": 1000}
    assert {type(counter) for counter in read.values()} == {int}

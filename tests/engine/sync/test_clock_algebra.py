"""The algebra of clocks, compared with sets of all events that an agent has seen.

A counter of n stands for an agent's events 1 to n. One clock descends from another when its set
contains the other's, and the join of two clocks is the union of their sets.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sync import clock
from engine.sync.clock import CausalOrder, Clock

pytestmark = pytest.mark.unit


AGENT_IDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=3)
AGENTS = st.one_of(st.sampled_from(["a", "b", "c"]), AGENT_IDS)
CLOCKS = st.dictionaries(AGENTS, st.integers(0, 4), max_size=5)
SENT = st.dictionaries(AGENTS, st.integers(0, 2**53 - 1), min_size=1, max_size=64)


def events(counters: Clock) -> set[tuple[str, int]]:
    """Return the events that a clock counts."""
    return {
        (agent, event) for agent, counter in counters.items() for event in range(1, counter + 1)
    }


@given(CLOCKS, CLOCKS)
def test_descending_is_holding_all_of_the_others_events(one: Clock, other: Clock) -> None:
    assert clock.descends(one, other) == (events(one) >= events(other))


@given(CLOCKS, CLOCKS)
def test_the_order_is_that_of_the_sets(one: Clock, other: Clock) -> None:
    mine, theirs = events(one), events(other)
    by_sets = {
        CausalOrder.EQUAL: mine == theirs,
        CausalOrder.DOMINATES: mine > theirs,
        CausalOrder.BELOW: mine < theirs,
        CausalOrder.CONCURRENT: bool(mine - theirs) and bool(theirs - mine),
    }
    assert [order for order, holds in by_sets.items() if holds] == [clock.compare(one, other)]


@given(CLOCKS, CLOCKS)
def test_the_order_agrees_with_descending(one: Clock, other: Clock) -> None:
    order = clock.compare(one, other)
    assert clock.descends(one, other) == (order in {CausalOrder.EQUAL, CausalOrder.DOMINATES})
    assert clock.descends(other, one) == (order in {CausalOrder.EQUAL, CausalOrder.BELOW})


@given(CLOCKS, CLOCKS, CLOCKS)
def test_the_order_is_partial(one: Clock, two: Clock, three: Clock) -> None:
    assert clock.compare(one, one) is CausalOrder.EQUAL
    if clock.descends(one, two) and clock.descends(two, one):
        assert clock.canonicalize(one) == clock.canonicalize(two)
    if clock.compare(one, two) is clock.compare(two, three) is CausalOrder.DOMINATES:
        assert clock.compare(one, three) is CausalOrder.DOMINATES


@given(CLOCKS, CLOCKS)
def test_the_join_is_the_union(one: Clock, other: Clock) -> None:
    assert events(clock.merge(one, other)) == events(one) | events(other)


@given(CLOCKS, CLOCKS, CLOCKS)
def test_the_join_is_that_of_a_semilattice(one: Clock, two: Clock, three: Clock) -> None:
    assert clock.merge(one, two) == clock.merge(two, one)
    assert clock.merge(clock.merge(one, two), three) == clock.merge(one, clock.merge(two, three))
    assert clock.merge(one, one) == clock.canonicalize(one)
    assert clock.merge(one, {}) == clock.canonicalize(one)
    assert clock.descends(one, two) == (clock.merge(one, two) == clock.canonicalize(one))


@given(CLOCKS, AGENTS)
def test_the_next_write_has_one_event_more(seen: Clock, agent_id: str) -> None:
    following = clock.increment(seen, agent_id)
    assert clock.compare(following, seen) is CausalOrder.DOMINATES
    assert events(following) - events(seen) == {(agent_id, seen.get(agent_id, 0) + 1)}


@given(CLOCKS)
def test_the_canonical_form_says_the_same_and_is_its_own(counters: Clock) -> None:
    form = clock.canonicalize(counters)
    assert events(form) == events(counters)
    assert clock.canonicalize(form) == form
    assert list(form) == sorted(form)
    assert 0 not in form.values()


@given(SENT)
def test_what_was_read_reads_as_itself(sent: dict[str, Any]) -> None:
    read = clock.parse(sent)
    assert read == clock.canonicalize(sent)
    if read:
        assert clock.parse(read) == read
    written_otherwise = {agent: float(counter) for agent, counter in sent.items()}
    assert clock.parse(written_otherwise) == read

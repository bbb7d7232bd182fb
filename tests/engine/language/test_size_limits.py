"""What a value measures is what it would be written out, however it is remembered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.errors import FaultError
from engine.language.size_limits import DATA_DEPTH_MAX, HELD_BYTES_MAX, SizeMeter

pytestmark = pytest.mark.unit


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=80) | st.dictionaries(st.text(max_size=4), inner, max_size=80)
    ),
    max_leaves=60,
)


def size(value: Any) -> int:
    if isinstance(value, dict):
        return 4 + sum(len(name) + 4 + size(member) for name, member in value.items())
    if isinstance(value, list):
        return 4 + sum(map(size, value))
    return len(value) + 2 if isinstance(value, str) else 4


def nested(levels: int, leaf: Any = None) -> Any:
    for _ in range(levels - 1):
        leaf = [leaf]
    return leaf


def fits(size_meter: SizeMeter, value: Any, most: int) -> bool:
    try:
        return size_meter.size(value, most) == size(value)
    except FaultError:
        return False


@given(value=VALUES, others=st.lists(VALUES, max_size=3))
@settings(max_examples=300)
def test_a_value_fits_exactly_when_it_is_no_larger_than_it_may_be(
    value: Any, others: list[Any]
) -> None:
    size_meter = SizeMeter()
    shared = [value, *others, {"again": value}, [0] * 64]
    for one in (value, shared, value, [shared, shared]):
        assert fits(size_meter, one, size(one))
        assert not fits(size_meter, one, size(one) - 1)


@pytest.mark.parametrize("wide", [1, 64, 1000])
def test_a_value_may_be_so_deep_and_no_deeper_wherever_it_stands(wide: int) -> None:
    size_meter = SizeMeter()
    large = [nested(100)] * wide
    assert fits(size_meter, large, 10**9)
    assert fits(size_meter, nested(DATA_DEPTH_MAX - 100, large), 10**9)
    assert not fits(size_meter, nested(DATA_DEPTH_MAX - 99, large), 10**9)
    assert fits(size_meter, nested(DATA_DEPTH_MAX), 10**9)
    assert not fits(size_meter, nested(DATA_DEPTH_MAX + 1), 10**9)


def test_what_names_itself_many_times_is_measured_as_if_written_out() -> None:
    value: Any = "x" * 100
    for _ in range(40):
        value = [value, value]
    assert not fits(SizeMeter(), value, 10**6)


def test_a_large_value_is_looked_at_once() -> None:
    size_meter = SizeMeter()
    large = [[number] for number in range(10_000)]
    size_meter.size(large)
    before = size_meter.visits
    for _ in range(100):
        size_meter.size({"a": large})
    assert size_meter.visits - before < 1_000


def test_of_a_flood_of_large_values_no_more_is_remembered_than_may_be_held() -> None:
    size_meter = SizeMeter()
    for number in range(200):
        size_meter.size([number] * 100_000)
    assert remembered(size_meter) <= HELD_BYTES_MAX


def test_what_is_held_is_counted_once_each_and_what_is_not_is_forgotten() -> None:
    size_meter = SizeMeter()
    held, gone = [[1] * 100_000 for _ in range(3)], [[2] * 100_000 for _ in range(3)]
    for value in (*held, *gone):
        size_meter.size(value)
    before = size_meter.visits
    assert size_meter.total_size([*held, *held]) == 3 * size(held[0])
    assert size_meter.visits - before < 10
    assert remembered(size_meter) == 3 * size(held[0])
    with pytest.raises(FaultError):
        size_meter.total_size(held, 3 * size(held[0]) - 1)


def remembered(size_meter: SizeMeter) -> int:
    return sum(known.size for known in size_meter._large_values.values())  # noqa: SLF001 - nobody else asks for it

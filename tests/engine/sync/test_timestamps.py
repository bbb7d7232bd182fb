from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts import timestamps
from engine.errors import InvalidError

pytestmark = pytest.mark.unit


FAR = timestamps.from_datetime(datetime(9999, 12, 31, tzinfo=UTC))


@given(st.integers(0, FAR))
def test_a_stamp_survives_its_text_exactly(value: int) -> None:
    assert timestamps.parse(timestamps.to_text(value), "/since") == value


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"),
        ("2026-01-02t03:04:05.5z", "2026-01-02T03:04:05.500000Z"),
        ("2026-01-02T03:04:05.1234569Z", "2026-01-02T03:04:05.123456Z"),
        ("2026-01-02T05:04:05+02:00", "2026-01-02T03:04:05.000000Z"),
        ("2026-01-02T05:04:05 02:00", "2026-01-02T03:04:05.000000Z"),
    ],
)
def test_any_rfc_3339_time_is_read(text: str, same: str) -> None:
    assert timestamps.to_text(timestamps.parse(text, "/since")) == same


@pytest.mark.parametrize(
    "text", ["", "now", "2026-01-02", "2026-13-01T00:00:00Z", "20260102T030405Z", "1767322800"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidError):
        timestamps.parse(text, "/since")

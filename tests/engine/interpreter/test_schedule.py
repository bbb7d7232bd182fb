from datetime import UTC, datetime, timedelta

import pytest

from engine.interpreter import documents
from engine.language.schedule import Schedule
from tests.engine.interpreter.conftest import HEADER

SAVED = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return SAVED + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("now", "wanted"), [(-1, 10), (0, 10), (9.9, 10), (10, 20), (10.1, 20), (3_605, 3_610)]
)
def test_an_interval_counts_from_when_the_definition_was_saved(now: float, wanted: float) -> None:
    assert Schedule(every=10.0).next("every", saved=SAVED, now=at(now)) == at(wanted)


@pytest.mark.parametrize(
    ("cron", "wanted"),
    [
        ("30 12 * * *", datetime(2026, 1, 1, 12, 30, tzinfo=UTC)),
        ("0 0 * * MON", datetime(2026, 1, 5, tzinfo=UTC)),
        ("0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ("0 9 L * *", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("*/20 * * * * *", datetime(2026, 1, 1, 12, 0, 20, tzinfo=UTC)),
    ],
)
def test_a_cron_expression_names_the_next_time_in_utc(cron: str, wanted: datetime) -> None:
    assert Schedule(cron=cron).next("cron", saved=SAVED, now=SAVED) == wanted


def test_times_that_have_passed_are_not_made_up_for() -> None:
    assert Schedule(every=60.0).next("every", saved=SAVED, now=at(86_430)) == at(86_460)


TICK = {"with": {"type": "t"}}
REFUSED = [
    ({}, "/schedule", "must have one of every, cron, after, on"),
    ({"each": "PT1M"}, "/schedule/each", "unknown property"),
    ({"every": "PT0.5S"}, "/schedule/every", "must be between one second and a year"),
    ({"every": {"days": 400}}, "/schedule/every", "must be between one second and a year"),
    ({"after": "soon"}, "/schedule/after", "must be an ISO 8601 duration such as PT15M"),
    ({"after": "${ .delay }"}, "/schedule/after", "must be a duration"),
    ({"cron": "* * *"}, "/schedule/cron", "is no cron expression: wrong number of fields"),
    ({"cron": "61 * * * *"}, "/schedule/cron", "is no cron expression: bad minute"),
    ({"every": "PT1M", "read": "data"}, "/schedule/read", "needs on"),
    ({"on": {"one": TICK}, "read": "all"}, "/schedule/read", "must be one of data, envelope, raw"),
    (
        {"on": {"one": {"with": {"data": "${ $input }"}}}},
        "/schedule/on/one/with/data",
        "$input is not defined",
    ),
    ({"on": {"one": TICK, "any": []}}, "/schedule/on", "must have exactly one of one, any, all"),
]


@pytest.mark.parametrize(("schedule", "pointer", "detail"), REFUSED)
def test_a_schedule_that_cannot_be_is_refused_with_its_place(
    schedule: object, pointer: str, detail: str
) -> None:
    document = {"document": HEADER, "schedule": schedule, "do": [{"s": {"set": {"a": 1}}}]}
    faults = [(fault.pointer, fault.detail) for fault in documents.check(document)]
    assert any(found[0] == pointer and detail in found[1] for found in faults), faults


@pytest.mark.parametrize(
    "schedule",
    [
        {"every": {"minutes": 5}},
        {"cron": "0 0 * * *"},
        {"after": "PT1H", "on": {"any": [TICK], "until": {"one": TICK}}, "read": "envelope"},
    ],
)
def test_a_schedule_of_the_language_is_accepted(schedule: dict[str, object]) -> None:
    document = {"document": HEADER, "schedule": schedule, "do": [{"s": {"set": {"a": 1}}}]}
    assert documents.check(document) == []
    found = documents.parse(document).schedule
    assert found is not None
    assert [*found.triggers()] == [
        name for name in ("every", "cron", "after", "on") if name in schedule
    ]

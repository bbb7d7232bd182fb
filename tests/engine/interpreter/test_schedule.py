import pytest

from engine.interpreter import documents
from tests.support.interpreter.executions import HEADER

pytestmark = pytest.mark.unit


TICK = {"with": {"type": "t"}}
FAULTS = [
    ({}, "/schedule", "must have one of every, cron, after, on"),
    ({"each": "PT1M"}, "/schedule/each", "unknown property"),
    ({"every": "PT0.5S"}, "/schedule/every", "must be between one second and a year"),
    ({"every": {"days": 400}}, "/schedule/every", "must be between one second and a year"),
    ({"after": "soon"}, "/schedule/after", "must be an ISO 8601 duration such as PT15M"),
    ({"after": "${ .delay }"}, "/schedule/after", "must be a duration"),
    ({"cron": "* * *"}, "/schedule/cron", "is no cron expression: wrong number of fields"),
    ({"cron": "61 * * * *"}, "/schedule/cron", "is no cron expression: bad minute"),
    *(
        (
            {"cron": cron},
            "/schedule/cron",
            "must name days by number: L, the last day of a month, is not",
        )
        for cron in (
            "0 0 L * *",
            "0 9 LW * *",
            "15 10 * * 5L",
            "0 0 10,L * *",
            "5 4 * * SUN,WED#3,4L",
        )
    ),
    ({"every": "PT1M", "read": "data"}, "/schedule/read", "needs on"),
    ({"on": {"one": TICK}, "read": "all"}, "/schedule/read", "must be one of data, envelope, raw"),
    (
        {"on": {"one": {"with": {"data": "${ $input }"}}}},
        "/schedule/on/one/with/data",
        "$input is not defined",
    ),
    ({"on": {"one": TICK, "any": []}}, "/schedule/on", "must have exactly one of one, any, all"),
]


@pytest.mark.parametrize(("schedule", "pointer", "detail"), FAULTS)
def test_a_schedule_that_cannot_be_is_refused_with_its_place(
    schedule: object, pointer: str, detail: str
) -> None:
    document = {"document": HEADER, "schedule": schedule, "do": [{"s": {"set": {"a": 1}}}]}
    faults = [(fault.pointer, fault.detail) for fault in documents.check(document)]
    assert any(place == pointer and detail in text for place, text in faults), faults


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
    triggers = documents.parse(document).schedule
    assert triggers is not None
    assert [*triggers.triggers()] == [
        name for name in ("every", "cron", "after", "on") if name in schedule
    ]

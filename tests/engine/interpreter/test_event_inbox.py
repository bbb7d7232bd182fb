import json
from typing import Any

import pytest

from engine.interpreter.constructs.event_consumption import ConsumptionProgress
from engine.interpreter.runtime import event_inbox
from engine.interpreter.runtime.event_inbox import DIGESTS_MAX, EVENTS_MAX, EventInbox
from engine.language.errors import ExhaustedError

pytestmark = pytest.mark.unit


def event(number: int, **more: Any) -> dict[str, Any]:
    return {"id": str(number), "source": "/s", "type": "t", "specversion": "1.0"} | more


def ids(inbox: EventInbox) -> list[str]:
    return [found["id"] for _, found in inbox.events]


def test_events_are_looked_at_in_the_order_they_came_and_stay_until_they_are_consumed() -> None:
    inbox = EventInbox()
    inbox.add([event(1), event(2)])
    inbox.add([event(3)])
    first = inbox.next(0)
    assert first == (1, event(1))
    assert inbox.next(1) == (2, event(2))
    inbox.consume(2)
    assert inbox.next(1) == (3, event(3))
    assert inbox.next(3) is None
    assert ids(inbox) == ["1", "3"]


def test_an_event_that_comes_again_is_not_taken_in_even_when_the_first_was_consumed() -> None:
    inbox = EventInbox()
    inbox.add([event(1)])
    inbox.consume(1)
    inbox.add([event(1), event(1, source="/another")])
    assert [found["source"] for _, found in inbox.events] == ["/another"]


def test_while_nothing_listens_the_newest_events_are_kept() -> None:
    inbox = EventInbox()
    inbox.add(event(number) for number in range(EVENTS_MAX + 5))
    assert (len(inbox.events), ids(inbox)[0]) == (EVENTS_MAX, "5")
    assert inbox.next(0) == (6, event(5))


def test_while_something_listens_no_event_is_forgotten_in_silence() -> None:
    inbox = EventInbox()
    with inbox.listener():
        inbox.add(event(number) for number in range(EVENTS_MAX + 1))
        with pytest.raises(ExhaustedError, match="10000"):
            inbox.next(0)


def test_bytes_are_bounded_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_inbox, "BYTES_MAX", 1_000)
    inbox = EventInbox()
    inbox.add(event(number, data="x" * 300) for number in range(5))
    assert ids(inbox) == ["3", "4"]
    inbox.consume(4)
    inbox.add([event(9, data="x" * 300), event(10, data="x" * 300)])
    assert ids(inbox) == ["9", "10"]


def test_it_goes_on_from_what_another_one_held_and_remembered() -> None:
    inbox = EventInbox()
    inbox.add([event(1), event(2), event(3)])
    inbox.consume(2)
    resumed = EventInbox.from_json(json.loads(json.dumps(inbox.to_json())))
    assert resumed == inbox
    resumed.add([event(2), event(4)])
    assert resumed.events == [(1, event(1)), (3, event(3)), (4, event(4))]


def test_it_remembers_no_more_than_it_may() -> None:
    inbox = EventInbox()
    inbox.add(event(number) for number in range(DIGESTS_MAX + 10))
    assert len(inbox.digests) == DIGESTS_MAX
    inbox.drop_until(DIGESTS_MAX + 10)
    inbox.add([event(DIGESTS_MAX), event(0)])
    assert ids(inbox) == ["0"]


def test_what_is_looked_at_by_nobody_else_can_be_forgotten() -> None:
    inbox = EventInbox()
    inbox.add([event(1), event(2), event(3)])
    inbox.drop_until(2)
    assert ids(inbox) == ["3"]


def test_where_a_listener_stands_is_plain_data() -> None:
    progress = ConsumptionProgress(
        last_number=3, outputs=[1], correlation={"a": "b"}, matches=[0], until_matches=[1]
    )
    assert ConsumptionProgress.from_json(progress.to_json()) == progress

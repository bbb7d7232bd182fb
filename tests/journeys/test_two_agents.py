"""Two agents of one person keep their states in step."""

from collections.abc import Iterator

import pytest
from uuid_utils.compat import uuid7

from bin.devtools.stack.client import Client, Keys, RefusedError
from tests.support.journeys.streams import EVENT_SECONDS_MAX, listen
from tests.support.platform import Platform

pytestmark = pytest.mark.journey


@pytest.fixture
def agents(platform: Platform) -> Iterator[tuple[Client, Client]]:
    keys, email = Keys.fresh(), f"{uuid7()}@example.org"
    with (
        Client(platform.api_url, "laptop", keys) as laptop,
        Client(platform.api_url, "phone", keys) as phone,
    ):
        laptop.register(email, "a long pass phrase")
        phone.login(email, "a long pass phrase")
        yield laptop, phone


def test_what_one_agent_pushes_the_other_hears_of_and_reads(agents: tuple[Client, Client]) -> None:
    laptop, phone = agents
    event_ids = listen(phone)
    assert laptop.push("theme", {"dark": True}, version="1", clock={"laptop": 1})["success"] is True
    stamp = event_ids.get(timeout=EVENT_SECONDS_MAX)
    page = phone.pull()
    assert [state["opened"] for state in page["states"]] == [{"dark": True}]
    assert page["head"] == stamp


def test_an_agent_that_was_away_reads_all_of_it_once_in_order(
    agents: tuple[Client, Client],
) -> None:
    laptop, phone = agents
    for number in range(5):
        laptop.push(f"note-{number}", number, version="1", clock={"laptop": 1})
    first = phone.pull(limit="3")
    assert first["hasMore"] is True
    rest = phone.pull(since=first["states"][-1]["updatedAt"])
    assert [state["opened"] for state in first["states"] + rest["states"]] == [0, 1, 2, 3, 4]
    assert rest["hasMore"] is False
    assert phone.pull(since=rest["states"][-1]["updatedAt"])["states"] == []


def test_a_conflict_is_refused_with_what_is_needed_to_merge_and_loses_nothing(
    agents: tuple[Client, Client],
) -> None:
    laptop, phone = agents
    laptop.push("theme", "teal", version="1", clock={"laptop": 1})
    with pytest.raises(RefusedError) as refusal:
        phone.push("theme", "ochre", version="1", clock={"phone": 1})
    problem = refusal.value.problem
    assert refusal.value.response.status_code == 409
    assert (problem["success"], problem["code"]) == (False, "conflict")
    current = problem["current"]
    assert phone.open_state(current) == "teal"
    (state,) = laptop.pull()["states"]
    assert laptop.open_state(state | state["siblings"][0]) == "ochre"
    merged_clock = {"laptop": 1, "phone": 2}
    assert phone.push("theme", "teal and ochre", version="2", clock=merged_clock)["success"] is True
    (state,) = laptop.pull()["states"]
    assert (state["opened"], state["siblings"]) == ("teal and ochre", [])


def test_the_tokens_of_a_session_are_renewed_without_logging_in(
    agents: tuple[Client, Client],
) -> None:
    laptop, _ = agents
    before = laptop.refresh_token
    laptop.refresh()
    assert laptop.refresh_token != before
    assert laptop.pull()["states"] == []

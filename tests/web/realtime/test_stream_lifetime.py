"""When a live stream begins, goes on and ends."""

from uuid import uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from bin.devtools.stack.client import Client
from engine.contracts import timestamps
from engine.store.sync import SyncHead
from tests.support.platform import Platform, beside, new_agent
from tests.support.waiting import until
from tests.support.web.live import DOOR, push
from tests.support.web.people import Make
from web.realtime.flask_bridge import BridgedRequest


@pytest.mark.platform
def test_a_stream_ends_when_its_token_expires(platform: Platform) -> None:
    with beside(platform, ACCESS_TOKEN_SECONDS="2") as other, new_agent(other) as client:

        def lines() -> list[str]:
            """Return a stream's lines; none when its token expired before it was open."""
            client.refresh()
            with client.http.stream("GET", DOOR) as stream:
                return list(stream.iter_lines()) if stream.status_code == 200 else []

        assert until(lines)[0].startswith("retry: ")
        assert client.http.get(DOOR).status_code == 401


@pytest.mark.platform
def test_a_stream_ends_at_logout(laptop: Client, phone: Client) -> None:
    with phone.http.stream("GET", DOOR) as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry: ")
        with Client(str(laptop.http.base_url), "phone", laptop.keys) as elsewhere:
            elsewhere.http.headers["Authorization"] = phone.http.headers["Authorization"]
            elsewhere.http.post("/api/auth/logout").raise_for_status()
        # Its last word may still be that the account was registered, but not what has ended it.
        told = [line for line in lines if line.startswith("data: ") and '"registered"' not in line]
        assert told == [], "it ends, and tells nothing more"


@pytest.mark.platform
def test_a_quiet_stream_is_still_there(platform: Platform) -> None:
    with (
        beside(platform, HEARTBEAT_SECONDS="0.1") as other,
        new_agent(other) as client,
        client.http.stream("GET", DOOR) as stream,
    ):
        beats = [line for line, _ in zip(stream.iter_lines(), range(8), strict=False) if line]
    assert beats[1:] == [": still here"] * 3


@pytest.mark.platform
def test_a_stream_is_refused_where_no_pull_could_follow(
    laptop: Client, sessions: sessionmaker[Session]
) -> None:
    before = push(laptop, "one")
    after = push(laptop, "two")
    for named in ({"Last-Event-ID": "2999-01-01T00:00:00Z"}, {}):
        refused = laptop.http.get(DOOR, headers=named, params={"since": "2999-01-01T00:00:00Z"})
        assert (refused.status_code, refused.json()["code"]) == (409, "resync_required")
    with sessions.begin() as session:  # as the sweeper moves it when it buries tombstones
        account_id = laptop.request("GET", "/api/auth/me")["id"]
        session.execute(
            update(SyncHead)
            .where(SyncHead.account_id == account_id)
            .values(horizon=timestamps.parse(after, "/since"))
        )
    refused = laptop.http.get(DOOR, headers={"Last-Event-ID": before})
    assert (refused.status_code, refused.json()["code"]) == (410, "resync_required")


@pytest.mark.platform
def test_last_event_id_goes_before_since_and_since_serves_alone(
    laptop: Client, phone: Client
) -> None:
    before = push(laptop, "one")
    after = push(laptop, "two")
    with phone.http.stream("GET", DOOR, params={"since": before}) as stream:
        assert f"id: {after}" in next(
            line for line in stream.iter_lines() if line.startswith("id: ")
        )
    with phone.http.stream(
        "GET", DOOR, params={"since": before}, headers={"Last-Event-ID": after}
    ) as stream:
        lines = stream.iter_lines()
        next(lines)
        last = push(laptop, "three")
        assert next(line for line in lines if line.startswith("id: ")) == f"id: {last}"


@pytest.mark.stack
def test_strangers_at_the_door_count_by_the_address_that_the_proxy_names(
    make: Make,
) -> None:
    app = make(PROXY_HOPS="1", LIMIT_GENERAL_PER_MINUTE="2")
    scope = {"path": DOOR, "method": "GET", "query_string": b"", "client": ("192.0.2.1", 1)}

    def status(address: str) -> int:
        request = BridgedRequest.from_scope(
            app, scope | {"headers": [(b"x-forwarded-for", address.encode())]}
        )
        problem = request.run_hooks()
        assert problem is not None
        return problem.status_code

    one, other = (f"2001:db8:{uuid4().hex[:4]}:{number}::1" for number in (1, 2))
    assert [status(one), status(one), status(one), status(other)] == [401, 401, 429, 401]

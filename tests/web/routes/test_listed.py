"""Lists of what an account may have any number of end, and say so."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from engine.store.account_scope import LISTED_MAX
from engine.store.accounts import Agent, Channel, RefreshSession
from tests.support.web.people import Person

pytestmark = pytest.mark.stack

NOW = datetime.now(UTC)


def fill(sessions: sessionmaker[Session], person: Person, count: int) -> None:
    """Insert as many agents, each with a session and a channel."""
    account_id, soon = UUID(person.id), NOW + timedelta(hours=1)
    own = [{"account_id": account_id, "created_at": NOW} for _ in range(count)]
    agents = [row | {"id": f"agent-{n}", "last_seen_at": soon} for n, row in enumerate(own)]
    logins = [row | {"id": uuid7(), "rotated_at": NOW, "proved_at": NOW} for row in own]
    channel = {"kind": "webhook", "endpoint": "https://example.org/", "secret": "", "told_stamp": 0}
    channels = [
        row | channel | {"id": uuid7(), "agent_id": f"agent-{n}"} for n, row in enumerate(own)
    ]
    with sessions.begin() as session:
        session.execute(insert(Agent), agents)
        session.execute(insert(RefreshSession), logins)
        session.execute(insert(Channel), channels)


@pytest.mark.parametrize(
    ("path", "member"),
    [("/api/agents", "agents"), ("/api/auth/sessions", "sessions"), ("/api/channels", "channels")],
)
def test_a_long_list_ends_and_says_that_more_follow(
    client: FlaskClient,
    person: Person,
    sessions: sessionmaker[Session],
    path: str,
    member: str,
) -> None:
    answer = client.get(path, headers=person.headers).get_json()
    assert (len(answer[member]) <= 1, answer["hasMore"]) == (True, False)
    fill(sessions, person, LISTED_MAX + 1)
    answer = client.get(path, headers=person.headers).get_json()
    assert (len(answer[member]), answer["hasMore"]) == (LISTED_MAX, True)

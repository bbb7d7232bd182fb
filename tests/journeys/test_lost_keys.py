"""One account whose key is lost, and all the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from sqlalchemy.orm import Session, sessionmaker

from bin.devtools.stack.client import Client
from engine.store.accounts import AccountKey
from tests.support.journeys.executions import (
    handle_of,
    start_sleeper,
    statuses,
    wait_for_end,
    wait_until_launched,
)
from tests.support.platform import Platform, new_agent
from tests.support.waiting import until

pytestmark = pytest.mark.journey


@contextmanager
def key_lost(sessions: sessionmaker[Session], account_id: UUID) -> Iterator[None]:
    """Have an account's key wrapped by one that no ring has, while the body runs."""

    def swap(wrapped_key: str) -> str:
        with sessions.begin() as session:
            key = session.get_one(AccountKey, account_id)
            before, key.wrapped_key = key.wrapped_key, wrapped_key
            return before

    before = swap("nobodys.AAAA")
    try:
        yield
    finally:
        swap(before)


async def test_an_account_whose_key_is_lost_holds_up_no_other(
    platform: Platform, sessions: sessionmaker[Session], laptop: Client
) -> None:
    with new_agent(platform) as unlucky:
        executions_of = {client: start_sleeper(client) for client in (unlucky, laptop)}
        for _, execution_id in executions_of.values():
            wait_until_launched(sessions, execution_id)
        with key_lost(sessions, UUID(unlucky.request("GET", "/api/auth/me")["id"])):
            for _, execution_id in executions_of.values():
                await (await handle_of(platform, execution_id)).terminate()
            for client in (laptop, unlucky):
                assert until(lambda: statuses(client, *executions_of[client]) == {"failed"})  # noqa: B023 - at once
        _, execution_id = executions_of[unlucky]
        assert wait_for_end(unlucky, execution_id)["error"]["type"].endswith("/runtime")

"""Concurrent and repeated refresh tokens on the running platform."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import httpx2
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from engine.store.accounts import RefreshSession
from tests.support.attack import Account, login, register
from tests.support.platform import Platform

pytestmark = pytest.mark.platform


RACERS = 16
ROUNDS = 5


def exchange(http: httpx2.Client, token: str) -> Any:
    return http.post("/api/auth/refresh", json={"refreshToken": token}).json()


def test_of_sixteen_at_once_all_get_the_one_successor(
    platform: Platform, http: httpx2.Client
) -> None:
    token = register(http).answer["refreshToken"]
    for _ in range(ROUNDS):
        start = Barrier(RACERS)

        def race(held: str = token, start: Barrier = start) -> Any:
            with httpx2.Client(base_url=platform.api_url, timeout=40) as racer:
                racer.get("/health/live")  # connected before the start
                start.wait()
                return exchange(racer, held)

        with ThreadPoolExecutor(RACERS) as pool:
            answers = [future.result() for future in [pool.submit(race) for _ in range(RACERS)]]
        successors = {answer.get("refreshToken") for answer in answers}
        assert len(successors) == 1, "one rotation, and nobody was taken for a thief"
        (token,) = successors
    assert "accessToken" in exchange(http, token)


def outlast_the_grace(sessions: sessionmaker[Session], account: Account) -> None:
    with sessions.begin() as session:
        mine = RefreshSession.account_id == account.answer["user"]["id"]
        earlier = RefreshSession.rotated_at - timedelta(seconds=31)
        session.execute(update(RefreshSession).where(mine).values(rotated_at=earlier))


def test_a_thief_who_comes_after_the_grace_ends_the_session_and_its_owner_hears_of_it(
    http: httpx2.Client, sessions: sessionmaker[Session]
) -> None:
    account = register(http)
    stolen_token = account.answer["refreshToken"]
    current = exchange(http, stolen_token)
    outlast_the_grace(sessions, account)
    assert exchange(http, stolen_token)["code"] == "refresh_reused"
    assert exchange(http, current["refreshToken"])["code"] == "refresh_invalid"
    access = http.get("/api/auth/me", headers=account.headers | bearing(current)).json()
    assert access["code"] == "session_ended", "access tokens end with it"
    trail = http.get(
        "/api/auth/audit", headers=account.headers | bearing(login(http, account))
    ).json()
    assert "refresh_reused" in [event["kind"] for event in trail["events"]]


def test_a_thief_who_is_first_is_found_when_the_owner_comes(
    http: httpx2.Client, sessions: sessionmaker[Session]
) -> None:
    account = register(http)
    thief = exchange(http, account.answer["refreshToken"])
    outlast_the_grace(sessions, account)
    assert exchange(http, account.answer["refreshToken"])["code"] == "refresh_reused"
    assert exchange(http, thief["refreshToken"])["code"] == "refresh_invalid"


def test_a_token_two_rotations_old_ends_the_session_within_the_grace_too(
    http: httpx2.Client,
) -> None:
    first = register(http).answer["refreshToken"]
    second = exchange(http, first)["refreshToken"]
    third = exchange(http, second)["refreshToken"]
    assert exchange(http, first)["code"] == "refresh_reused"
    assert exchange(http, third)["code"] == "refresh_invalid"


def bearing(answer: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer['accessToken']}"}

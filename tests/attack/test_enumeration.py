"""Neither an answer nor its time reveals whether an account exists."""

import random
import time

import httpx2
import pytest
from uuid_utils.compat import uuid7

from tests.support.attack import register

pytestmark = pytest.mark.platform


TRIES = 200
ACCOUNTS = 50  # four tries each, which no backoff slows down
# The chance that an attempt at a known email takes longer than one at an unknown email is 1/2 if
# both take the same time. Over 200 attempts of each, the estimate varies by 0.029 (Mann-Whitney);
# four times that happens once in 16,000 runs.
NOISE = 4 * ((2 * TRIES + 1) / (12 * TRIES * TRIES)) ** 0.5


def longer(some: list[float], others: list[float]) -> float:
    """Return the chance that one of some is greater than one of the others."""
    return sum(a > b for a in some for b in others) / (len(some) * len(others))


def seconds(http: httpx2.Client, email: str, password: str) -> tuple[float, int]:
    began = time.perf_counter()
    status = http.post("/api/auth/login", json={"email": email, "password": password}).status_code
    return time.perf_counter() - began, status


def test_a_known_email_and_an_unknown_one_take_the_same_time(http: httpx2.Client) -> None:
    known_emails = [register(http).email for _ in range(ACCOUNTS)] * (TRIES // ACCOUNTS)
    unknown_emails = [f"{uuid7()}@example.org" for _ in range(TRIES)]
    tries = [(email, True) for email in known_emails] + [(email, False) for email in unknown_emails]
    random.shuffle(tries)
    times: dict[bool, list[float]] = {True: [], False: []}
    for email, exists in tries:
        took, status = seconds(http, email, "not the pass phrase")
        assert status == 401
        times[exists].append(took)
    assert abs(longer(times[True], times[False]) - 0.5) < NOISE


def test_the_measure_above_would_notice_a_hash_left_out(http: httpx2.Client) -> None:
    """A password that is refused before it is hashed shows what leaving out the hash looks like."""
    emails = [f"{uuid7()}@example.org" for _ in range(20)]
    hash_times = [seconds(http, email, "not the pass phrase")[0] for email in emails]
    answers = [seconds(http, email, "x" * 2000) for email in emails]
    assert {status for _, status in answers} == {422}
    assert longer(hash_times, [took for took, _ in answers]) - 0.5 > NOISE


def test_answers_differ_in_their_ids_alone(http: httpx2.Client) -> None:
    account = register(http)
    answers = [
        http.post("/api/auth/login", json={"email": email, "password": "not the pass phrase"})
        for email in (account.email, f"{uuid7()}@example.org")
    ]
    known_answer, unknown_answer = ({**answer.json(), "requestId": ""} for answer in answers)
    assert known_answer == unknown_answer
    headers = [{*answer.headers} for answer in answers]
    assert headers[0] == headers[1]

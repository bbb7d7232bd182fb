"""The bench of attacks: its table is honest, its attacks begin and stop. Nothing is measured."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from queue import SimpleQueue

import httpx2
import pytest

from bench.attacks import documents, front_door, peers
from bench.attacks.__main__ import ATTACKS, describe
from bench.attacks.assault import run_attack
from bench.attacks.attacker import Target
from bench.attacks.measurement import COLUMNS, Outcome, Usage, row
from bench.attacks.neighbours import FAILURE_SECONDS, Sample, Samples, send_steadily
from bin.devtools.stack.platform import ROOT
from engine.interpreter.documents import check, read

QUICK_SECONDS_MAX = 300
FAST = [Sample(0.1)] * 50
ALONE = Samples(FAST, FAST, FAST)


def outcome(*beside: list[Sample]) -> Outcome:
    return Outcome("case", 7, Usage(1.0, 2.0, 3 * 1_048_576), ALONE, Samples(*beside))


@pytest.mark.unit
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_says_what_it_tries(name: str) -> None:
    assert re.fullmatch(r"[a-z-]+", name)
    assert describe(ATTACKS[name]).endswith(".")


@pytest.mark.unit
@pytest.mark.parametrize(
    ("executions", "calls", "reads", "is_met"),
    [
        (FAST, FAST, FAST, True),
        ([Sample(0.25)] * 50, [Sample(0.25)] * 50, [Sample(0.45)] * 50, True),
        ([Sample(0.35)] * 50, FAST, FAST, False),
        (FAST, [Sample(0.35)] * 50, FAST, False),
        (FAST, FAST, [Sample(0.55)] * 50, False),
        ([*FAST, Sample(FAILURE_SECONDS, "running")], FAST, FAST, False),
        (FAST, FAST, [*FAST, Sample(FAILURE_SECONDS, "503")], False),
    ],
)
def test_an_aim_is_missed_by_slow_neighbours_and_by_one_without_its_answer(
    executions: list[Sample], calls: list[Sample], reads: list[Sample], is_met: bool
) -> None:
    assert outcome(executions, calls, reads).meets_aims is is_met


@pytest.mark.unit
def test_a_neighbour_who_gets_no_answer_alone_is_no_baseline() -> None:
    alone = Samples([*FAST, Sample(FAILURE_SECONDS, "running")], FAST, FAST)
    assert not Outcome("case", 7, Usage(1.0, 2.0, 3), alone, ALONE).meets_aims


@pytest.mark.unit
def test_a_row_has_a_cell_for_each_column() -> None:
    cells = row(outcome([*FAST, Sample(FAILURE_SECONDS, "running")], FAST, FAST))
    assert dict(zip(COLUMNS, cells, strict=True))["not completed in 25 s"] == "1 of 101"
    assert cells[-1] == "**no**"


@pytest.mark.unit
def test_a_request_begins_whether_the_one_before_has_ended_or_not() -> None:
    last_began = threading.Event()

    def send(number: int) -> str:
        if number == 4:
            last_began.set()
        return "" if last_began.wait(60) else "waited for the ones before"

    samples = send_steadily(send, 100.0, 0.05)
    assert [sample.failure for sample in samples] == [""] * 5


@pytest.mark.unit
def test_a_request_without_its_answer_counts_as_long_as_one_that_never_ends() -> None:
    def send(number: int) -> str:
        if number:
            raise httpx2.ReadTimeout("late")
        return "failed"

    samples = send_steadily(send, 100.0, 0.02)
    assert samples == [
        Sample(FAILURE_SECONDS, "failed"),
        Sample(FAILURE_SECONDS, "ReadTimeout"),
    ]


@pytest.mark.unit
@pytest.mark.parametrize(
    "document",
    [
        documents.ONE_STEP,
        documents.fork_get(1, 64),
        documents.repeat_get(1, 100),
        documents.openapi(1),
        documents.subscription(1),
    ],
)
def test_what_attackers_define_is_a_valid_workflow(document: str) -> None:
    assert check(read(document)) == []


@pytest.mark.unit
def test_what_is_meant_as_faulty_is() -> None:
    assert check(read(documents.FAULTY))


@pytest.mark.unit
def test_an_attack_runs_in_its_own_process_until_it_is_told_to_stop() -> None:
    heads = SimpleQueue[bytes]()

    def speak(connection: socket.socket) -> None:
        heads.put(peers.read_head(connection))

    with peers.peer(speak) as port:
        target = Target(f"http://127.0.0.1:{port}", "")
        with run_attack(front_door.large_heads, target) as assault:
            for _ in range(3):
                assert heads.get(timeout=60).startswith(front_door.START)
        assert assault.requests >= 3


@pytest.mark.journey
def test_the_bench_of_an_attack_prints_its_row() -> None:
    command = [sys.executable, "-m", "bench.attacks", "--exit-zero", "--only", "slow-bodies"]
    bench = subprocess.run(
        command,
        env=os.environ | {"BENCH_QUICK": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=QUICK_SECONDS_MAX,
        check=False,
    )
    assert bench.returncode == 0, bench.stdout + bench.stderr
    (line,) = re.findall(r"^\| slow-bodies \|.*\|$", bench.stdout, re.MULTILINE)
    assert line.count("|") == len(COLUMNS) + 1

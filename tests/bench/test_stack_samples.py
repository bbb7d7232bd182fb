"""Samples of stacks are counted as shares of functions, ours apart from the libraries'."""

import pytest

from bench.stack_samples import count_samples
from bin.devtools.stack.platform import ROOT

pytestmark = pytest.mark.unit


SITE = "/env/lib/python3.11/site-packages"
PUSH = f"run ({SITE}/uvicorn/main.py:1);push (ROOT/web/routes/sync.py:32)"
LINES = [
    f"{PUSH};push_all (ROOT/engine/sync/batch.py:50) 30",
    f"{PUSH};run ({SITE}/sqlalchemy/orm/session.py:9) 60",
    "run (/usr/lib/python3.11/threading.py:1) 9",
    "<module> (ROOT/bench/processes.py:1) 1",
]


def test_a_function_has_what_is_spent_in_it_and_within_it() -> None:
    tally = count_samples(line.replace("ROOT", str(ROOT)) for line in LINES)
    assert (tally.whole, tally.ours) == (100, 30)
    assert tally.own == {"engine/sync/batch.py: push_all": 30}
    assert tally.within == {"web/routes/sync.py: push": 90, "engine/sync/batch.py: push_all": 30}
    assert tally.libraries["sqlalchemy/orm/session.py: run"] == 60
    assert sum(tally.libraries.values()) == 70
    assert "  90.0 %  web/routes/sync.py: push" in tally.summary(5)


def test_a_function_that_calls_itself_counts_once_within_itself() -> None:
    line = f"walk ({ROOT}/engine/a.py:1);walk ({ROOT}/engine/a.py:1) 5"
    assert count_samples([line]).within == {"engine/a.py: walk": 5}

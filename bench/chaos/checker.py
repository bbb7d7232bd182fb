"""The checker: it compares the acknowledged operations with the final state, and nothing else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bench.chaos.history import Entry
from bin.devtools.stack.client import Client


@dataclass(frozen=True, slots=True)
class FinalState:
    """Final state of one account."""

    states: Sequence[dict[str, Any]]  # all pages of a pull from the start, in their order
    executions: Sequence[dict[str, Any]]  # all of the list, each with its outcome
    workflows: Sequence[str]  # names

    @classmethod
    def read(cls, client: Client) -> FinalState:
        """Request all of it."""
        states, query = [], "limit=100"
        while True:
            page = client.request("GET", f"/api/sync/pull?{query}")
            states += page["states"]
            query = f"limit=100&since={page['cursor']}"
            if not page["hasMore"]:
                break
        executions, cursor = [], ""
        while True:
            runs = client.request("GET", f"/api/executions?limit=100{cursor}")
            executions += runs["executions"]
            cursor = f"&cursor={runs['cursor']}"
            if not runs["hasMore"]:
                break
        names, offset = [], 0
        while True:
            page_of_workflows = client.request("GET", f"/api/workflows?limit=100&offset={offset}")
            names += [workflow["name"] for workflow in page_of_workflows["workflows"]]
            offset += 100
            if not page_of_workflows["hasMore"]:
                return cls(states, executions, names)


Counters = dict[str, int]


def judge(entries: Iterable[Entry], states: dict[str, FinalState], lost_accounts: int) -> Counters:
    """Return how often each promise was broken: zeros when none was."""
    by_account: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_account[entry.get("account", "")].append(entry)
    total: Counter[str] = Counter({"registered accounts lost": lost_accounts})
    for account, state in states.items():
        total.update(_judge_account(by_account[account], state))
    refusals = [
        entry for group in by_account.values() for entry in group if entry["operation"] == "refused"
    ]
    total["acknowledgements replaced by a refusal"] = len(refusals)
    return dict(total)


def _judge_account(entries: Sequence[Entry], there: FinalState) -> Counters:
    of = {name: [entry for entry in entries if entry["operation"] == name] for name in OPERATIONS}
    versions = {state["entityId"]: int(state["version"]) for state in there.states}
    stamps = [state["updatedAt"] for state in there.states]
    pulled_stamps = [entry["stamp"] for entry in of["seen"]]
    event_stamps = [entry["stamp"] for entry in of["notice"]]
    newest = max(stamps, default="")
    runs = Counter(run["executionId"] for run in there.executions)
    started_ids = {entry["execution"] for entry in of["executed"]}
    completed_ids = {run["executionId"] for run in there.executions if run["status"] == "completed"}
    names = Counter(there.workflows)
    return {
        "acknowledged pushes lost": sum(
            int(entry["version"]) > versions.get(entry["entity"], 0) for entry in of["push"]
        ),
        "stamps repeated or out of order": (
            len(stamps) - len(set(stamps)) + _count_inversions(pulled_stamps)
        ),
        "states that the cursor missed": len(set(stamps) - set(pulled_stamps)),
        "executions lost": len(started_ids - completed_ids),
        "executions with a wrong result": sum(
            entry["result"] != {"double": 2 * entry["number"]} for entry in of["complete"]
        ),
        "executions doubled": sum(runs.values()) - len(started_ids),
        "workflows lost or doubled": sum(names[entry["name"]] != 1 for entry in of["create"]),
        "notices never delivered": int(bool(newest) and max(event_stamps, default="") < newest),
        "notices repeated": len(event_stamps) - len(set(event_stamps)),
    }


OPERATIONS = ("push", "seen", "notice", "executed", "complete", "create")


def _count_inversions(stamps: Sequence[str]) -> int:
    return sum(later <= earlier for earlier, later in pairwise(stamps))

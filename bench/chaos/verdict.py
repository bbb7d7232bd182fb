"""The checker: it compares what was acknowledged with what is there in the end, and knows nothing else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bench.chaos.history import Entry
from bin.devtools.stack.client import Client


@dataclass(frozen=True, slots=True)
class Found:
    """What is there in the end, of one account."""

    states: Sequence[dict[str, Any]]  # all pages of a pull from the start, in their order
    executions: Sequence[dict[str, Any]]  # all of the list, each with its outcome
    workflows: Sequence[str]  # names

    @classmethod
    def read(cls, client: Client) -> Found:
        """Ask for all of it."""
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
            listed = client.request("GET", f"/api/workflows?limit=100&offset={offset}")
            names += [workflow["name"] for workflow in listed["workflows"]]
            offset += 100
            if not listed["hasMore"]:
                return cls(states, executions, names)


Counters = dict[str, int]


def judge(entries: Iterable[Entry], found: dict[str, Found], lost_accounts: int) -> Counters:
    """Return how often each promise was broken: all zeros when none was."""
    by_account: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_account[entry.get("account", "")].append(entry)
    total: Counter[str] = Counter({"registered accounts lost": lost_accounts})
    for account, there in found.items():
        total.update(_judged(by_account[account], there))
    refused = [
        entry for told in by_account.values() for entry in told if entry["operation"] == "refused"
    ]
    total["acknowledgements replaced by a refusal"] = len(refused)
    return dict(total)


def _judged(told: Sequence[Entry], there: Found) -> Counters:
    of = {name: [entry for entry in told if entry["operation"] == name] for name in OPERATIONS}
    versions = {state["entityId"]: int(state["version"]) for state in there.states}
    stamps = [state["updatedAt"] for state in there.states]
    seen = [entry["stamp"] for entry in of["seen"]]
    heard = [entry["stamp"] for entry in of["notice"]]
    newest = max(stamps, default="")
    runs = Counter(run["executionId"] for run in there.executions)
    asked = {entry["execution"] for entry in of["executed"]}
    completed = {run["executionId"] for run in there.executions if run["status"] == "completed"}
    created = Counter(there.workflows)
    return {
        "acknowledged pushes lost": sum(
            int(entry["version"]) > versions.get(entry["entity"], 0) for entry in of["push"]
        ),
        "stamps repeated or out of order": len(stamps) - len(set(stamps)) + _disordered(seen),
        "states that the cursor missed": len(set(stamps) - set(seen)),
        "executions lost": len(asked - completed),
        "executions with a wrong result": sum(
            entry["result"] != {"double": 2 * entry["number"]} for entry in of["complete"]
        ),
        "executions doubled": sum(runs.values()) - len(asked),
        "workflows lost or doubled": sum(created[entry["name"]] != 1 for entry in of["create"]),
        "notices never delivered": int(bool(newest) and max(heard, default="") < newest),
        "notices repeated": len(heard) - len(set(heard)),
    }


OPERATIONS = ("push", "seen", "notice", "executed", "complete", "create")


def _disordered(stamps: Sequence[str]) -> int:
    return sum(later <= earlier for earlier, later in pairwise(stamps))

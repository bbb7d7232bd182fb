"""What events cost over pure steps: `python -m bench.events`.

Executes three sealed workflows over HTTP with `Prefer: wait`, by turns. One sets a value, one emits
fifty events, one emits an event and listens for it. Prints the medians, and their ratios to the
first.
"""

from __future__ import annotations

import statistics
import time
from uuid import uuid4

from bench.platform import run_platform
from bench.quick_mode import full_or_quick
from bench.results import record
from bin.devtools.stack.client import Client, Keys

ROUNDS = full_or_quick(100, 3)
WARM_UP = full_or_quick(10, 1)
HEAD = "document: {dsl: '1.0.3', namespace: bench, name: events, version: '1.0.0'}\n"
EMIT = "{tell: {emit: {event: {with: {type: told, data: '${ . }'}}}}}"
FILTER = "{with: {type: told}}"
DOCUMENTS = {
    "one pure step": HEAD + "do:\n  - note: {set: {n: '${ .n }'}}\n",
    "fifty emits": HEAD + f"do:\n  - each: {{for: {{in: '[range(50)]'}}, do: [{EMIT}]}}\n",
    "an event to itself": HEAD
    + f"do:\n  - {EMIT}\n  - hear: {{listen: {{to: {{one: {FILTER}}}}}}}\n",
}


def run(client: Client, path: str) -> float:
    """Execute once and return the seconds it took."""
    body = {"input": client.seal(b'{"n": 21}')}
    began = time.perf_counter()
    answer = client.http.post(path, json=body, headers={"Prefer": "wait=20"}).json()
    seconds = time.perf_counter() - began
    if answer["status"] != "completed":
        raise AssertionError(answer)
    return seconds


def main() -> None:
    """Print the medians in milliseconds and their ratios."""
    times_by_name: dict[str, list[float]] = {name: [] for name in DOCUMENTS}
    with run_platform() as platform, Client(platform.api_url, "bench", Keys.fresh()) as client:
        client.register(f"{uuid4()}@example.org", "a long pass phrase")
        ids = {
            name: client.create_workflow(name, document)["id"]
            for name, document in DOCUMENTS.items()
        }
        for turn in range(WARM_UP + ROUNDS):
            for name, definition_id in ids.items():
                seconds = run(client, f"/api/workflows/{definition_id}/execute")
                if turn >= WARM_UP:
                    times_by_name[name].append(seconds)
    medians = {name: statistics.median(seconds) for name, seconds in times_by_name.items()}
    first = medians["one pure step"]
    for name, median in medians.items():
        print(f"{name}: median {1000 * median:.1f} ms, {median / first:.2f} times one pure step")
        if name != "one pure step":
            record(name, 1000 * median, "ms", over="one pure step", baseline=1000 * first)


if __name__ == "__main__":
    main()

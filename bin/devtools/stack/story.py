"""The platform's main use case, played by two agents of one person through the REST API."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import OctKey, OKPKey

from bin.devtools.stack.client import Client, Keys, RefusedError
from bin.devtools.stack.private_files import write_private

EMAIL = "demo@example.org"
EVENT_SECONDS_MAX = 20.0
WORKFLOW = """
document: {dsl: '1.0.3', namespace: demo, name: greet, version: '1.0.0'}
do:
  - greet:
      for: {each: name, in: .names}
      do:
        - add:
            set:
              greetings: ${ (.greetings // []) + ["Hello, \\($name)!"] }
"""


@dataclass(frozen=True, slots=True)
class Demo:
    """Demo account; its password and keys stay on this machine."""

    password: str
    keys: Keys

    @classmethod
    def load(cls, file: Path) -> Demo:
        """Return the demo account in the file, which is created if missing."""
        if not file.exists():
            keys = Keys.fresh()
            account = {
                "password": secrets.token_urlsafe(12),
                "identity": keys.identity.as_dict(private=True),
                "states": keys.states.as_dict(private=True),
            }
            write_private(file, json.dumps(account))
        account = json.loads(file.read_text())
        keys = Keys(OKPKey.import_key(account["identity"]), OctKey.import_key(account["states"]))
        return cls(account["password"], keys)


def play(api_url: str, demo: Demo, *, report: Callable[[str], None]) -> dict[str, Any]:
    """Register or log in, sync two agents, run a sealed workflow; return the execution's answer.

    :raises AssertionError: when an answer is wrong
    """
    with (
        Client(api_url, "laptop", demo.keys) as laptop,
        Client(api_url, "phone", demo.keys) as phone,
    ):
        report("laptop: registering, or logging in")
        try:
            laptop.register(EMAIL, demo.password)
        except RefusedError as refusal:
            if refusal.problem["code"] != "email_taken":
                raise
            laptop.login(EMAIL, demo.password)
        report("phone: logging in")
        phone.login(EMAIL, demo.password)
        _sync(laptop, phone, report)
        return _execute(laptop, report)


def _sync(laptop: Client, phone: Client, report: Callable[[str], None]) -> None:
    before = laptop.pull(type="settings")["states"]
    state = next((row for row in before if row["entityId"] == "theme"), None)
    clock = dict(state["vectorClock"]) if state else {}
    clock["laptop"] = clock.get("laptop", 0) + 1
    report("phone: listening")
    is_open, has_event, times = threading.Event(), threading.Event(), list[float]()
    listener = threading.Thread(
        target=_listen, args=(phone, is_open, has_event, times), daemon=True
    )
    listener.start()
    _expect(is_open.wait(EVENT_SECONDS_MAX), "the phone's stream opens")
    report("laptop: pushing an encrypted state")
    colour = secrets.choice(["teal", "ochre", "indigo"])
    push_at = time.monotonic()
    laptop.push("theme", {"colour": colour}, version=str(clock["laptop"]), clock=clock)
    _expect(has_event.wait(EVENT_SECONDS_MAX), "the phone receives the push")
    report(f"phone: received it {1000 * (times[0] - push_at):.0f} ms after it was sent; pulling")
    states = phone.pull(type="settings")["states"]
    _expect(states[-1]["opened"] == {"colour": colour}, "the phone opens what the laptop encrypted")


def _listen(
    phone: Client, is_open: threading.Event, has_event: threading.Event, times: list[float]
) -> None:
    for event in phone.events():
        if event.event == "open":
            is_open.set()
        elif event.event == "message" and event.data:
            times.append(time.monotonic())
            has_event.set()
            return


def _execute(laptop: Client, report: Callable[[str], None]) -> dict[str, Any]:
    report("laptop: sealing a workflow and creating it")
    workflow = laptop.create_workflow("greet", WORKFLOW)
    report("laptop: executing it with a sealed input")
    answer = laptop.execute(workflow["id"], {"names": ["Ada", "Grace"]})
    greetings = {"greetings": ["Hello, Ada!", "Hello, Grace!"]}
    _expect(answer.get("opened") == greetings, f"the sealed result opens to {greetings}")
    report(f"laptop: opened the sealed result: {json.dumps(answer['opened'])}")
    return answer


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise AssertionError(f"expected that {what}")

"""The main job once through, as two agents of one person live it, through the REST API alone."""

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

EMAIL = "demo@example.org"
HEARD_SECONDS_MAX = 20.0
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
    """The demo account: its password and keys stay on this machine."""

    password: str
    keys: Keys

    @classmethod
    def kept_in(cls, file: Path) -> Demo:
        """Return the demo account kept in the file, made at first sight."""
        if not file.exists():
            keys = Keys.fresh()
            kept = {
                "password": secrets.token_urlsafe(12),
                "identity": keys.identity.as_dict(private=True),
                "states": keys.states.as_dict(private=True),
            }
            file.touch(mode=0o600)
            file.write_text(json.dumps(kept))
        kept = json.loads(file.read_text())
        keys = Keys(OKPKey.import_key(kept["identity"]), OctKey.import_key(kept["states"]))
        return cls(kept["password"], keys)


def play(api_url: str, demo: Demo, *, tell: Callable[[str], None]) -> dict[str, Any]:
    """Register (or log in), sync between two agents, run a sealed workflow; return the execution's answer.

    :raises AssertionError: when an answer is not what it must be.
    """
    with (
        Client(api_url, "laptop", demo.keys) as laptop,
        Client(api_url, "phone", demo.keys) as phone,
    ):
        tell("laptop: registering, or logging in")
        try:
            laptop.register(EMAIL, demo.password)
        except RefusedError as refusal:
            if refusal.problem["code"] != "email_taken":
                raise
            laptop.login(EMAIL, demo.password)
        tell("phone: logging in")
        phone.login(EMAIL, demo.password)
        _sync(laptop, phone, tell)
        return _execute(laptop, tell)


def _sync(laptop: Client, phone: Client, tell: Callable[[str], None]) -> None:
    before = laptop.pull(type="settings")["states"]
    known = next((state for state in before if state["entityId"] == "theme"), None)
    clock = dict(known["vectorClock"]) if known else {}
    clock["laptop"] = clock.get("laptop", 0) + 1
    tell("phone: listening")
    opened, heard, times = threading.Event(), threading.Event(), list[float]()
    listener = threading.Thread(target=_listen, args=(phone, opened, heard, times), daemon=True)
    listener.start()
    _expect(opened.wait(HEARD_SECONDS_MAX), "the phone's stream opens")
    tell("laptop: pushing an encrypted state")
    colour = secrets.choice(["teal", "ochre", "indigo"])
    sent = time.monotonic()
    laptop.push("theme", {"colour": colour}, version=str(clock["laptop"]), clock=clock)
    _expect(heard.wait(HEARD_SECONDS_MAX), "the phone hears of the push")
    tell(f"phone: had heard of it {1000 * (times[0] - sent):.0f} ms after it was sent; pulling")
    states = phone.pull(type="settings")["states"]
    _expect(states[-1]["opened"] == {"colour": colour}, "the phone opens what the laptop encrypted")


def _listen(
    phone: Client, opened: threading.Event, heard: threading.Event, times: list[float]
) -> None:
    for event in phone.events():
        if event.event == "open":
            opened.set()
        elif event.event == "message" and event.data:
            times.append(time.monotonic())
            heard.set()
            return


def _execute(laptop: Client, tell: Callable[[str], None]) -> dict[str, Any]:
    tell("laptop: sealing a workflow and creating it")
    workflow = laptop.create_workflow("greet", WORKFLOW)
    tell("laptop: executing it with a sealed input")
    answer = laptop.execute(workflow["id"], {"names": ["Ada", "Grace"]})
    expected = {"greetings": ["Hello, Ada!", "Hello, Grace!"]}
    _expect(answer.get("opened") == expected, f"the sealed result opens to {expected}")
    tell(f"laptop: opened the sealed result: {json.dumps(answer['opened'])}")
    return answer


def _expect(held: bool, what: str) -> None:
    if not held:
        raise AssertionError(f"expected that {what}")

"""Attacks by definitions and public keys: what the platform does for one account's own texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from bench.attacks import documents
from bench.attacks.attacker import Attacker
from bench.quick_mode import full_or_quick

LOW_ORDER_KEY = json.dumps({"kty": "OKP", "crv": "X25519", "x": "A" * 43})
KEY_USES = 10  # more than the worker has places for workflow tasks
AT_ONCE = full_or_quick(16, 2)
OVERSIZE_AT_ONCE = 4
OVERSIZE_TEXT = "A" * 1_390_000  # within the limit of a definition, above Temporal's as sent


@contextmanager
def low_order_executions(attacker: Attacker) -> Iterator[None]:
    """Ten executions whose results shall be sealed to a public key of low order.

    Sealing to it raises. Whoever retries that for ever holds a workflow task open for each.
    """
    client = attacker.account(public_key=LOW_ORDER_KEY)
    attacker.execute(client, documents.ONE_STEP, KEY_USES, input={"n": 1}, sealResult=True)
    yield


@contextmanager
def low_order_definitions(attacker: Attacker) -> Iterator[None]:
    """Ten faulty definitions whose diagnostics shall be sealed to a public key of low order.

    The check of each fails as the settlement of an execution does, and may be retried for ever.
    """
    client = attacker.account(public_key=LOW_ORDER_KEY)
    bodies = [
        {"name": f"faulty {n}"} | client.seal_workflow(documents.FAULTY) for n in range(KEY_USES)
    ]

    def create(body: dict[str, str]) -> None:
        attacker.post(client, "/api/workflows", json=body)
        attacker.stopping.wait()

    with attacker.repeating(*(partial(create, body) for body in bodies)):
        yield


@contextmanager
def _documents_at_once(
    attacker: Attacker, path: str, write: Callable[[int], str]
) -> Iterator[None]:
    """Post sixteen documents at once, again and again, within the account's limit a minute."""
    client = attacker.account()
    bodies = [{"name": f"heavy {n}"} | client.seal_workflow(write(n)) for n in range(AT_ONCE)]

    def post(body: dict[str, str]) -> None:
        attacker.post(client, path, json=body)

    with attacker.repeating(*(partial(post, body) for body in bodies)):
        yield


@contextmanager
def dense_yaml_creations(attacker: Attacker) -> Iterator[None]:
    """Definitions of dense YAML, created sixteen at once.

    A reader of YAML takes seconds for each, in one of the places that all executions share.
    """
    with _documents_at_once(attacker, "/api/workflows", documents.dense_yaml):
        yield


@contextmanager
def many_programs_creations(attacker: Attacker) -> Iterator[None]:
    """Definitions of sixty long expressions each, created sixteen at once.

    The check compiles every expression, in one of the places that all executions share.
    """
    with _documents_at_once(attacker, "/api/workflows", documents.many_programs):
        yield


@contextmanager
def dense_yaml_validations(attacker: Attacker) -> Iterator[None]:
    """Definitions of dense YAML, validated sixteen at once.

    Each also holds one of web's threads for as long as web waits for the verdict.
    """
    with _documents_at_once(attacker, "/api/workflows/validate", documents.dense_yaml):
        yield


@contextmanager
def many_programs_validations(attacker: Attacker) -> Iterator[None]:
    """Definitions of sixty long expressions each, validated sixteen at once.

    Each also holds one of web's threads for as long as web waits for the verdict.
    """
    with _documents_at_once(attacker, "/api/workflows/validate", documents.many_programs):
        yield


@contextmanager
def oversize_validations(attacker: Attacker) -> Iterator[None]:
    """Validations that Temporal refuses for their size, again and again.

    Whoever takes that refusal for an outage leaves Temporal alone for all accounts for a while.
    """
    client = attacker.account()
    body = {"name": "oversize", "encryptedData": OVERSIZE_TEXT, "encryptionKey": "none"}

    def validate() -> None:
        attacker.post(client, "/api/workflows/validate", json=body)

    with attacker.repeating(*[validate] * OVERSIZE_AT_ONCE):
        yield

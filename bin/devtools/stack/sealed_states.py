"""States as a client encrypts them: JWE, bound to what the server is told in the clear."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from joserfc import jwe
from joserfc.jwk import OctKey

ALGORITHMS = ["dir", "A256GCM"]


def associated_data(
    kind: str, entity_id: str, version: str, clock: Mapping[str, int], agent_id: str
) -> bytes:
    """Return what a state's ciphertext is bound to: a JSON array in the form of RFC 8785."""
    counters = {agent: clock[agent] for agent in sorted(clock) if clock[agent]}
    told = [kind, entity_id, version, counters, agent_id]
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def seal(value: Any, key: OctKey, bound_to: bytes) -> str:
    """Return the value as JWE, flattened JSON (RFC 7516 section 7.2.2), bound to the associated data."""
    sealed = jwe.FlattenedJSONEncryption(
        {"enc": "A256GCM"}, json.dumps(value).encode(), aad=bound_to
    )
    sealed.add_recipient({"alg": "dir"}, key)
    return json.dumps(jwe.encrypt_json(sealed, None, algorithms=ALGORITHMS))


def open_sealed(sealed: str, key: OctKey, bound_to: bytes) -> Any:
    """Return what was sealed.

    :raises ValueError: when it was bound to something else: the server has mixed up or forged states.
    :raises JoseError: when it was sealed under another key, or changed.
    """
    opened = jwe.decrypt_json(json.loads(sealed), key, algorithms=ALGORITHMS)
    if opened.aad != bound_to or opened.plaintext is None:
        raise ValueError("the state was bound to something else")
    return json.loads(opened.plaintext)

"""States as a client encrypts them: a JWE that is bound to the members that the server reads."""

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
    """Return the data that a state's ciphertext is bound to: a JSON array (RFC 8785)."""
    counters = {agent: clock[agent] for agent in sorted(clock) if clock[agent]}
    members = [kind, entity_id, version, counters, agent_id]
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def seal(value: Any, key: OctKey, bound_to: bytes) -> str:
    """Return the value as a JWE in flattened JSON (RFC 7516 section 7.2.2), bound to `bound_to`."""
    token = jwe.FlattenedJSONEncryption(
        {"enc": "A256GCM"}, json.dumps(value).encode(), aad=bound_to
    )
    token.add_recipient({"alg": "dir"}, key)
    return json.dumps(jwe.encrypt_json(token, None, algorithms=ALGORITHMS))


def decrypt(token: str, key: OctKey, bound_to: bytes) -> Any:
    """Return the plaintext of a JWE.

    :raises ValueError: when it is bound to something else: the server mixed up or forged states
    :raises JoseError: when another key encrypted it, or when it was changed
    """
    content = jwe.decrypt_json(json.loads(token), key, algorithms=ALGORITHMS)
    if content.aad != bound_to or content.plaintext is None:
        raise ValueError("the state was bound to something else")
    return json.loads(content.plaintext)

"""A workflow document that is encrypted as clients encrypt it."""

from __future__ import annotations

from typing import Any

from joserfc import jwe
from joserfc.jwk import OctKey

from engine.crypto.jwe import DIRECT_ALGORITHMS

DOCUMENT = "do: []"


def sealed_document(dek: bytes, text: str = DOCUMENT, **header: Any) -> str:
    heads = {"alg": "dir", "enc": "A256GCM"} | header
    return jwe.encrypt_compact(heads, text, OctKey.import_key(dek), algorithms=DIRECT_ALGORITHMS)


DEK = b"k" * 32

"""Envelopes: values sealed to a public key as standard JOSE (RFC 7516), in one narrow profile."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey

from engine.errors import Fault, InvalidError

Key = OKPKey | ECKey

SEALED = ["ECDH-ES", "ECDH-ES+A256KW", "A256GCM"]
DIRECT = ["dir", "A256GCM"]
CURVES = {"X25519", "P-256"}
DEK_BYTES = 32
RECIPIENTS_MAX = 64


class _Registry(JWERegistry):
    """joserfc's rules with room for a document, and without its own list of header members."""

    def __init__(self, algorithms: list[str], bytes_max: int) -> None:
        super().__init__(
            algorithms=algorithms, strict_check_header=False, verify_all_recipients=False
        )
        self.max_ciphertext_length = 4 * bytes_max // 3 + 1024


@dataclass(frozen=True, slots=True)
class EngineKeys:
    """The engine's private keys by kid: what opens definitions and inputs. Worker only."""

    keys: Mapping[str, Key]

    @classmethod
    def parse(cls, key_set: str) -> EngineKeys:
        """Read a JWK Set (RFC 7517)."""
        return cls({key.kid: key for key in keys_of(key_set) if key.kid})

    def open(self, sealed: str, *, pointer: str, bytes_max: int) -> bytes:
        """Open a JWE that is sealed to one of the keys: compact, or general JSON with several recipients.

        :raises InvalidError: `envelope_malformed`, `envelope_unknown_key` or `envelope_unopenable`.
        """
        if sealed.lstrip().startswith("{"):
            return self._open_json(sealed, pointer, bytes_max)
        header = _header(sealed.partition(".")[0], pointer)
        key = self._key(header.get("kid"), pointer)
        try:
            registry = _Registry(SEALED, bytes_max)
            return jwe.decrypt_compact(sealed, key, registry=registry).plaintext or b""
        except (JoseError, ValueError, KeyError, TypeError) as fault:
            raise _unopenable(fault, pointer) from None

    def _open_json(self, sealed: str, pointer: str, bytes_max: int) -> bytes:
        """Open for our own recipient alone: the others are the account's agents."""
        try:
            token = json.loads(sealed)
            shared = _header(token.get("protected", "e30"), pointer) | token.get("unprotected", {})
            kids = [{**shared, **one.get("header", {})}.get("kid") for one in token["recipients"]]
            mine = next(
                (place for place, kid in enumerate(kids[:RECIPIENTS_MAX]) if kid in self.keys), None
            )
            if mine is None:
                raise _unknown(pointer)
            token["recipients"] = [token["recipients"][mine]]
            opened = jwe.decrypt_json(
                token, self.keys[str(kids[mine])], registry=_Registry(SEALED, bytes_max)
            )
        except (
            JoseError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
        ) as fault:
            raise _unopenable(fault, pointer) from None
        return opened.plaintext or b""

    def _key(self, kid: Any, pointer: str) -> Key:
        if not isinstance(kid, str) or kid not in self.keys:
            raise _unknown(pointer)
        return self.keys[kid]


def keys_of(key_set: str) -> list[Key]:
    """Return the keys of a JWK Set that values can be sealed to."""
    found = KeySet.import_key_set(json.loads(key_set)).keys
    return [key for key in found if isinstance(key, OKPKey | ECKey) and key.curve_name in CURVES]


def seal(key: Key, plaintext: bytes) -> str:
    """Seal bytes to a public key (JWE compact, ECDH-ES+A256KW, A256GCM)."""
    header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM"} | ({"kid": key.kid} if key.kid else {})
    return jwe.encrypt_compact(header, plaintext, key, algorithms=SEALED)


def open_with(key: Key, sealed: str, *, bytes_max: int) -> bytes:
    """Open what was sealed to a key of our own making.

    :raises InvalidError: `envelope_unopenable`.
    """
    try:
        return (
            jwe.decrypt_compact(sealed, key, registry=_Registry(SEALED, bytes_max)).plaintext or b""
        )
    except (JoseError, ValueError, KeyError, TypeError) as fault:
        raise _unopenable(fault, "") from None


def open_definition(
    keys: EngineKeys, *, encrypted_data: str, encryption_key: str, bytes_max: int
) -> tuple[str, str | None]:
    """Return a definition's text and content type.

    `encryption_key` is the 32-byte DEK sealed to the engine, `encrypted_data` the document under it
    (JWE compact, `dir`, A256GCM).

    :raises InvalidError: with the pointer of the part that does not open.
    """
    dek = keys.open(encryption_key, pointer="/encryptionKey", bytes_max=1024)
    if len(dek) != DEK_BYTES:
        raise _malformed(f"holds a key of {len(dek)} bytes, not {DEK_BYTES}", "/encryptionKey")
    header = _header(encrypted_data.partition(".")[0], "/encryptedData")
    try:
        registry = _Registry(DIRECT, bytes_max)
        opened = jwe.decrypt_compact(encrypted_data, OctKey.import_key(dek), registry=registry)
        return (opened.plaintext or b"").decode(), _media_type(header.get("cty"))
    except UnicodeDecodeError:
        raise _malformed("holds no UTF-8 text", "/encryptedData") from None
    except (JoseError, ValueError, KeyError, TypeError) as fault:
        raise _unopenable(fault, "/encryptedData") from None


def looks_sealed(value: Any) -> bool:
    """Tell whether a JSON value has the form of a JWE: five parts, the first a header with an `enc`."""
    if not isinstance(value, str) or value.count(".") != 4:  # noqa: PLR2004 - RFC 7516 section 7.1
        return False
    try:
        return "enc" in _header(value.partition(".")[0], "")
    except InvalidError:
        return False


def _media_type(cty: Any) -> str | None:
    """Return a cty in full: RFC 7516 section 4.1.12 lets "application/" be left out."""
    if not isinstance(cty, str):
        return None
    return cty if "/" in cty else f"application/{cty}"


def _header(text: str, pointer: str) -> dict[str, Any]:
    try:
        header = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        raise _malformed("is no JWE", pointer) from None
    if not isinstance(header, dict):
        raise _malformed("is no JWE", pointer)
    return cast(dict[str, Any], header)


def _malformed(detail: str, pointer: str) -> InvalidError:
    return _refusal("envelope_malformed", detail, pointer)


def _unknown(pointer: str) -> InvalidError:
    detail = "is sealed to no key of this engine: see /.well-known/jwks.json"
    return _refusal("envelope_unknown_key", detail, pointer)


def _unopenable(fault: Exception, pointer: str) -> InvalidError:
    if isinstance(fault, InvalidError):
        return fault
    reason = type(fault).__name__.removesuffix("Error") or "Encoding"
    detail = f"does not open ({reason}): it was altered, is too large, or uses another algorithm"
    return _refusal("envelope_unopenable", detail, pointer)


def _refusal(code: str, detail: str, pointer: str) -> InvalidError:
    return InvalidError(code, "The envelope cannot be opened.", faults=[Fault(pointer, detail)])

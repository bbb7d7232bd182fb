"""JWEs: values encrypted to a public key (RFC 7516), in one narrow profile."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from joserfc import jwe
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey

from engine.errors import Fault, InvalidError

Key = OKPKey | ECKey

ALGORITHMS = ["ECDH-ES", "ECDH-ES+A256KW", "A256GCM"]
DIRECT_ALGORITHMS = ["dir", "A256GCM"]
CURVES = {"X25519", "P-256"}
DEK_BYTES = 32
RECIPIENTS_MAX = 64


class _Registry(JWERegistry):
    """joserfc's rules with space for a document, and without its own list of header members."""

    def __init__(self, algorithms: list[str], bytes_max: int) -> None:
        super().__init__(
            algorithms=algorithms, strict_check_header=False, verify_all_recipients=False
        )
        self.max_ciphertext_length = 4 * bytes_max // 3 + 1024


@dataclass(frozen=True, slots=True)
class EngineKeys:
    """The engine's private keys by kid, which decrypt definitions and inputs. Worker only."""

    keys: Mapping[str, Key]

    @classmethod
    def parse(cls, key_set: str) -> EngineKeys:
        """Read a JWK Set (RFC 7517)."""
        return cls({key.kid: key for key in parse_keys(key_set) if key.kid})

    def open(self, token: str, *, pointer: str, bytes_max: int) -> bytes:
        """Decrypt a JWE to one of the keys: compact, or general JSON with several recipients.

        :raises InvalidError: `envelope_malformed`, `envelope_unknown_key` or `envelope_unopenable`.
        """
        if token.lstrip().startswith("{"):
            return self._open_json(token, pointer, bytes_max)
        header = _parse_header(token.partition(".")[0], pointer)
        key = self._key(header.get("kid"), pointer)
        try:
            registry = _Registry(ALGORITHMS, bytes_max)
            return jwe.decrypt_compact(token, key, registry=registry).plaintext or b""
        except Exception as fault:  # noqa: BLE001 - a stranger's JWE may meet any error of the libraries
            raise _unopenable(fault, pointer) from None

    def _open_json(self, text: str, pointer: str, bytes_max: int) -> bytes:
        """Decrypt for the engine's recipient; the other recipients are the account's agents."""
        try:
            token, kid = self._select_recipient(text, pointer)
            content = jwe.decrypt_json(
                token, self.keys[kid], registry=_Registry(ALGORITHMS, bytes_max)
            )
        except Exception as fault:  # noqa: BLE001 - as above
            raise _unopenable(fault, pointer) from None
        return content.plaintext or b""

    def _select_recipient(self, text: str, pointer: str) -> tuple[Any, str]:
        """Return the JWE with the engine's recipient alone, and the kid of that recipient's key.

        :raises InvalidError: `envelope_unknown_key`, when it has no such recipient.
        """
        token = json.loads(text)
        protected_header = _parse_header(token.get("protected", "e30"), pointer)
        shared_header = protected_header | token.get("unprotected", {})
        for recipient in token["recipients"][:RECIPIENTS_MAX]:
            kid = (shared_header | recipient.get("header", {})).get("kid")
            if kid in self.keys:
                return token | {"recipients": [recipient]}, str(kid)
        raise _unknown_key(pointer)

    def _key(self, kid: Any, pointer: str) -> Key:
        if not isinstance(kid, str) or kid not in self.keys:
            raise _unknown_key(pointer)
        return self.keys[kid]


def parse_keys(key_set: str) -> list[Key]:
    """Return the keys of a JWK Set that values can be encrypted to."""
    keys = KeySet.import_key_set(json.loads(key_set)).keys
    return [key for key in keys if isinstance(key, OKPKey | ECKey) and key.curve_name in CURVES]


def seal(key: Key, plaintext: bytes) -> str:
    """Encrypt bytes to a public key (JWE compact, ECDH-ES+A256KW, A256GCM)."""
    header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM"} | ({"kid": key.kid} if key.kid else {})
    return jwe.encrypt_compact(header, plaintext, key, algorithms=ALGORITHMS)


def open_with(key: Key, token: str, *, bytes_max: int) -> bytes:
    """Decrypt a JWE with a key that this process generated.

    :raises InvalidError: `envelope_unopenable`.
    """
    try:
        return (
            jwe.decrypt_compact(token, key, registry=_Registry(ALGORITHMS, bytes_max)).plaintext
            or b""
        )
    except Exception as fault:  # noqa: BLE001 - as above
        raise _unopenable(fault, "") from None


def open_definition(
    keys: EngineKeys, *, encrypted_data: str, encryption_key: str, bytes_max: int
) -> tuple[str, str | None]:
    """Return a definition's text and content type.

    `encryption_key` is a JWE of the 32-byte data key to the engine. `encrypted_data` is the
    document under the data key (JWE compact, `dir`, A256GCM).

    :raises InvalidError: with the pointer of the part that cannot be decrypted.
    """
    dek = keys.open(encryption_key, pointer="/encryptionKey", bytes_max=1024)
    if len(dek) != DEK_BYTES:
        raise _malformed_jwe(
            f"contains a key of {len(dek)} bytes, not {DEK_BYTES}", "/encryptionKey"
        )
    header = _parse_header(encrypted_data.partition(".")[0], "/encryptedData")
    try:
        registry = _Registry(DIRECT_ALGORITHMS, bytes_max)
        content = jwe.decrypt_compact(encrypted_data, OctKey.import_key(dek), registry=registry)
        return (content.plaintext or b"").decode(), _media_type(header.get("cty"))
    except UnicodeDecodeError:
        raise _malformed_jwe("is not UTF-8 text", "/encryptedData") from None
    except Exception as fault:  # noqa: BLE001 - as above
        raise _unopenable(fault, "/encryptedData") from None


def is_compact_jwe(value: Any) -> bool:
    """Return whether a value has the form of a compact JWE: five parts, a header with `enc`."""
    if not isinstance(value, str) or value.count(".") != 4:  # noqa: PLR2004 - RFC 7516 section 7.1
        return False
    try:
        return "enc" in _parse_header(value.partition(".")[0], "")
    except InvalidError:
        return False


def _media_type(cty: Any) -> str | None:
    """Return a cty in full: RFC 7516 section 4.1.12 permits to omit "application/"."""
    if not isinstance(cty, str):
        return None
    return cty if "/" in cty else f"application/{cty}"


def _parse_header(text: str, pointer: str) -> dict[str, Any]:
    try:
        header = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        raise _malformed_jwe("is not a JWE", pointer) from None
    if not isinstance(header, dict):
        raise _malformed_jwe("is not a JWE", pointer)
    return cast(dict[str, Any], header)


def _malformed_jwe(detail: str, pointer: str) -> InvalidError:
    return _refusal("envelope_malformed", detail, pointer)


def _unknown_key(pointer: str) -> InvalidError:
    detail = "is encrypted to a key that this engine does not have: see /.well-known/jwks.json"
    return _refusal("envelope_unknown_key", detail, pointer)


def _unopenable(fault: Exception, pointer: str) -> InvalidError:
    if isinstance(fault, InvalidError):
        return fault
    reason = type(fault).__name__.removesuffix("Error") or "Encoding"
    detail = (
        f"cannot be decrypted ({reason}): it was altered, is too large, or uses another algorithm"
    )
    return _refusal("envelope_unopenable", detail, pointer)


def _refusal(code: str, detail: str, pointer: str) -> InvalidError:
    return InvalidError(code, "The JWE cannot be decrypted.", faults=[Fault(pointer, detail)])

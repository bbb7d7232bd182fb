"""JWEs that can be decrypted, and those that must be refused."""

import base64
import json
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey, OctKey, OKPKey

from engine.crypto import jwe as envelope
from engine.crypto.jwe import ALGORITHMS, DIRECT_ALGORITHMS, EngineKeys, Key, is_compact_jwe
from engine.errors import InvalidError
from tests.support.envelopes import DEK, DOCUMENT, sealed_document

pytestmark = pytest.mark.unit


MIB = 1_048_576


def key(curve: str = "X25519") -> Key:
    if curve == "P-256":
        return ECKey.generate_key("P-256", auto_kid=True)
    return OKPKey.generate_key("X25519", auto_kid=True)


def ring(*keys: Key) -> EngineKeys:
    return EngineKeys({str(one.kid): one for one in keys})


def opened(
    keys: EngineKeys, data: str, sealed_key: str, bytes_max: int = MIB
) -> tuple[str, str | None]:
    return envelope.open_definition(
        keys, encrypted_data=data, encryption_key=sealed_key, bytes_max=bytes_max
    )


def refused(keys: EngineKeys, data: str, sealed_key: str, bytes_max: int = MIB) -> tuple[str, str]:
    with pytest.raises(InvalidError) as refusal:
        opened(keys, data, sealed_key, bytes_max)
    return refusal.value.code, refusal.value.faults[0].pointer


LENIENT = JWERegistry(algorithms=ALGORITHMS, strict_check_header=False)


@pytest.mark.parametrize("curve", ["X25519", "P-256"])
@pytest.mark.parametrize("alg", ["ECDH-ES", "ECDH-ES+A256KW"])
def test_what_is_sealed_to_the_engine_opens(curve: str, alg: str) -> None:
    mine = key(curve)
    header = {"alg": alg, "enc": "A256GCM", "kid": mine.kid, "typ": "JWE", "app": "theirs"}
    sealed_key = jwe.encrypt_compact(header, DEK, mine, registry=LENIENT)
    assert opened(ring(mine), sealed_document(DEK, cty="yaml"), sealed_key) == (
        DOCUMENT,
        "application/yaml",
    )


def test_an_old_key_still_opens_after_a_new_one_came_first() -> None:
    old, new = key(), key()
    assert opened(ring(new, old), sealed_document(DEK), envelope.seal(old, DEK)) == (DOCUMENT, None)


def test_of_many_recipients_our_own_is_found() -> None:
    mine, phone, laptop = key(), key(), key("P-256")
    token = jwe.GeneralJSONEncryption({"enc": "A256GCM"}, DEK)
    for one in (phone, mine, laptop):
        token.add_recipient({"alg": "ECDH-ES+A256KW", "kid": one.kid}, one)
    sealed_key = json.dumps(jwe.encrypt_json(token, None, algorithms=ALGORITHMS))
    assert opened(ring(mine), sealed_document(DEK), sealed_key) == (DOCUMENT, None)
    assert refused(ring(key()), sealed_document(DEK), sealed_key)[0] == "envelope_unknown_key"


def test_a_document_of_a_mebibyte_opens_and_a_larger_one_does_not() -> None:
    mine = key()
    sealed_key = envelope.seal(mine, DEK)
    text = "x" * MIB
    assert opened(ring(mine), sealed_document(DEK, text), sealed_key)[0] == text
    code, pointer = refused(ring(mine), sealed_document(DEK, text * 2), sealed_key)
    assert (code, pointer) == ("envelope_unopenable", "/encryptedData")


def other_kid(_mine: Key) -> str:
    return envelope.seal(key(), DEK)


def same_kid_other_key(mine: Key) -> str:
    impostor = OKPKey.import_key(
        {**OKPKey.generate_key("X25519").as_dict(private=True), "kid": str(mine.kid)}
    )
    return envelope.seal(impostor, DEK)


def altered(mine: Key) -> str:
    sealed = envelope.seal(mine, DEK)
    return sealed[:-2] + ("A" if sealed[-2] != "A" else "B") + sealed[-1]


def short_dek(mine: Key) -> str:
    return envelope.seal(mine, b"short")


def dir_instead(mine: Key) -> str:
    header = {"alg": "dir", "enc": "A256GCM", "kid": mine.kid}
    return jwe.encrypt_compact(header, DEK, OctKey.import_key(DEK), algorithms=DIRECT_ALGORITHMS)


def password_based(mine: Key) -> str:
    header = {"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "kid": mine.kid, "p2c": 1_000}
    algorithms = ["PBES2-HS256+A128KW", "A256GCM"]
    return jwe.encrypt_compact(header, DEK, OctKey.import_key(b"p" * 32), algorithms=algorithms)


def zipped(mine: Key) -> str:
    header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": mine.kid, "zip": "DEF"}
    return jwe.encrypt_compact(header, DEK, mine, algorithms=[*ALGORITHMS, "DEF"])


def another_cipher(mine: Key) -> str:
    header = {"alg": "ECDH-ES+A256KW", "enc": "A128CBC-HS256", "kid": mine.kid}
    return jwe.encrypt_compact(header, DEK, mine, algorithms=["ECDH-ES+A256KW", "A128CBC-HS256"])


def critical(mine: Key) -> str:
    header, *rest = envelope.seal(mine, DEK).split(".")
    heads = json.loads(base64.urlsafe_b64decode(header + "==")) | {"crit": ["exp"], "exp": 1}
    return ".".join(
        [base64.urlsafe_b64encode(json.dumps(heads).encode()).decode().rstrip("="), *rest]
    )


HOSTILE_KEYS = {
    other_kid: "envelope_unknown_key",
    same_kid_other_key: "envelope_unopenable",
    altered: "envelope_unopenable",
    short_dek: "envelope_malformed",
    dir_instead: "envelope_unopenable",
    password_based: "envelope_unopenable",
    zipped: "envelope_unopenable",
    another_cipher: "envelope_unopenable",
    critical: "envelope_unopenable",
}


@pytest.mark.parametrize("make", HOSTILE_KEYS, ids=lambda make: make.__name__)
def test_another_key_or_algorithm_is_refused(make: Any) -> None:
    mine = key()
    assert refused(ring(mine), sealed_document(DEK), make(mine)) == (
        HOSTILE_KEYS[make],
        "/encryptionKey",
    )


NONSENSE = [
    "",
    "-",
    "a.b.c.d.e",
    "{",
    "{}",
    '{"recipients": 1}',
    '{"recipients": [1]}',
    "e30.a.b.c.d",
    "[]",
    "é",
]


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_is_refused_as_such(text: str) -> None:
    mine = key()
    assert refused(ring(mine), sealed_document(DEK), text)[1] == "/encryptionKey"
    assert refused(ring(mine), text, envelope.seal(mine, DEK))[1] == "/encryptedData"


def test_a_document_under_another_key_or_not_utf8_is_refused() -> None:
    mine = key()
    sealed_key = envelope.seal(mine, DEK)
    assert refused(ring(mine), sealed_document(b"o" * 32), sealed_key)[0] == "envelope_unopenable"
    header = {"alg": "dir", "enc": "A256GCM"}
    data = jwe.encrypt_compact(
        header, b"\xff", OctKey.import_key(DEK), algorithms=DIRECT_ALGORITHMS
    )
    assert refused(ring(mine), data, sealed_key)[0] == "envelope_malformed"


@pytest.mark.parametrize("value", [None, 1, {}, "text", "a.b.c.d.e", "1.2.3.4.5", "e30.a.b.c.d"])
def test_only_a_jwe_looks_sealed(value: Any) -> None:
    assert not is_compact_jwe(value)
    assert is_compact_jwe(envelope.seal(key(), b"x"))

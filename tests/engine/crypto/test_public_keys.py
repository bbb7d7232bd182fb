import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from engine.crypto import jwe
from engine.crypto.jwe import Key
from engine.crypto.public_keys import (
    find_encryption_key,
    find_signing_key,
    require_encryption_key,
)
from engine.errors import ConflictError

pytestmark = pytest.mark.unit


X25519 = OKPKey.generate_key("X25519")
P256 = ECKey.generate_key("P-256")


def raw(data: bytes) -> str:
    return base64.b64encode(data).decode()


def point(key: ECKey) -> bytes:
    numbers = key.raw_value.public_key().public_numbers()  # type: ignore[union-attr]
    return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


FORMS: dict[str, tuple[str, Key]] = {
    "JWK X25519": (json.dumps(X25519.as_dict(private=False)), X25519),
    "JWK P-256": (json.dumps(P256.as_dict(private=False)), P256),
    "JWK for signing": (
        json.dumps(X25519.as_dict(private=False) | {"use": "sig"}),
        X25519,
    ),
    "PEM X25519": (X25519.as_pem(private=False).decode(), X25519),
    "PEM P-256": (P256.as_pem(private=False).decode(), P256),
    "raw X25519": (str(X25519.as_dict(private=False)["x"]), X25519),
    "raw P-256": (raw(point(P256)), P256),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_key_of_a_known_form_is_recognised_and_can_be_sealed_to(form: str) -> None:
    text, private = FORMS[form]
    found = find_encryption_key(text)
    assert found is not None
    sealed = jwe.seal(found, b"result")
    assert jwe.open_with(private, sealed, bytes_max=1024) == b"result"


def public_key_pem(algorithm: bytes) -> str:
    """Return a public key of an algorithm (DER), with two bytes in the place of the key."""
    content = bytes([0x30, len(algorithm)]) + algorithm + b"\x03\x03\x00\x01\x02"
    body = base64.b64encode(bytes([0x30, len(content)]) + content).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"


def brainpool_pem() -> str:
    key = ec.generate_private_key(ec.BrainpoolP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def point_of_low_order(last: int) -> str:
    return base64.urlsafe_b64encode(bytes([last]) + bytes(31)).decode().rstrip("=")


EC_ALGORITHM, SECT = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01", b"\x06\x05\x2b\x81\x04\x00\x06"
PUBLIC_X25519 = X25519.as_dict(private=False)
OPAQUE = {
    "nothing": "",
    "a name": "as you keep it",
    "JSON": "{}",
    "a list": '{"kty": ["EC"]}',
    "Ed25519": json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=False)),
    "P-384": json.dumps(ECKey.generate_key("P-384").as_dict(private=False)),
    "RSA": RSAKey.generate_key(2048).as_pem(private=False).decode(),
    "a secret": json.dumps(OctKey.generate_key(256).as_dict()),
    "a point off the curve": raw(b"\x04" + b"\x01" * 64),
    "a broken PEM": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    "a PEM that is no text": "-----BEGIN PUBLIC KEY-----\n\u00e9\ud800\n-----END PUBLIC KEY-----",
    "a private key": X25519.as_pem(private=True).decode(),
    "the zero point as a JWK": json.dumps(PUBLIC_X25519 | {"x": point_of_low_order(0)}),
    "another point of low order": point_of_low_order(1),
    "an unknown curve": public_key_pem(EC_ALGORITHM + SECT),
    "an unknown algorithm": public_key_pem(b"\x06\x03\x2a\x03\x04"),
    "a brainpool curve": brainpool_pem(),
    "JSON nested deeply": '{"kty":' + "[" * 4000 + "]" * 4000 + "}",
    "a large number": json.dumps(PUBLIC_X25519)[:-1] + ', "x": ' + "9" * 8000 + "}",
    "a list of curves": json.dumps(PUBLIC_X25519 | {"crv": ["X25519"]}),
    "a list as the id": json.dumps(PUBLIC_X25519 | {"kid": ["a"]}),
}


@pytest.mark.parametrize("kind", OPAQUE)
def test_anything_else_is_opaque_and_a_sealed_result_is_refused(kind: str) -> None:
    assert find_encryption_key(OPAQUE[kind]) is None
    with pytest.raises(ConflictError, match="sealResult"):
        require_encryption_key(OPAQUE[kind])


@pytest.mark.parametrize("kind", OPAQUE)
def test_whether_a_key_signs_is_told_of_any_text(kind: str) -> None:
    key = find_signing_key(OPAQUE[kind])
    assert (key is not None) == (kind == "Ed25519")

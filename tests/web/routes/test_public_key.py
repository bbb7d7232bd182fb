"""Proof of the public key by a signature or by decryption."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from flask.testing import FlaskClient
from joserfc import jwe
from joserfc.jwk import ECKey, OKPKey

from bin.devtools.stack.client import KEY_AGREEMENT
from tests.support.web.people import Person

pytestmark = pytest.mark.stack


X25519 = OKPKey.generate_key("X25519")
ED25519 = Ed25519PrivateKey.generate()
P256 = generate_private_key(SECP256R1())


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def pem(key: Any) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    text: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    return text.decode()


def hold(client: FlaskClient, person: Person, public_key: str) -> None:
    headers = person.headers | {"If-Match": "*"}
    assert (
        client.patch("/api/auth/me", json={"publicKey": public_key}, headers=headers).status_code
        == 200
    )


def pose(client: FlaskClient, person: Person) -> Any:
    return client.post("/api/auth/key/challenge", headers=person.headers).get_json()


def check(client: FlaskClient, person: Person, **body: str) -> Any:
    return client.post("/api/auth/key/verify", json=body, headers=person.headers)


def signed_by_p256(text: str) -> str:
    r, s = decode_dss_signature(P256.sign(text.encode(), ECDSA(hashes.SHA256())))
    return encoded(r.to_bytes(32) + s.to_bytes(32))


def test_an_ed25519_key_is_proved_by_signing(client: FlaskClient, person: Person) -> None:
    hold(client, person, pem(ED25519))
    task = pose(client, person)
    assert task["toOpen"] is None
    assert person.id in task["toSign"]
    answer = check(client, person, signature=encoded(ED25519.sign(task["toSign"].encode())))
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["publicKeyProvedAt"] is not None


def test_a_p256_key_is_proved_by_either(client: FlaskClient, person: Person) -> None:
    hold(client, person, pem(P256))
    assert (
        check(client, person, signature=signed_by_p256(pose(client, person)["toSign"])).status_code
        == 200
    )
    private = P256.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    opened = jwe.decrypt_compact(
        pose(client, person)["toOpen"], ECKey.import_key(private), algorithms=KEY_AGREEMENT
    )
    assert check(client, person, opened=(opened.plaintext or b"").decode()).status_code == 200


def test_an_x25519_key_is_proved_by_opening(client: FlaskClient, person: Person) -> None:
    hold(client, person, json.dumps(X25519.as_dict(private=False)))
    task = pose(client, person)
    assert task["toSign"] is None
    opened = jwe.decrypt_compact(task["toOpen"], X25519, algorithms=KEY_AGREEMENT)
    assert check(client, person, opened=(opened.plaintext or b"").decode()).status_code == 200


def test_a_new_key_is_unproved(client: FlaskClient, person: Person) -> None:
    hold(client, person, pem(ED25519))
    check(client, person, signature=encoded(ED25519.sign(pose(client, person)["toSign"].encode())))
    hold(client, person, pem(P256))
    me = client.get("/api/auth/me", headers=person.headers).get_json()
    assert me["publicKeyProvedAt"] is None


def test_a_task_is_done_once(client: FlaskClient, person: Person) -> None:
    hold(client, person, pem(ED25519))
    signature = encoded(ED25519.sign(pose(client, person)["toSign"].encode()))
    statuses = [check(client, person, signature=signature).status_code for _ in range(2)]
    assert statuses == [200, 403]


@pytest.mark.parametrize(
    "key",
    [pem(ED25519), pem(P256), json.dumps(X25519.as_dict(private=False))],
    ids=["ed25519", "p256", "x25519"],
)
@pytest.mark.parametrize(
    "body",
    [
        {"signature": ""},
        {"signature": "…"},
        {"signature": encoded(b"x" * 64)},
        {"signature": encoded(b"\0" * 64)},
        {"opened": ""},
        {"opened": "0" * 32},
    ],
)
def test_what_proves_nothing_is_refused(
    client: FlaskClient, person: Person, key: str, body: dict[str, str]
) -> None:
    hold(client, person, key)
    pose(client, person)
    answer = check(client, person, **body)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "proof_invalid")


def test_what_the_text_to_sign_says_does_not_open_the_other_half(
    client: FlaskClient, person: Person
) -> None:
    hold(client, person, pem(P256))
    nonce = pose(client, person)["toSign"].rpartition(":")[2]
    assert check(client, person, opened=nonce).status_code == 403


def test_without_a_task_or_with_an_opaque_key_there_is_nothing_to_prove(
    client: FlaskClient, person: Person
) -> None:
    opaque = client.post("/api/auth/key/challenge", headers=person.headers)
    assert (opaque.status_code, opaque.get_json()["code"]) == (409, "public_key_opaque")
    hold(client, person, pem(ED25519))
    assert check(client, person, signature=encoded(b"x" * 64)).status_code == 403


@pytest.mark.parametrize("body", [{}, {"signature": "x", "opened": "x"}, {"signature": 1}])
def test_what_is_no_proof_is_refused(client: FlaskClient, person: Person, body: Any) -> None:
    assert check(client, person, **body).status_code == 422

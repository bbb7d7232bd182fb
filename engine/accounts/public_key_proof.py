"""Proof that the owner of an account has the private half of its public key.

The owner signs a text, or decrypts a JWE, of a challenge that is valid once.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from sqlalchemy.orm import Session

from engine.accounts.mfa import challenges
from engine.crypto import jwe
from engine.crypto.public_keys import find_encryption_key, find_signing_key
from engine.errors import ConflictError, ForbiddenError
from engine.store.accounts import Account, RefreshSession

PURPOSE = "key.proof"
NONCE_HALF_BYTES = challenges.NONCE_BYTES // 2
P256_HALF_BYTES = 32


@dataclass(frozen=True, slots=True)
class KeyChallenge:
    """Text to sign and JWE to decrypt; None where the key's type cannot do it."""

    to_sign: str | None
    to_open: str | None


def create_challenge(
    session: Session, login_session: RefreshSession, *, now: datetime
) -> KeyChallenge:
    """Return a challenge for the account's public key.

    Ed25519 and P-256 keys sign; X25519 and P-256 keys decrypt.

    :raises ConflictError: `public_key_opaque`, when the key's form is not recognised.
    """
    public_key = session.get_one(Account, login_session.account_id).public_key
    encryption_key, signing_key = find_encryption_key(public_key), find_signing_key(public_key)
    if encryption_key is None and signing_key is None:
        detail = "The form of the account's publicKey is not recognised, so it cannot be proved."
        raise ConflictError("public_key_opaque", detail)
    nonce = challenges.create(session, session_id=login_session.id, purpose=PURPOSE, now=now)
    plaintext = nonce[NONCE_HALF_BYTES:].hex().encode()
    return KeyChallenge(
        to_sign=None if signing_key is None else _signature_input(login_session, nonce),
        to_open=None if encryption_key is None else jwe.seal(encryption_key, plaintext),
    )


def verify(
    session: Session,
    login_session: RefreshSession,
    *,
    signature: str | None = None,
    plaintext: str | None = None,
    now: datetime,
) -> Account:
    """Store that the key is proved; the challenge cannot be answered again, right or wrong.

    :raises ForbiddenError: `proof_invalid`.
    """
    account = session.get_one(Account, login_session.account_id, with_for_update=True)
    nonce = challenges.consume(session, session_id=login_session.id, purpose=PURPOSE, now=now)
    valid = nonce is not None and (
        plaintext == nonce[NONCE_HALF_BYTES:].hex()
        if signature is None
        else _verify_signature(account, _signature_input(login_session, nonce), signature)
    )
    if not valid:
        raise ForbiddenError("proof_invalid", "This does not prove the account's publicKey.")
    account.key_proved_at = now
    return account


def _signature_input(login_session: RefreshSession, nonce: bytes) -> str:
    """Return the text to sign: purpose and account in it keep the signature useless elsewhere."""
    return f"cloudapi-key-proof:{login_session.account_id}:{nonce[:NONCE_HALF_BYTES].hex()}"


def _verify_signature(account: Account, text: str, signature: str) -> bool:
    signing_key = find_signing_key(account.public_key)
    key = signing_key.public_key if signing_key is not None else None
    data = text.encode()
    try:
        raw = base64.urlsafe_b64decode(signature.replace("+", "-").replace("/", "_") + "==")
        if isinstance(key, Ed25519PublicKey):
            key.verify(raw, data)
        elif isinstance(key, EllipticCurvePublicKey) and len(raw) == 2 * P256_HALF_BYTES:
            r, s = (int.from_bytes(half) for half in (raw[:P256_HALF_BYTES], raw[P256_HALF_BYTES:]))
            key.verify(encode_dss_signature(r, s), data, ECDSA(hashes.SHA256()))
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True

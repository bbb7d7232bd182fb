"""Proof that an account's holder has the private half of its public key: by signing, or by opening."""

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
from engine.crypto.public_keys import sealable, verifying
from engine.errors import ConflictError, ForbiddenError
from engine.store.accounts import Account, RefreshSession

PURPOSE = "key.proof"
HALF = challenges.NONCE_BYTES // 2
P256_HALF = 32


@dataclass(frozen=True, slots=True)
class Task:
    """What the key's holder is to do: sign the one, or open the other; `None` is what their key cannot."""

    to_sign: str | None
    to_open: str | None


def pose(session: Session, held: RefreshSession, *, now: datetime) -> Task:
    """Return a task for the account's public key: Ed25519 and P-256 sign, X25519 and P-256 open.

    :raises ConflictError: `public_key_opaque`, when the key's form is not known.
    """
    public_key = session.get_one(Account, held.account_id).public_key
    to, signer = sealable(public_key), verifying(public_key)
    if to is None and signer is None:
        raise ConflictError(
            "public_key_opaque", "The account's publicKey has no form that can be proved."
        )
    nonce = challenges.draw(session, session_id=held.id, purpose=PURPOSE, now=now)
    return Task(
        to_sign=None if signer is None else _text(held, nonce),
        to_open=None if to is None else jwe.seal(to, nonce[HALF:].hex().encode()),
    )


def check(
    session: Session,
    held: RefreshSession,
    *,
    signature: str | None = None,
    opened: str | None = None,
    now: datetime,
) -> Account:
    """Note that the key is proved; the task is used up, whatever comes.

    :raises ForbiddenError: `proof_invalid`.
    """
    account = session.get_one(Account, held.account_id, with_for_update=True)
    nonce = challenges.take(session, session_id=held.id, purpose=PURPOSE, now=now)
    proved = nonce is not None and (
        opened == nonce[HALF:].hex()
        if signature is None
        else _signed(account, held, nonce, signature)
    )
    if not proved:
        raise ForbiddenError("proof_invalid", "This does not prove the account's publicKey.")
    account.key_proved_at = now
    return account


def _text(held: RefreshSession, nonce: bytes) -> str:
    """Return what is signed: it names its purpose and account, so that it means nothing anywhere else."""
    return f"cloudapi-key-proof:{held.account_id}:{nonce[:HALF].hex()}"


def _signed(account: Account, held: RefreshSession, nonce: bytes, signature: str) -> bool:
    known = verifying(account.public_key)
    key = known.public_key if known is not None else None
    data = _text(held, nonce).encode()
    try:
        raw = base64.urlsafe_b64decode(signature.replace("+", "-").replace("/", "_") + "==")
        if isinstance(key, Ed25519PublicKey):
            key.verify(raw, data)
        elif isinstance(key, EllipticCurvePublicKey) and len(raw) == 2 * P256_HALF:
            r, s = (int.from_bytes(half) for half in (raw[:P256_HALF], raw[P256_HALF:]))
            key.verify(encode_dss_signature(r, s), data, ECDSA(hashes.SHA256()))
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True

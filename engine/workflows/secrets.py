"""Secrets of an account: values that its workflows may use by name, sealed wherever they rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.accounts import encryption_keys
from engine.crypto import keyring
from engine.crypto.jwe import EngineKeys
from engine.crypto.keyring import Keyring
from engine.errors import ConflictError, Fault, InvalidError, NotFoundError, TooLargeError
from engine.store.accounts import Account, Secret

COUNT_MAX = 100
VALUE_BYTES_MAX = 65_536
# What an execution's secrets hold together is looked for in its errors and events: each text takes its time.
TEXTS_MAX = 1_000
DEPTH_MAX = 32
# Base64 makes four bytes of three, and a JWE adds its header, wrapped keys of all recipients, nonce and tag.
SEALED_BYTES_MAX = 2 * VALUE_BYTES_MAX
# The language takes any text (schema, `use.secrets`); these are also names of members in expressions.
NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,126}[A-Za-z0-9_])?", re.ASCII)


def browse(session: Session, *, account_id: UUID) -> Sequence[Secret]:
    """Return the account's secrets by name; their values stay sealed."""
    query = select(Secret).where(Secret.account_id == account_id)
    return session.scalars(query.order_by(Secret.name)).all()


def find(session: Session, *, account_id: UUID, name: str, lock: bool = False) -> Secret:
    """Return one of the account's secrets.

    :raises NotFoundError: when it has none of this name.
    """
    query = select(Secret).where(Secret.account_id == account_id, Secret.name == name)
    found = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise NotFoundError("secret_unknown", "There is no such secret.")
    return found


def keep(session: Session, *, account_id: UUID, name: str, sealed: str, now: datetime) -> Secret:
    """Store a new secret, sealed to the engine.

    :raises InvalidError: when the name is none for a secret.
    :raises TooLargeError: when the value is.
    :raises ConflictError: when the account has COUNT_MAX of them.
    """
    if not NAME.fullmatch(name):
        detail = "A name has 1 to 128 letters, digits, hyphens, points and underscores."
        raise InvalidError("secret_name_invalid", detail, faults=[Fault("/name", detail)])
    _bound(sealed)
    # One writer at a time counts the account's secrets.
    session.get_one(Account, account_id, with_for_update=True)
    count = session.scalar(select(func.count()).where(Secret.account_id == account_id)) or 0
    if count >= COUNT_MAX:
        raise ConflictError("secrets_full", f"An account may have {COUNT_MAX} secrets.")
    secret = Secret(
        id=uuid7(), account_id=account_id, name=name, sealed=sealed, created_at=now, updated_at=now
    )
    session.add(secret)
    session.flush()
    return secret


def replace(secret: Secret, *, sealed: str, now: datetime) -> None:
    """Give a secret another value, sealed to the engine.

    :raises TooLargeError: when it is.
    """
    _bound(sealed)
    secret.sealed, secret.kept, secret.updated_at = sealed, None, now


def _bound(sealed: str) -> None:
    if len(sealed) > SEALED_BYTES_MAX:
        raise TooLargeError("secret_too_large", f"A secret may have {VALUE_BYTES_MAX} bytes.")


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens secrets for the executions that list them; in the worker alone."""

    keys: EngineKeys
    ring: Keyring

    def open(self, session: Session, *, account_id: UUID, names: Iterable[str]) -> dict[str, Any]:
        """Return the values of the named secrets, by name.

        One that is opened for the first time rests under the account's key from then on, so that it opens
        no more, wherever a copy is left, once that key is gone.

        :raises NotFoundError: with the pointer of each that the account does not have.
        :raises InvalidError: when a value does not open or is no JSON, or all hold more than TEXTS_MAX texts.
        """
        wanted = list(names)
        query = select(Secret).where(Secret.account_id == account_id, Secret.name.in_(wanted))
        found = {secret.name: secret for secret in session.scalars(query)} if wanted else {}
        missing = [
            Fault(f"/use/secrets/{at}", "") for at, name in enumerate(wanted) if name not in found
        ]
        if missing:
            raise NotFoundError("secret_unknown", "The account has no such secret.", faults=missing)
        values = {name: self._value(session, secret) for name, secret in found.items()}
        if not few(values):
            detail = f"The secrets hold more than {TEXTS_MAX} texts, or are nested deeper than {DEPTH_MAX}."
            raise InvalidError("secrets_too_many", detail)
        return values

    def _value(self, session: Session, secret: Secret) -> Any:
        key = encryption_keys.obtain(session, self.ring, account_id=secret.account_id)
        if secret.kept is not None:
            return orjson.loads(keyring.open_value(key, secret.kept, bound_to=secret.id))
        if secret.sealed is None:
            raise InvalidError("secret_malformed", "A secret holds no value.")
        plaintext = self.keys.open(secret.sealed, pointer="/use/secrets", bytes_max=VALUE_BYTES_MAX)
        try:
            value = orjson.loads(plaintext)
        except ValueError:
            raise InvalidError(
                "secret_malformed", "A secret that was sent sealed holds no JSON."
            ) from None
        secret.kept, secret.sealed = keyring.seal_value(key, plaintext, bound_to=secret.id), None
        return value


def few(values: Any) -> bool:
    """Tell whether values hold no more texts, and are no deeper, than may be looked for."""
    texts, places = 0, [(values, 0)]
    while places:
        found, depth = places.pop()
        members = list(found.values()) if isinstance(found, dict) else found
        if isinstance(members, list):
            places += [(member, depth + 1) for member in members]
        else:
            texts += 1
        if texts > TEXTS_MAX or depth > DEPTH_MAX:
            return False
    return True

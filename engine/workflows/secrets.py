"""Secrets of an account: values that its workflows use by name, stored as ciphertext alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.accounts import encryption_keys
from engine.crypto import keyring
from engine.crypto.jwe import EngineKeys
from engine.crypto.keyring import Keyring
from engine.errors import ConflictError, Fault, InvalidError, NotFoundError, TooLargeError
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account, Secret

COUNT_MAX = 100
VALUE_BYTES_MAX = 65_536
# Errors and events are searched for every text of an execution's secrets: each takes its time.
TEXTS_MAX = 1_000
DEPTH_MAX = 32
# Base64 makes four bytes of three; a JWE adds header, all recipients' wrapped keys, nonce and tag.
JWE_BYTES_MAX = 2 * VALUE_BYTES_MAX
# The language takes any text (schema, `use.secrets`); here names are also members in expressions.
NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,126}[A-Za-z0-9_])?", re.ASCII)


def browse(scope: AccountScope) -> Sequence[Secret]:
    """Return the account's secrets by name, their values encrypted."""
    query = select(Secret).where(Secret.account_id == scope.account_id)
    return scope.session.scalars(query.order_by(Secret.name)).all()


def find(scope: AccountScope, name: str, *, lock: bool = False) -> Secret:
    """Return one of the account's secrets.

    :raises NotFoundError: when the account has none of this name.
    """
    query = select(Secret).where(Secret.account_id == scope.account_id, Secret.name == name)
    secret = scope.session.scalars(query.with_for_update() if lock else query).one_or_none()
    if secret is None:
        raise NotFoundError("secret_unknown", "There is no such secret.")
    return secret


def create(scope: AccountScope, name: str, value_jwe: str) -> Secret:
    """Store a new secret, whose value is a JWE to the engine.

    :raises InvalidError: when the name is not allowed.
    :raises TooLargeError: when the value is too large.
    :raises ConflictError: when the account has COUNT_MAX secrets.
    """
    if not NAME.fullmatch(name):
        detail = "A name has 1 to 128 letters, digits, hyphens, points and underscores."
        raise InvalidError("secret_name_invalid", detail, faults=[Fault("/name", detail)])
    _check_size(value_jwe)
    session = scope.session
    # The lock makes the count true until the commit.
    session.get_one(Account, scope.account_id, with_for_update=True)
    count = session.scalar(select(func.count()).where(Secret.account_id == scope.account_id)) or 0
    if count >= COUNT_MAX:
        raise ConflictError("secrets_full", f"An account may have {COUNT_MAX} secrets.")
    secret = Secret(
        id=uuid7(),
        account_id=scope.account_id,
        name=name,
        sealed=value_jwe,
        created_at=scope.now,
        updated_at=scope.now,
    )
    session.add(secret)
    session.flush()
    return secret


def replace(secret: Secret, value_jwe: str, *, now: datetime) -> None:
    """Give a secret another value, a JWE to the engine.

    :raises TooLargeError: when the value is too large.
    """
    _check_size(value_jwe)
    secret.sealed, secret.kept, secret.updated_at = value_jwe, None, now


def _check_size(value_jwe: str) -> None:
    if len(value_jwe) > JWE_BYTES_MAX:
        raise TooLargeError("secret_too_large", f"A secret may have {VALUE_BYTES_MAX} bytes.")


@dataclass(frozen=True, slots=True)
class SecretOpener:
    """Opens secrets for the executions that list them, in the worker alone."""

    keys: EngineKeys
    ring: Keyring

    def open(self, scope: AccountScope, names: Iterable[str]) -> dict[str, Any]:
        """Return the values of the named secrets, by name.

        The first opening re-encrypts a secret under the account's key, so that no copy of it opens
        once that key is deleted.

        :raises NotFoundError: with a pointer for each name that the account has no secret of.
        :raises InvalidError: when a value does not open or is no JSON, or when together they hold
            more than TEXTS_MAX texts.
        """
        requested = list(names)
        query = select(Secret).where(
            Secret.account_id == scope.account_id, Secret.name.in_(requested)
        )
        secrets = {row.name: row for row in scope.session.scalars(query)} if requested else {}
        missing = [
            Fault(f"/use/secrets/{index}", "")
            for index, name in enumerate(requested)
            if name not in secrets
        ]
        if missing:
            raise NotFoundError("secret_unknown", "The account has no such secret.", faults=missing)
        values = {name: self._value(scope.session, secret) for name, secret in secrets.items()}
        if not within_limits(values):
            detail = (
                f"The secrets hold more than {TEXTS_MAX} texts,"
                f" or are nested deeper than {DEPTH_MAX}."
            )
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
                "secret_malformed", "A secret that its client encrypted holds no JSON."
            ) from None
        secret.kept, secret.sealed = keyring.seal_value(key, plaintext, bound_to=secret.id), None
        return value


def within_limits(values: Any) -> bool:
    """Tell whether values have at most TEXTS_MAX texts and are nested at most DEPTH_MAX deep."""
    texts, stack = 0, [(values, 0)]
    while stack:
        value, depth = stack.pop()
        members = list(value.values()) if isinstance(value, dict) else value
        if isinstance(members, list):
            stack += [(member, depth + 1) for member in members]
        else:
            texts += 1
        if texts > TEXTS_MAX or depth > DEPTH_MAX:
            return False
    return True

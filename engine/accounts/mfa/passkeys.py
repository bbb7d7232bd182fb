"""Passkeys as second factors (WebAuthn Level 3): registered with one challenge, shown with another."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from sqlalchemy import select
from sqlalchemy.orm import Session
from webauthn.helpers import exceptions, structs

from engine.accounts.mfa import challenges, enrolled_factors
from engine.config.settings import Settings
from engine.errors import ConflictError, ForbiddenError
from engine.store.accounts import Account, Factor

REGISTER, SHOW = "passkey.register", "passkey.show"
NAME = "Cloud API"


@dataclass(frozen=True, slots=True)
class Party:
    """Who passkeys are made for: the domain and the pages that may ask for them."""

    id: str
    origins: list[str]

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the origins; the domain is the first one's host, unless it is set."""
        origins = [
            origin.strip() for origin in settings.passkey_origins.split(",") if origin.strip()
        ]
        host = urlsplit(origins[0]).hostname if origins else None
        return cls(settings.passkey_domain or host or "", origins)

    def need(self) -> None:
        """Return when passkeys can be used here.

        :raises ConflictError: when no page is known that may ask for them.
        """
        if not self.origins:
            raise ConflictError("passkeys_off", "Passkeys are not set up here (PASSKEY_ORIGINS).")


def offer(
    session: Session, party: Party, *, account_id: UUID, session_id: UUID, now: datetime
) -> Any:
    """Return what a browser makes a passkey from (PublicKeyCredentialCreationOptionsJSON).

    :raises ConflictError: when passkeys are off here, or the account has as many factors as it may.
    """
    party.need()
    enrolled_factors.make_room(session, account_id=account_id)
    account = session.get_one(Account, account_id)
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=NAME,
        user_id=account_id.bytes,
        user_name=account.email,
        challenge=challenges.draw(session, session_id=session_id, purpose=REGISTER, now=now),
        exclude_credentials=_known(session, account_id),
    )
    return json.loads(webauthn.options_to_json(options))


def register(
    session: Session,
    party: Party,
    *,
    account_id: UUID,
    session_id: UUID,
    name: str,
    credential: dict[str, Any],
    now: datetime,
) -> tuple[Factor, list[str]]:
    """Make a passkey count; return it, and new recovery codes when it is the first factor.

    :raises ForbiddenError: `credential_invalid`.
    """
    party.need()
    challenge = challenges.take(session, session_id=session_id, purpose=REGISTER, now=now)
    try:
        made = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge or b"",
            expected_rp_id=party.id,
            expected_origin=party.origins,
        )
    except REFUSALS:
        challenge = None
    if challenge is None or _find(session, made.credential_id) is not None:
        raise ForbiddenError(
            "credential_invalid", "The credential answers no challenge of this session."
        )
    first = not enrolled_factors.enabled(session, account_id=account_id)
    factor = Factor(
        account_id=account_id,
        kind="passkey",
        name=name,
        created_at=now,
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
    )
    session.add(factor)
    return factor, enrolled_factors.settle(
        session, factor, first=first, session_id=session_id, now=now
    )


def challenge(
    session: Session, party: Party, *, account_id: UUID, session_id: UUID, now: datetime
) -> Any:
    """Return what a browser shows a passkey for (PublicKeyCredentialRequestOptionsJSON).

    :raises ConflictError: when passkeys are off here, or the account has none.
    """
    party.need()
    known = _known(session, account_id)
    if not known:
        raise ConflictError("passkeys_none", "The account has no passkey.")
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=challenges.draw(session, session_id=session_id, purpose=SHOW, now=now),
        allow_credentials=known,
    )
    return json.loads(webauthn.options_to_json(options))


def accept(
    session: Session,
    party: Party,
    *,
    account_id: UUID,
    session_id: UUID,
    credential: dict[str, Any],
    now: datetime,
) -> bool:
    """Tell whether a credential of the account's answers the challenge of this session."""
    expected = challenges.take(session, session_id=session_id, purpose=SHOW, now=now)
    try:
        named = webauthn.base64url_to_bytes(str(credential.get("id", "")))
        factor = _find(session, named)
        if expected is None or factor is None or factor.account_id != account_id:
            return False
        shown = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=expected,
            expected_rp_id=party.id,
            expected_origin=party.origins,
            credential_public_key=factor.public_key or b"",
            credential_current_sign_count=factor.sign_count or 0,
        )
    except REFUSALS:
        return False
    factor.sign_count, factor.used_at = shown.new_sign_count, now
    return True


# The library answers strangers' bytes with its own errors and with those of what it is built on.
REFUSALS = (exceptions.WebAuthnException, ValueError, TypeError, KeyError, AttributeError)


def _find(session: Session, credential_id: bytes) -> Factor | None:
    query = select(Factor).where(Factor.credential_id == credential_id)
    return session.scalars(query.with_for_update()).one_or_none()


def _known(session: Session, account_id: UUID) -> list[structs.PublicKeyCredentialDescriptor]:
    query = select(Factor.credential_id).where(
        Factor.account_id == account_id, Factor.kind == "passkey"
    )
    return [
        structs.PublicKeyCredentialDescriptor(id=known) for known in session.scalars(query) if known
    ]

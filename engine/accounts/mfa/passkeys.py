"""Passkeys as second factors (WebAuthn Level 3): registration and authentication."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from sqlalchemy import select
from sqlalchemy.orm import Session
from webauthn.helpers import exceptions, structs

from engine.accounts.mfa import challenges, enrolled_factors
from engine.accounts.mfa.enrolled_factors import Enrolment
from engine.config.settings import Settings
from engine.errors import ConflictError, ForbiddenError
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account, Factor

REGISTRATION, AUTHENTICATION = "passkey.register", "passkey.show"  # purposes of challenges
RELYING_PARTY_NAME = "Cloud API"
# The library raises its own errors, and those of its dependencies, for bytes that clients sent.
CREDENTIAL_ERRORS = (
    exceptions.WebAuthnException,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
)


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """WebAuthn's relying party: the domain of passkeys and the origins that may use them."""

    id: str
    origins: list[str]

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the origins and the domain, which defaults to the first origin's host."""
        origins = [
            origin.strip() for origin in settings.passkey_origins.split(",") if origin.strip()
        ]
        host = urlsplit(origins[0]).hostname if origins else None
        return cls(settings.passkey_domain or host or "", origins)

    def check_enabled(self) -> None:
        """Return when passkeys can be used.

        :raises ConflictError: when the settings name no origin.
        """
        if not self.origins:
            raise ConflictError(
                "passkeys_off", "Passkeys are not set up on this server (PASSKEY_ORIGINS)."
            )


def create_registration_options(
    scope: AccountScope, relying_party: RelyingParty, *, session_id: UUID
) -> Any:
    """Return a PublicKeyCredentialCreationOptionsJSON, from which a browser creates a passkey.

    :raises ConflictError: when passkeys are off, or the account has the maximum of factors.
    """
    relying_party.check_enabled()
    session, account_id = scope.session, scope.account_id
    enrolled_factors.make_room(session, account_id=account_id)
    account = session.get_one(Account, account_id)
    challenge = challenges.create(
        session, session_id=session_id, purpose=REGISTRATION, now=scope.now
    )
    options = webauthn.generate_registration_options(
        rp_id=relying_party.id,
        rp_name=RELYING_PARTY_NAME,
        user_id=account_id.bytes,
        user_name=account.email,
        challenge=challenge,
        exclude_credentials=_list_credentials(session, account_id),
    )
    return json.loads(webauthn.options_to_json(options))


def register(
    scope: AccountScope,
    relying_party: RelyingParty,
    *,
    session_id: UUID,
    name: str,
    credential: dict[str, Any],
) -> Enrolment:
    """Enrol a passkey that a browser created from the session's registration options.

    :raises ForbiddenError: `credential_invalid`.
    """
    relying_party.check_enabled()
    session, account_id, now = scope.session, scope.account_id, scope.now
    challenge = challenges.consume(session, session_id=session_id, purpose=REGISTRATION, now=now)
    try:
        registration = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge or b"",
            expected_rp_id=relying_party.id,
            expected_origin=relying_party.origins,
        )
    except CREDENTIAL_ERRORS:
        challenge = None
    if challenge is None or _find_factor(session, registration.credential_id) is not None:
        detail = "The credential does not answer a challenge of this session."
        raise ForbiddenError("credential_invalid", detail)
    is_first = not enrolled_factors.has_factor(session, account_id=account_id)
    factor = Factor(
        account_id=account_id,
        kind="passkey",
        name=name,
        created_at=now,
        credential_id=registration.credential_id,
        public_key=registration.credential_public_key,
        sign_count=registration.sign_count,
    )
    session.add(factor)
    return enrolled_factors.confirm(scope, factor, is_first=is_first, session_id=session_id)


def create_authentication_options(
    scope: AccountScope, relying_party: RelyingParty, *, session_id: UUID
) -> Any:
    """Return a PublicKeyCredentialRequestOptionsJSON, for which a browser signs with a passkey.

    :raises ConflictError: when passkeys are off, or the account has none.
    """
    relying_party.check_enabled()
    credentials = _list_credentials(scope.session, scope.account_id)
    if not credentials:
        raise ConflictError("passkeys_none", "The account has no passkey.")
    challenge = challenges.create(
        scope.session, session_id=session_id, purpose=AUTHENTICATION, now=scope.now
    )
    options = webauthn.generate_authentication_options(
        rp_id=relying_party.id, challenge=challenge, allow_credentials=credentials
    )
    return json.loads(webauthn.options_to_json(options))


def verify(
    scope: AccountScope,
    relying_party: RelyingParty,
    *,
    session_id: UUID,
    credential: dict[str, Any],
) -> bool:
    """Return whether one of the account's credentials answers the challenge of this session."""
    session, now = scope.session, scope.now
    challenge = challenges.consume(session, session_id=session_id, purpose=AUTHENTICATION, now=now)
    try:
        credential_id = webauthn.base64url_to_bytes(str(credential.get("id", "")))
        factor = _find_factor(session, credential_id)
        if challenge is None or factor is None or factor.account_id != scope.account_id:
            return False
        authentication = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=relying_party.id,
            expected_origin=relying_party.origins,
            credential_public_key=factor.public_key or b"",
            credential_current_sign_count=factor.sign_count or 0,
        )
    except CREDENTIAL_ERRORS:
        return False
    factor.sign_count, factor.used_at = authentication.new_sign_count, now
    return True


def _find_factor(session: Session, credential_id: bytes) -> Factor | None:
    query = select(Factor).where(Factor.credential_id == credential_id)
    return session.scalars(query.with_for_update()).one_or_none()


def _list_credentials(
    session: Session, account_id: UUID
) -> list[structs.PublicKeyCredentialDescriptor]:
    query = select(Factor.credential_id).where(
        Factor.account_id == account_id, Factor.kind == "passkey"
    )
    return [
        structs.PublicKeyCredentialDescriptor(id=credential_id)
        for credential_id in session.scalars(query)
        if credential_id
    ]

"""Registering a channel: the address an agent names, and the keys that go with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.config.settings import Settings
from engine.crypto.keyring import Keyring
from engine.egress.guard import Egress
from engine.errors import ConflictError
from engine.notifications import endpoint_policy, management, vapid, web_push, webhook
from engine.store.accounts import Channel
from engine.sync import pull


@dataclass(frozen=True, slots=True)
class Terms:
    """What registering needs: keys that wrap secrets, keys that browsers subscribe to, the guard's rules."""

    ring: Keyring | None
    push_keys: Mapping[str, str]  # applicationServerKey by kid, the current one first
    egress: Egress
    most: int  # channels of an agent

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the keys; without CHANNEL_KEYS or VAPID_PUBLIC_KEYS what needs them is refused.

        :raises SettingsError: when a key is malformed.
        """
        ring = Keyring(settings.secrets("channel_keys")) if settings.channel_keys else None
        egress = Egress(allow=settings.egress_allow)
        return cls(ring, vapid.public_keys(settings), egress, settings.channels_per_agent_max)

    def keyring(self) -> Keyring:
        """Return the keys that wrap secrets.

        :raises ConflictError: `channels_off`.
        """
        if self.ring is None:
            raise ConflictError("channels_off", "Channels are not set up here (CHANNEL_KEYS).")
        return self.ring

    def push_key_id(self, subscribed_to: str | None) -> str:
        """Return the kid of the key that a browser subscribed to; the current one, when it does not say.

        :raises ConflictError: `web_push_off`, or `push_key_unknown`: subscribe to the current key.
        """
        if not self.push_keys:
            raise ConflictError("web_push_off", "Web Push is not set up here (VAPID_PUBLIC_KEYS).")
        for kid, key in self.push_keys.items():
            if subscribed_to is None or key == subscribed_to.rstrip("="):
                return kid
        raise ConflictError(
            "push_key_unknown", "The subscription is to a key that is not published here."
        )


@dataclass(frozen=True, slots=True)
class Registered:
    """A channel, and its secret where one has just been drawn; `new` unless it was there before."""

    channel: Channel
    secret: str | None = None
    new: bool = True


def add_webhook(
    session: Session, terms: Terms, *, account_id: UUID, agent_id: str, url: str, now: datetime
) -> Registered:
    """Register an address for signed webhooks, and draw the secret that signs them.

    :raises InvalidError: when nothing can be sent to the address.
    :raises ConflictError: `channel_exists`; `channels_full`; `channels_off`.
    """
    ring = terms.keyring()
    endpoint_policy.check(url, terms.egress, "/url")
    known = _known(session, account_id, agent_id, url)
    if known is not None:
        extra = {"channelId": str(known.id)}
        raise ConflictError("channel_exists", "This agent has this channel already.", extra=extra)
    channel = _begin(session, terms, account_id, agent_id, "webhook", url, now)
    secret = webhook.draw()
    channel.secret = ring.wrap(secret, channel.id)
    session.add(channel)
    return Registered(channel, webhook.shown(secret))


def add_web_push(
    session: Session,
    terms: Terms,
    *,
    account_id: UUID,
    agent_id: str,
    subscription: Mapping[str, str],
    now: datetime,
) -> Registered:
    """Register a browser's subscription: `endpoint`, `p256dh`, `auth`, and the `application_server_key`.

    One that is registered already takes its new keys and lives again: a page may register at each start.

    :raises InvalidError: when nothing can be sent to it.
    :raises ConflictError: `channels_full`; `channels_off`; `web_push_off`; `push_key_unknown`.
    """
    ring, endpoint = terms.keyring(), subscription["endpoint"]
    endpoint_policy.check(endpoint, terms.egress, "/subscription/endpoint")
    secret = web_push.read_keys(subscription["p256dh"], subscription["auth"], "/subscription/keys")
    key_id = terms.push_key_id(subscription.get("application_server_key"))
    known = _known(session, account_id, agent_id, endpoint)
    if known is not None and known.kind != "webPush":
        extra = {"channelId": str(known.id)}
        raise ConflictError(
            "channel_exists", "This agent has a webhook at this address.", extra=extra
        )
    channel = known or _begin(session, terms, account_id, agent_id, "webPush", endpoint, now)
    channel.public_key, channel.key_id = subscription["p256dh"], key_id
    channel.secret = ring.wrap(secret, channel.id)
    if known is not None and known.state == "dead":
        management.resume(known, now=now)
    session.add(channel)
    return Registered(channel, new=known is None)


def _begin(
    session: Session,
    terms: Terms,
    account_id: UUID,
    agent_id: str,
    kind: str,
    endpoint: str,
    now: datetime,
) -> Channel:
    """Return a channel that knows of all that has happened so far."""
    mine = Channel.account_id == account_id, Channel.agent_id == agent_id
    if (session.scalar(select(func.count()).where(*mine)) or 0) >= terms.most:
        raise ConflictError("channels_full", f"An agent may have {terms.most} channels.")
    told_stamp = pull.read_head(session, account_id)
    return Channel(
        id=uuid7(),
        account_id=account_id,
        agent_id=agent_id,
        kind=kind,
        endpoint=endpoint,
        state="active",
        failures=0,
        told_stamp=told_stamp,
        created_at=now,
    )


def _known(session: Session, account_id: UUID, agent_id: str, endpoint: str) -> Channel | None:
    """Return the agent's channel at an address; the agent's registrations queue here."""
    name = f"channels/{account_id}/{agent_id}"
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
    query = select(Channel).where(
        Channel.account_id == account_id, Channel.agent_id == agent_id, Channel.endpoint == endpoint
    )
    return session.scalars(query.with_for_update()).one_or_none()

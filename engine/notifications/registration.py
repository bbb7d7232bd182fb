"""Registration of channels: the endpoint that an agent names, and the keys of the channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from sqlalchemy import func, select
from uuid_utils.compat import uuid7

from engine.config.settings import Settings
from engine.crypto.keyring import Keyring
from engine.egress.guard import Egress
from engine.errors import ConflictError
from engine.notifications import endpoint_policy, management, vapid, web_push, webhook_signature
from engine.store.account_scope import AgentScope
from engine.store.accounts import Channel
from engine.sync import pull


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """Keyring of secrets, keys that browsers subscribe to, egress rules, channels per agent."""

    ring: Keyring | None
    push_keys: Mapping[str, str]  # applicationServerKey by kid; the first is the current one
    egress: Egress
    channels_max: int

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the keys; without CHANNEL_KEYS or VAPID_PUBLIC_KEYS registrations are refused.

        :raises SettingsError: when a key is malformed.
        """
        ring = Keyring(settings.secrets("channel_keys")) if settings.channel_keys else None
        egress = Egress(allow=settings.egress_allow)
        return cls(ring, vapid.public_keys(settings), egress, settings.channels_per_agent_max)

    def require_keyring(self) -> Keyring:
        """Return the keyring that wraps secrets.

        :raises ConflictError: `channels_off`.
        """
        if self.ring is None:
            detail = "Channels are not set up on this server (CHANNEL_KEYS)."
            raise ConflictError("channels_off", detail)
        return self.ring

    def find_push_key_id(self, application_server_key: str | None) -> str:
        """Return the kid of the key that a browser subscribed to; without a key, the current kid.

        :raises ConflictError: `web_push_off`; `push_key_unknown`, when the browser has to
            subscribe to the current key.
        """
        if not self.push_keys:
            detail = "Web Push is not set up on this server (VAPID_PUBLIC_KEYS)."
            raise ConflictError("web_push_off", detail)
        for kid, key in self.push_keys.items():
            if application_server_key is None or key == application_server_key.rstrip("="):
                return kid
        detail = "The subscription names a key that this server does not publish."
        raise ConflictError("push_key_unknown", detail)


@dataclass(frozen=True, slots=True)
class ChannelRegistration:
    """Channel, its secret if that was just generated, and whether the channel is new."""

    channel: Channel
    secret: str | None = None
    new: bool = True


def add_webhook(scope: AgentScope, config: ChannelConfig, *, url: str) -> ChannelRegistration:
    """Register an address for signed webhooks, and generate the secret that signs them.

    :raises InvalidError: when the address is not allowed.
    :raises ConflictError: `channel_exists`; `channels_full`; `channels_off`.
    """
    ring = config.require_keyring()
    endpoint_policy.check(url, config.egress, "/url")
    existing = _find_channel(scope, url)
    if existing is not None:
        extra = {"channelId": str(existing.id)}
        raise ConflictError("channel_exists", "This agent has this channel already.", extra=extra)
    channel = _create_channel(scope, config, "webhook", url)
    secret = webhook_signature.generate_secret()
    channel.secret = ring.wrap(secret, channel.id)
    scope.session.add(channel)
    return ChannelRegistration(channel, webhook_signature.encode_secret(secret))


def add_web_push(
    scope: AgentScope, config: ChannelConfig, *, subscription: Mapping[str, str]
) -> ChannelRegistration:
    """Register a browser's subscription: `endpoint`, `p256dh`, `auth`, `application_server_key`.

    A registered subscription gets its new keys and is active again, because a page may register at
    each start.

    :raises InvalidError: when the endpoint is not allowed.
    :raises ConflictError: `channels_full`; `channels_off`; `web_push_off`; `push_key_unknown`.
    """
    ring, endpoint = config.require_keyring(), subscription["endpoint"]
    endpoint_policy.check(endpoint, config.egress, "/subscription/endpoint")
    secret = web_push.parse_keys(subscription["p256dh"], subscription["auth"], "/subscription/keys")
    key_id = config.find_push_key_id(subscription.get("application_server_key"))
    existing = _find_channel(scope, endpoint)
    if existing is not None and existing.kind != "webPush":
        extra = {"channelId": str(existing.id)}
        detail = "This agent has a webhook at this address."
        raise ConflictError("channel_exists", detail, extra=extra)
    channel = existing or _create_channel(scope, config, "webPush", endpoint)
    channel.public_key, channel.key_id = subscription["p256dh"], key_id
    channel.secret = ring.wrap(secret, channel.id)
    if existing is not None and existing.state == "dead":
        management.resume(existing, now=scope.now)
    scope.session.add(channel)
    return ChannelRegistration(channel, new=existing is None)


def _create_channel(scope: AgentScope, config: ChannelConfig, kind: str, endpoint: str) -> Channel:
    """Return a channel whose first notice will be of changes after now."""
    session, account_id, agent_id = scope.session, scope.account_id, scope.agent_id
    conditions = Channel.account_id == account_id, Channel.agent_id == agent_id
    if (session.scalar(select(func.count()).where(*conditions)) or 0) >= config.channels_max:
        raise ConflictError("channels_full", f"An agent may have {config.channels_max} channels.")
    return Channel(
        id=uuid7(),
        account_id=account_id,
        agent_id=agent_id,
        kind=kind,
        endpoint=endpoint,
        state="active",
        failures=0,
        told_stamp=pull.read_head(session, account_id),
        created_at=scope.now,
    )


def _find_channel(scope: AgentScope, endpoint: str) -> Channel | None:
    """Return the agent's channel at an address; a lock makes the agent's registrations wait."""
    name = f"channels/{scope.account_id}/{scope.agent_id}"
    scope.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
    query = select(Channel).where(
        Channel.account_id == scope.account_id,
        Channel.agent_id == scope.agent_id,
        Channel.endpoint == endpoint,
    )
    return scope.session.scalars(query.with_for_update()).one_or_none()

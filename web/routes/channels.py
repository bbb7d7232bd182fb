"""`/api/channels`: push services and webhooks that notify agents without a live stream."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Flask, current_app

from engine.config.settings import Settings
from engine.notifications import management, registration
from engine.notifications.registration import ChannelConfig, ChannelRegistration
from engine.store.account_scope import LISTED_MAX
from engine.store.accounts import Channel
from web.extensions import db
from web.http import authentication, rate_limits, redis_notify, security_events
from web.http.json_bodies import Blueprint
from web.schemas import channels as schemas

blueprint = Blueprint(
    "channels", __name__, url_prefix="/api/channels", description="Web Push and webhooks"
)
authentication.protect(blueprint)
rate_limits.limit(blueprint)


def configure(app: Flask, settings: Settings) -> None:
    """Store what registrations need in the app.

    :raises SettingsError: when CHANNEL_KEYS or VAPID_PUBLIC_KEYS is malformed.
    """
    app.extensions["channels"] = ChannelConfig.from_settings(settings)


@blueprint.route("", methods=["GET"])
@blueprint.response(200, schemas.ChannelsResponse)
def list_channels() -> dict[str, Any]:
    """List the channels of all of the account's agents, oldest first."""
    rows = management.list_channels(authentication.agent_scope())
    return {"channels": rows[:LISTED_MAX], "has_more": len(rows) > LISTED_MAX}


@blueprint.route("", methods=["POST"])
@blueprint.arguments(schemas.ChannelRequest)
@blueprint.response(201, schemas.ChannelRegistrationResponse)
@blueprint.alt_response(200, schema=schemas.ChannelRegistrationResponse, success=True)
def register(body: dict[str, Any]) -> tuple[ChannelRegistration, int]:
    """Register a channel of this agent; an existing subscription gets its new keys (200).

    A webhook needs a step-up. A browser renews its subscription while nobody looks at it.
    """
    scope = authentication.agent_scope()
    if body["kind"] == "webhook":
        authentication.require_step_up()
        result = registration.add_webhook(scope, _config(), url=body["url"])
    else:
        subscription = _flatten_subscription(body)
        result = registration.add_web_push(scope, _config(), subscription=subscription)
    if result.new:
        security_events.commit("channel_added", now=datetime.now(UTC))
        return result, 201
    db.session.commit()
    redis_notify.wake_relay()
    return result, 200


@blueprint.route("/vapid", methods=["GET"])
@blueprint.response(200, schemas.VapidKeyResponse)
def read_push_key() -> dict[str, str | None]:
    """Return the key that a browser's subscription has to name (RFC 8292)."""
    return {"public_key": next(iter(_config().push_keys.values()), None)}


@blueprint.route("/<uuid:channel_id>", methods=["GET"])
@blueprint.response(200, schemas.ChannelResponse)
def read(channel_id: UUID) -> Channel:
    """Return a channel with the state of its deliveries."""
    return management.get_channel(authentication.agent_scope(), channel_id)


@blueprint.route("/<uuid:channel_id>", methods=["PATCH"])
@blueprint.arguments(schemas.ChannelChangeRequest)
@blueprint.response(200, schemas.ChannelRegistrationResponse)
def change(body: dict[str, Any], channel_id: UUID) -> ChannelRegistration:
    """Pause or resume a channel, or generate a new secret, which needs a step-up."""
    channel, now = _get_channel_for_change(channel_id), datetime.now(UTC)
    secret = None
    if body.get("rotate_secret"):
        authentication.require_step_up()
        secret = management.rotate_secret(channel, _config().require_keyring(), now=now)
    if body.get("state") == "paused":
        management.pause(channel)
    elif body.get("state") == "active":
        management.resume(channel, now=now)
    if secret is not None:
        security_events.commit("channel_secret_changed", now=now)
    else:
        db.session.commit()
        redis_notify.wake_relay()
    return ChannelRegistration(channel, secret)


@blueprint.route("/<uuid:channel_id>", methods=["DELETE"])
@blueprint.response(204)
def remove(channel_id: UUID) -> None:
    """Delete a channel."""
    db.session.delete(_get_channel_for_change(channel_id))
    security_events.commit("channel_removed", now=datetime.now(UTC))


@blueprint.route("/<uuid:channel_id>/test", methods=["POST"])
@blueprint.response(202, schemas.ChannelResponse)
def test(channel_id: UUID) -> Channel:
    """Send a test notice; its outcome appears in the channel."""
    channel = _get_channel_for_change(channel_id)
    management.request_test(channel, now=datetime.now(UTC))
    db.session.commit()
    redis_notify.wake_relay()
    return channel


def _flatten_subscription(body: dict[str, Any]) -> dict[str, str]:
    """Return a browser's subscription with its keys and the key that it subscribed to."""
    subscription = {"endpoint": body["subscription"]["endpoint"], **body["subscription"]["keys"]}
    if "application_server_key" in body:
        subscription["application_server_key"] = body["application_server_key"]
    return subscription


def _get_channel_for_change(channel_id: UUID) -> Channel:
    """Return a channel and lock it; another agent's channel needs a step-up."""
    scope = authentication.agent_scope()
    channel = management.get_channel(scope, channel_id, lock=True)
    if channel.agent_id != scope.agent_id:
        authentication.require_step_up()
    return channel


def _config() -> ChannelConfig:
    config: ChannelConfig = current_app.extensions["channels"]
    return config

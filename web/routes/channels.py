"""`/api/channels`: where an agent is told of changes when no live stream of its is open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Flask, current_app

from engine.config.settings import Settings
from engine.notifications import management, registration
from engine.notifications.registration import Registered, Terms
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
    """Give the app what registering needs.

    :raises SettingsError: when CHANNEL_KEYS or VAPID_PUBLIC_KEYS is malformed.
    """
    app.extensions["channels"] = Terms.from_settings(settings)


@blueprint.route("", methods=["GET"])
@blueprint.response(200, schemas.Channels)
def browse() -> dict[str, Sequence[Channel]]:
    """List the channels of all of the account's agents, oldest first."""
    return {
        "channels": management.browse(db.session(), account_id=authentication.identity().account_id)
    }


@blueprint.route("", methods=["POST"])
@blueprint.arguments(schemas.ChannelRequest)
@blueprint.response(201, schemas.ChannelAnswer)
@blueprint.alt_response(200, schema=schemas.ChannelAnswer, success=True)
def register(body: dict[str, Any]) -> tuple[Registered, int]:
    """Register a channel of the asking agent; a subscription that is known takes its new keys (200)."""
    registered = _registered(body, datetime.now(UTC))
    if registered.new:
        security_events.commit("channel_added", now=datetime.now(UTC))
    else:
        _commit()
    return registered, 201 if registered.new else 200


@blueprint.route("/vapid", methods=["GET"])
@blueprint.response(200, schemas.PushKey)
def push_key() -> dict[str, str | None]:
    """Return the key that a browser's subscription has to name (RFC 8292)."""
    return {"public_key": next(iter(_terms().push_keys.values()), None)}


@blueprint.route("/<uuid:channel_id>", methods=["GET"])
@blueprint.response(200, schemas.ChannelShown)
def read(channel_id: UUID) -> Channel:
    """Return a channel and how it does."""
    return management.find(
        db.session(), account_id=authentication.identity().account_id, channel_id=channel_id
    )


@blueprint.route("/<uuid:channel_id>", methods=["PATCH"])
@blueprint.arguments(schemas.ChannelChange)
@blueprint.response(200, schemas.ChannelAnswer)
def change(body: dict[str, Any], channel_id: UUID) -> Registered:
    """Pause a channel, begin anew with it, or draw a new secret."""
    channel, now = _own(channel_id), datetime.now(UTC)
    rotates = body.get("rotate_secret", False)
    secret = management.rotate(channel, _terms().keyring(), now=now) if rotates else None
    if body.get("state") == "paused":
        management.pause(channel)
    elif body.get("state") == "active":
        management.resume(channel, now=now)
    if rotates:
        security_events.commit("channel_secret_changed", now=now)
    else:
        _commit()
    return Registered(channel, secret)


@blueprint.route("/<uuid:channel_id>", methods=["DELETE"])
@blueprint.response(204)
def remove(channel_id: UUID) -> None:
    """Take a channel away."""
    db.session.delete(_own(channel_id))
    security_events.commit("channel_removed", now=datetime.now(UTC))


@blueprint.route("/<uuid:channel_id>/test", methods=["POST"])
@blueprint.response(202, schemas.ChannelShown)
def test(channel_id: UUID) -> Channel:
    """Send a test notice; the channel shows how that went."""
    channel = _own(channel_id)
    management.test(channel, now=datetime.now(UTC))
    _commit()
    return channel


def _registered(body: dict[str, Any], now: datetime) -> Registered:
    who, session = authentication.identity(), db.session()
    if body["kind"] == "webhook":
        return registration.add_webhook(
            session,
            _terms(),
            account_id=who.account_id,
            agent_id=who.agent_id,
            url=body["url"],
            now=now,
        )
    subscription = body["subscription"]
    given = {"endpoint": subscription["endpoint"], **subscription["keys"]}
    if "application_server_key" in body:
        given["application_server_key"] = body["application_server_key"]
    return registration.add_web_push(
        session,
        _terms(),
        account_id=who.account_id,
        agent_id=who.agent_id,
        subscription=given,
        now=now,
    )


def _own(channel_id: UUID) -> Channel:
    """Return a channel to be changed: the asking agent's own, or another's after a fresh proof."""
    who = authentication.identity()
    channel = management.find(
        db.session(), account_id=who.account_id, channel_id=channel_id, lock=True
    )
    if channel.agent_id != who.agent_id:
        authentication.need_fresh()
    return channel


def _commit() -> None:
    db.session.commit()
    redis_notify.relay()


def _terms() -> Terms:
    found: Terms = current_app.extensions["channels"]
    return found

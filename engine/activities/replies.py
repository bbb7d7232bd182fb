"""Replies of local activities to the web process that waits for a workflow."""

from __future__ import annotations

from typing import Any

import orjson
from joserfc.jwk import OKPKey
from temporalio import activity

from engine.config.settings import Settings
from engine.crypto.replies import seal_reply


def reply_to(reply_key: dict[str, str], content: dict[str, Any], settings: Settings) -> str:
    """Seal content to the key of the web process that passes it on to its owner."""
    return seal_reply(
        orjson.dumps(content),
        to=OKPKey.import_key(dict(reply_key)),
        workflow_id=activity.info().workflow_id or "",
        keys=settings.secrets("command_keys"),
    )

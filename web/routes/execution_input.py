"""What an execution is to run on: inputs that come plain are sealed before they are stored."""

from __future__ import annotations

from typing import Any

import orjson
from flask import current_app

from engine.config.settings import Settings
from engine.crypto import jwe
from engine.crypto.jwe import is_compact_jwe, parse_keys
from engine.crypto.public_keys import require_encryption_key
from engine.errors import TooLargeError
from engine.store.accounts import Account
from engine.workflows.executions.executions import Order


def order(account: Account, body: dict[str, Any]) -> Order:
    """Seal a plain input before it is stored; a sealed one asks for a sealed result.

    :raises ConflictError: when the result cannot be sealed to the account's key.
    :raises TooLargeError: when the input is larger than a value may be.
    """
    settings: Settings = current_app.extensions["settings"]
    value = body["input"]
    sealed = is_compact_jwe(value)
    seal_result = body.get("seal_result", sealed)
    if seal_result:
        require_encryption_key(account.public_key)
    plaintext = value.encode() if sealed else orjson.dumps(value)
    if len(plaintext) > (2 if sealed else 1) * settings.value_bytes_max:
        raise TooLargeError(
            "input_too_large", f"An input may have {settings.value_bytes_max} bytes."
        )
    if sealed:
        return Order(value, seal_result)
    engine_key = parse_keys(settings.need("engine_public_keys"))[0]
    return Order(jwe.seal(engine_key, plaintext), seal_result)

"""Encryption of what clients send in plaintext, to an engine key, before it is stored."""

from __future__ import annotations

from typing import Any

import orjson
from flask import current_app

from engine.config.settings import Settings
from engine.crypto import jwe
from engine.crypto.jwe import is_compact_jwe, parse_keys
from engine.errors import TooLargeError
from engine.workflows.executions.executions import SealedInput


def seal_to_engine(plaintext: bytes) -> str:
    """Return a JWE to the engine's first public key.

    :raises SettingsError: when the settings have no public key.
    """
    settings: Settings = current_app.extensions["settings"]
    return jwe.seal(parse_keys(settings.need("engine_public_keys"))[0], plaintext)


def seal_input(body: dict[str, Any]) -> SealedInput:
    """Return a request's input; one that is a JWE already asks for a sealed result.

    :raises TooLargeError: when the input is larger than a value may be.
    """
    settings: Settings = current_app.extensions["settings"]
    value = body["input"]
    is_jwe = is_compact_jwe(value)
    seal_result = body.get("seal_result", is_jwe)
    plaintext = value.encode() if is_jwe else orjson.dumps(value)
    if len(plaintext) > (2 if is_jwe else 1) * settings.value_bytes_max:
        raise TooLargeError(
            "input_too_large", f"An input may have {settings.value_bytes_max} bytes."
        )
    return SealedInput(value if is_jwe else seal_to_engine(plaintext), seal_result)

"""What a setting's value may be: what is wrong with one is found when a process starts, not later."""

from __future__ import annotations

import json
import math
from typing import Any

# Numbers are not negative; these have closer bounds.
AT_LEAST: dict[str, float] = {
    "port": 1,
    "web_concurrency": 1,
    "web_threads": 1,
    "password_hash_kib": 8,
    "password_hash_passes": 1,
    "access_token_seconds": 1,
    "refresh_idle_seconds": 1,
    "refresh_absolute_seconds": 1,
    "body_bytes_max": 1,
    "execution_seconds_max": 1,
    "execution_days_kept": 1,
    "executions_per_account_max": 1,
    "heartbeat_seconds": 0.01,
}
AT_MOST: dict[str, float] = {
    "port": 65_535,
    "metrics_port": 65_535,
    "otel_traces_sampler_arg": 1,
    "sync_strict_clocks": 1,
    # Hosts' routers wait 30 s for the first byte of an answer, and 55 s for the next one.
    "execute_wait_seconds_max": 28,
    "pull_wait_seconds_max": 28,
    "heartbeat_seconds": 50,
}
CHOICES = {
    "temporal_tls": ("true", "false"),
    "registration": ("open", "closed"),
    "log_format": ("logfmt", "json"),
}
SCHEMES = {
    "redis_url": ("redis", "rediss"),
    "temporal_ui_url": ("http", "https"),
    "otel_exporter_otlp_endpoint": ("http", "https"),
    "vapid_subject": ("mailto", "https"),
    "cors_origins": ("http", "https"),
    "passkey_origins": ("http", "https"),
}
KEY_SETS = {
    "access_token_keys",
    "engine_public_keys",
    "engine_private_keys",
    "vapid_public_keys",
    "vapid_private_keys",
}


def parse(text: str, kind: type) -> Any:
    """Return a number, or the text itself.

    :raises ValueError: saying what it must be.
    """
    if kind is str:
        return text
    try:
        number = kind(text)
        finite = math.isfinite(number)
    except (ValueError, OverflowError):
        finite = False
    if not finite:
        raise ValueError(f"must be {'an integer' if kind is int else 'a number'}, not {text!r}")
    return number


def check(name: str, value: Any) -> None:
    """Look whether a setting that is not empty may have this value; secrets are not quoted.

    :raises ValueError: saying what it must be.
    """
    if isinstance(value, int | float):
        least, most = AT_LEAST.get(name, 0), AT_MOST.get(name, math.inf)
        if not least <= value <= most:
            bounds = f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
            raise ValueError(f"must be {bounds}, not {value}")
    elif name in CHOICES and value not in CHOICES[name]:
        raise ValueError(f"must be {' or '.join(CHOICES[name])}, not {value!r}")
    elif name in SCHEMES:
        _check_schemes(value, SCHEMES[name])
    elif name in KEY_SETS:
        _check_key_set(value)


def _check_schemes(value: str, schemes: tuple[str, ...]) -> None:
    for url in value.split(","):
        scheme, _, rest = url.strip().partition(":")
        if scheme not in schemes or not rest.strip("/"):
            raise ValueError(f"must begin with {' or '.join(f'{scheme}:' for scheme in schemes)}")


def _check_key_set(value: str) -> None:
    """Look whether this is a JWK Set that is not empty (RFC 7517, section 5)."""
    try:
        keys = json.loads(value)["keys"]
        whole = bool(keys) and all(key["kty"] and key["kid"] for key in keys)
    except (ValueError, LookupError, TypeError):
        whole = False
    if not whole:
        raise ValueError('must be a JWK Set: {"keys": [{"kty": …, "kid": …, …}]}')

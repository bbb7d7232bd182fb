"""Types and bounds of settings, checked when a process starts."""

from __future__ import annotations

import json
import math
from typing import Any

# No number may be negative; these settings have narrower bounds.
MINIMUMS: dict[str, float] = {
    "port": 1,
    "web_concurrency": 1,
    "web_threads": 1,
    "password_hash_kib": 8,
    "password_hash_passes": 1,
    "access_token_seconds": 1,
    "refresh_idle_seconds": 1,
    "refresh_absolute_seconds": 1,
    "body_bytes_max": 1,
    "connections_per_address_max": 1,
    "execution_seconds_max": 1,
    "execution_days_kept": 1,
    "executions_per_account_max": 1,
    "heartbeat_seconds": 0.01,
}
MAXIMUMS: dict[str, float] = {
    "port": 65_535,
    "metrics_port": 65_535,
    "otel_traces_sampler_arg": 1,
    "sync_strict_clocks": 1,
    # Routers of hosting platforms wait 30 s for the first byte of an answer, 55 s for the next.
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
    """Return a text as a value of the setting's type.

    :raises ValueError: when it is not of this type; the message states the type.
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
    """Check the value of a setting that is not empty.

    :raises ValueError: when the setting cannot have it; the message never quotes a secret.
    """
    if isinstance(value, int | float):
        minimum, maximum = MINIMUMS.get(name, 0), MAXIMUMS.get(name, math.inf)
        if not minimum <= value <= maximum:
            bounds = f"from {minimum:g} to {maximum:g}"
            if maximum == math.inf:
                bounds = f"at least {minimum:g}"
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
    """Check that a value is a JWK Set with at least one key (RFC 7517 section 5)."""
    try:
        keys = json.loads(value)["keys"]
        valid = bool(keys) and all(key["kty"] and key["kid"] for key in keys)
    except (ValueError, LookupError, TypeError):
        valid = False
    if not valid:
        raise ValueError('must be a JWK Set: {"keys": [{"kty": …, "kid": …, …}]}')


def to_psycopg_url(url: str) -> str:
    """Return a database URL with the driver; SQLAlchemy does not accept postgres://.

    :raises ValueError: when it is the URL of another kind of database.
    """
    scheme, _, rest = url.partition("://")
    if scheme in {"postgres", "postgresql", "postgresql+psycopg"}:
        return f"postgresql+psycopg://{rest}"
    raise ValueError(f"must begin with postgres:// or postgresql://, not {scheme}://")

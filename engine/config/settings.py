"""The only reader of the environment: one frozen value, complete and checked at start."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from engine.config import setting_types

SECRET_BYTES_MIN = 32
SECRET_LISTS = {
    "refresh_token_keys",
    "factor_keys",
    "keyring",
    "channel_keys",
    "codec_keys",
    "codec_operators",
}


class SettingsError(ValueError):
    """A setting is missing or malformed; the message begins with its environment variable."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every knob of every process. A field's environment variable is its name in capitals.

    Key material has no default: a process fails at first use of a key it was not given, by name,
    so that web runs without the engine's private keys and the worker without the token keys.
    """

    database_url: str = ""
    redis_url: str = ""
    temporal_address: str = ""
    temporal_namespace: str = "default"
    temporal_api_key: str = ""
    temporal_tls: str = ""  # true | false; left out, TLS is used with an API key or a certificate
    temporal_tls_server_name: str = ""
    temporal_tls_server_ca_cert_data: str = ""
    temporal_tls_client_cert_data: str = ""
    temporal_tls_client_key_data: str = ""
    temporal_ui_url: str = ""
    worker_deployment: str = "cloudapi"  # what Temporal calls all builds of the worker together
    worker_build_id: str = (
        ""  # of the code that runs; without one, workers take over from one another
    )

    access_token_keys: str = ""  # JWK Set of private Ed25519 keys; the first signs
    refresh_token_keys: str = ""  # kid:base64url[,kid:base64url]; the first makes new tokens
    factor_keys: str = (
        ""  # kid:base64url (32 bytes)[,…]; wraps the secrets of second factors; web only
    )
    passkey_origins: str = (
        ""  # https://…[,…]: the pages that may ask for passkeys; none turns them off
    )
    passkey_domain: str = ""  # what passkeys are bound to, when it is not the first page's host
    engine_public_keys: str = (
        ""  # JWK Set of public X25519/P-256 keys; clients and web seal to the first
    )
    engine_private_keys: str = ""  # JWK Set; worker only
    keyring: str = ""  # kid:base64url (32 bytes)[,…]; wraps accounts' keys; worker only
    channel_keys: str = (
        ""  # kid:base64url (32 bytes)[,…]; wraps the secrets of channels; web and channels
    )
    vapid_public_keys: str = (
        ""  # JWK Set of public P-256 keys; browsers subscribe to the first; web
    )
    vapid_private_keys: str = ""  # JWK Set; channels only
    vapid_subject: str = (
        ""  # mailto:… or https://…: where push services reach the operator; channels only
    )
    codec_keys: str = ""  # kid:base64url (32 bytes)[,…]; seals Temporal payloads; worker only
    codec_operators: str = ""  # name:base64url (32 bytes)[,…]; who may decode payloads; codec only

    password_hash_kib: int = 19_456  # Argon2id memory
    password_hash_passes: int = 2
    registration: str = "open"  # open | closed
    access_token_seconds: int = 900
    refresh_idle_seconds: int = 7 * 86_400
    refresh_absolute_seconds: int = 30 * 86_400
    token_issuer: str = "cloudapi"
    token_audience: str = "cloudapi"

    limit_auth_per_minute: int = 10
    limit_sync_per_minute: int = 100
    limit_workflows_per_minute: int = 50
    limit_general_per_minute: int = 1000
    cors_origins: str = ""  # https://…[,…]: the pages whose scripts may call the API
    proxy_hops: int = 0  # how many proxies in front may name the client's address
    body_bytes_max: int = 4 * 1_048_576
    web_threads: int = (
        8  # of each web process; one waits its turn while another holds the interpreter
    )

    execute_wait_seconds: float = 1.0
    execute_wait_seconds_max: float = 25.0
    execution_seconds_max: int = 30 * 86_400
    execution_days_kept: int = 90  # once it has ended
    execution_rests_every: int = (
        0  # safe points before a new run goes on; 0 leaves that to Temporal; for tests
    )
    execution_steps_kept: int = 10_000  # entries of an execution's journal
    executions_per_account_max: int = 100  # running at once
    schedules_per_account_max: int = 100
    bulk_jobs_per_account_max: int = 4  # running at once
    definition_bytes_max: int = 1_048_576
    value_bytes_max: int = 1_048_576
    event_bytes_max: int = 262_144
    claim_bytes_min: int = (
        32_768  # a payload of so many stays in PostgreSQL: Temporal takes 2 MiB, 4 MiB a task
    )
    state_bytes_max: int = 1_048_576
    sync_quota_bytes: int = 1_073_741_824  # of the data of an account's states
    sync_history_versions: int = 20  # kept of each entity, the current one included
    sync_strict_clocks: int = 0  # 1 refuses clocks without an entry for the pushing agent
    heartbeat_seconds: float = 15.0  # of a live stream
    streams_per_account_max: int = 10
    channels_per_agent_max: int = 5
    channel_tries_max: int = 12  # failures in a row before a channel is dead
    channel_backoff_seconds: float = (
        5.0  # before the second try; three times as long before each further one
    )
    pull_wait_seconds_max: float = 25.0
    egress_allow: str = ""  # host[:port][,…] opened beyond the public internet

    port: int = 8000
    host: str = "0.0.0.0"  # noqa: S104 - a host's router comes from outside
    web_concurrency: int = 1  # web processes, best one a core: uvicorn reads it too
    log_format: str = "logfmt"
    metrics_token: str = (
        ""  # what a scraper bears to read /metrics, which is closed without one; web only
    )
    metrics_port: int = (
        0  # where a process other than web serves its own metrics too, on HOST; 0: nowhere
    )
    otel_exporter_otlp_endpoint: str = (
        ""  # https://…: the collector that traces go to; none makes no spans
    )
    otel_exporter_otlp_headers: str = ""  # name=value[,…], sent along with them
    otel_traces_sampler_arg: float = 1.0  # the share of traces that is kept, 0 to 1

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read every setting from the environment.

        :raises SettingsError: naming the variable that is malformed.
        """
        found: dict[str, Any] = {}
        for field in fields(cls):
            name = field.name.upper()
            if environ.get(name):
                try:
                    found[field.name] = setting_types.parse(environ[name], type(field.default))
                    setting_types.check(field.name, found[field.name])
                except ValueError as fault:
                    raise SettingsError(f"{name} {fault}") from None
        if "database_url" in found:
            found["database_url"] = _psycopg_url(found["database_url"])
        settings = cls(**found)
        for name in SECRET_LISTS & found.keys():
            settings.secrets(name)
        return settings

    def need(self, field: str) -> str:
        """Return a text setting that this process cannot do without.

        :raises SettingsError: when it is not set.
        """
        value = getattr(self, field)
        if not value:
            raise SettingsError(f"{field.upper()} is not set")
        return str(value)

    def secrets(self, field: str) -> dict[str, bytes]:
        """Return a setting of the form `kid:base64url[,kid:base64url]` by kid; the first is the current one.

        :raises SettingsError: when it is missing or malformed.
        """
        found = {}
        for entry in self.need(field).split(","):
            kid, _, text = entry.strip().partition(":")
            try:
                found[kid] = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            except ValueError:
                found[kid] = b""
            if not kid or len(found[kid]) < SECRET_BYTES_MIN:
                raise SettingsError(
                    f"{field.upper()} must be kid:base64url[,kid:base64url], 32 bytes each"
                )
        return found


def _psycopg_url(url: str) -> str:
    """Name the driver: hosts hand out postgres://, which SQLAlchemy no longer knows."""
    scheme, _, rest = url.partition("://")
    if scheme in {"postgres", "postgresql", "postgresql+psycopg"}:
        return f"postgresql+psycopg://{rest}"
    raise SettingsError(
        f"DATABASE_URL must begin with postgres:// or postgresql://, not {scheme}://"
    )

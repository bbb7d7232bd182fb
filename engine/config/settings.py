"""Settings of all processes, read from the environment as one frozen value."""

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
    "command_keys",
    "codec_operators",
}


class SettingsError(ValueError):
    """A setting is missing or malformed; the message begins with its environment variable."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of every process; its environment variable is the field's name in capitals.

    Key material has no default. A process fails at the first use of a key that it does not have,
    and the error names the key. So web runs without the engine's private keys, and the worker
    without the keys of tokens.
    """

    database_url: str = ""
    redis_url: str = ""
    temporal_address: str = ""
    temporal_namespace: str = "default"
    temporal_api_key: str = ""
    # true or false; without it, TLS is used if there is an API key or a certificate.
    temporal_tls: str = ""
    temporal_tls_server_name: str = ""
    temporal_tls_server_ca_cert_data: str = ""
    temporal_tls_client_cert_data: str = ""
    temporal_tls_client_key_data: str = ""
    temporal_ui_url: str = ""
    worker_deployment: str = "cloudapi"  # Temporal's name for all builds of the worker together
    # Build of the running code; without it, workers of different builds share all executions.
    worker_build_id: str = ""

    access_token_keys: str = ""  # JWK Set of private Ed25519 keys; the first signs
    refresh_token_keys: str = ""  # kid:base64url[,kid:base64url]; the first signs
    factor_keys: str = ""  # kid:base64url (32 bytes)[,…]; wraps TOTP secrets; web only
    # https://…[,…]: origins of the pages that may use passkeys; empty turns passkeys off.
    passkey_origins: str = ""
    passkey_domain: str = ""  # domain of passkeys, if it is not the first origin's host
    # JWK Set of public X25519/P-256 keys; clients and web encrypt to the first.
    engine_public_keys: str = ""
    engine_private_keys: str = ""  # JWK Set; worker only
    keyring: str = ""  # kid:base64url (32 bytes)[,…]; wraps accounts' keys; worker only
    # kid:base64url (32 bytes)[,…]; wraps the secrets of channels; web and channels.
    channel_keys: str = ""
    # JWK Set of public P-256 keys; browsers subscribe to the first; web only.
    vapid_public_keys: str = ""
    vapid_private_keys: str = ""  # JWK Set; channels only
    # mailto:… or https://…: the operator's contact for push services; channels only.
    vapid_subject: str = ""
    codec_keys: str = ""  # kid:base64url (32 bytes)[,…]; encrypts Temporal payloads; worker only
    # kid:base64url (32 bytes)[,…]; authenticates what web and relay send the worker; these three.
    command_keys: str = ""
    codec_operators: str = ""  # name:base64url (32 bytes)[,…]; may decode payloads; codec only

    password_hash_kib: int = 19_456  # memory of Argon2id
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
    cors_origins: str = ""  # https://…[,…]: origins of the pages whose scripts may call the API
    proxy_hops: int = 0  # proxies in front that may name the client's address
    # Of one process; behind a proxy that names the address, the requests under way.
    connections_per_address_max: int = 512
    body_bytes_max: int = 4 * 1_048_576
    # Threads of each web process; they share one interpreter lock.
    web_threads: int = 8

    execute_wait_seconds: float = 1.0
    execute_wait_seconds_max: float = 25.0
    execution_seconds_max: int = 30 * 86_400
    execution_days_kept: int = 90  # after its end
    # Safe points before an execution continues as a new Temporal run; 0 leaves that to Temporal.
    # Only tests set it.
    execution_rests_every: int = 0
    execution_steps_kept: int = 10_000  # entries of an execution's timeline
    executions_per_account_max: int = 100  # at once
    schedules_per_account_max: int = 100
    bulk_jobs_per_account_max: int = 4  # at once
    definition_bytes_max: int = 1_048_576
    value_bytes_max: int = 1_048_576
    event_bytes_max: int = 262_144
    # Larger payloads stay in PostgreSQL: Temporal accepts 2 MiB each, 4 MiB a workflow task.
    claim_bytes_min: int = 32_768
    state_bytes_max: int = 1_048_576
    sync_quota_bytes: int = 1_073_741_824  # of everything that an account stores
    sync_history_versions: int = 20  # stored of each entity, the current one included
    sync_strict_clocks: int = 0  # 1 refuses clocks without an entry for the pushing agent
    heartbeat_seconds: float = 15.0  # of a live stream
    streams_per_account_max: int = 10
    channels_per_agent_max: int = 5
    channel_tries_max: int = 12  # consecutive failures before a channel is dead
    # Delay before the second try; each further delay is three times as long.
    channel_backoff_seconds: float = 5.0
    pull_wait_seconds_max: float = 25.0
    egress_allow: str = ""  # host[:port][,…] that may be called beyond the public internet

    port: int = 8000
    host: str = "0.0.0.0"  # noqa: S104 - a host's router connects from outside
    web_concurrency: int = 1  # web processes, best one per core; uvicorn reads it too
    log_format: str = "logfmt"
    # Bearer token for /metrics, which is closed without one; web only.
    metrics_token: str = ""
    # Port on HOST for the metrics of a process other than web; 0 turns it off.
    metrics_port: int = 0
    # https://…: collector of traces; without it no spans are created.
    otel_exporter_otlp_endpoint: str = ""
    otel_exporter_otlp_headers: str = ""  # name=value[,…], sent to the collector
    otel_traces_sampler_arg: float = 1.0  # share of traces that is exported, 0 to 1

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read every setting from the environment.

        :raises SettingsError: when a variable is malformed; the message begins with its name.
        """
        values: dict[str, Any] = {}
        for field in fields(cls):
            name = field.name.upper()
            if environ.get(name):
                try:
                    value = setting_types.parse(environ[name], type(field.default))
                    setting_types.check(field.name, value)
                except ValueError as fault:
                    raise SettingsError(f"{name} {fault}") from None
                values[field.name] = value
        if "database_url" in values:
            try:
                values["database_url"] = setting_types.to_psycopg_url(values["database_url"])
            except ValueError as fault:
                raise SettingsError(f"DATABASE_URL {fault}") from None
        settings = cls(**values)
        for name in SECRET_LISTS & values.keys():
            settings.secrets(name)
        return settings

    def need(self, field: str) -> str:
        """Return a text setting that this process requires.

        :raises SettingsError: when it is not set.
        """
        value = getattr(self, field)
        if not value:
            raise SettingsError(f"{field.upper()} is not set")
        return str(value)

    def current_key_id(self, field: str) -> str:
        """Return the kid of the first key of such a setting.

        :raises SettingsError: when the setting is missing or malformed.
        """
        return next(iter(self.secrets(field)))

    def secrets(self, field: str) -> dict[str, bytes]:
        """Return the keys of a setting `kid:base64url[,kid:base64url]`; the first is current.

        :raises SettingsError: when the setting is missing or malformed.
        """
        keys: dict[str, bytes] = {}
        for entry in self.need(field).split(","):
            kid, _, text = entry.strip().partition(":")
            try:
                keys[kid] = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            except ValueError:
                keys[kid] = b""
            if not kid or len(keys[kid]) < SECRET_BYTES_MIN:
                raise SettingsError(
                    f"{field.upper()} must be kid:base64url[,kid:base64url], 32 bytes each"
                )
        return keys

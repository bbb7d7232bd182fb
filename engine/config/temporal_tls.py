"""TLS configuration of the connection to Temporal."""

from __future__ import annotations

from temporalio.service import TLSConfig

from engine.config.settings import Settings


def make_tls_config(settings: Settings) -> TLSConfig | bool:
    """Return the TLS configuration by the rules and names of `temporalio.envconfig`.

    False means a connection without TLS.
    """
    server_name = settings.temporal_tls_server_name
    ca_certificate = settings.temporal_tls_server_ca_cert_data
    certificate, key = settings.temporal_tls_client_cert_data, settings.temporal_tls_client_key_data
    enabled = bool(settings.temporal_api_key or server_name or ca_certificate or certificate)
    if settings.temporal_tls:
        enabled = settings.temporal_tls == "true"
    if not enabled:
        return False
    return TLSConfig(
        server_root_ca_cert=_pem(ca_certificate),
        domain=server_name or None,
        client_cert=_pem(certificate),
        client_private_key=_pem(key),
    )


def _pem(text: str) -> bytes | None:
    """Return the bytes of a PEM variable, in which some hosting platforms escape line breaks."""
    return text.replace("\\n", "\n").encode() or None

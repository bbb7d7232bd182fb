"""How the connection to Temporal is secured: by certificates, a key, or not at all."""

from __future__ import annotations

from temporalio.service import TLSConfig

from engine.config.settings import Settings


def tls(settings: Settings) -> TLSConfig | bool:
    """Return how the connection is secured, by the rules of `temporalio.envconfig`, whose names these are."""
    server_name, authority = (
        settings.temporal_tls_server_name,
        settings.temporal_tls_server_ca_cert_data,
    )
    certificate, key = settings.temporal_tls_client_cert_data, settings.temporal_tls_client_key_data
    wanted = bool(settings.temporal_api_key or server_name or authority or certificate)
    if settings.temporal_tls:
        wanted = settings.temporal_tls == "true"
    if not wanted:
        return False
    return TLSConfig(
        server_root_ca_cert=_pem(authority),
        domain=server_name or None,
        client_cert=_pem(certificate),
        client_private_key=_pem(key),
    )


def _pem(text: str) -> bytes | None:
    """Return the bytes of a PEM variable; some hosts take no line breaks, and give them back escaped."""
    return text.replace("\\n", "\n").encode() or None

"""CORS (WHATWG Fetch): origins whose scripts may call the API, and headers that they may use."""

from __future__ import annotations

from flask import Flask
from flask_cors import CORS

from engine.config.settings import Settings

REQUEST_HEADERS = [
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "Prefer",
    "X-Agent-ID",
    "X-Request-ID",
    "X-Sync-Head",
]
RESPONSE_HEADERS = [
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-ID",
    "X-Sync-Head",
]
METHODS = ["GET", "HEAD", "POST", "PATCH", "DELETE"]
PREFLIGHT_SECONDS = 600


def configure(app: Flask, settings: Settings) -> None:
    """Allow the origins of CORS_ORIGINS; without any, browsers block scripts of all origins."""
    origins = [origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()]
    if origins:
        # Scripts send tokens in a header that they set themselves, so cookies are never allowed.
        CORS(
            app,
            origins=origins,
            methods=METHODS,
            allow_headers=REQUEST_HEADERS,
            expose_headers=RESPONSE_HEADERS,
            max_age=PREFLIGHT_SECONDS,
        )

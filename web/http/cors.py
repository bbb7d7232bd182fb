"""CORS: which pages' scripts may call the API, and what they may read of its answers (WHATWG Fetch)."""

from __future__ import annotations

from flask import Flask
from flask_cors import CORS

from engine.config.settings import Settings

SENT = [
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
READ = [
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
    """Let the pages of the setting in; without any, no header is sent and browsers keep all others out."""
    origins = [origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()]
    if origins:
        # Tokens travel in a header that scripts set themselves: cookies never come along.
        CORS(
            app,
            origins=origins,
            methods=METHODS,
            allow_headers=SENT,
            expose_headers=READ,
            max_age=PREFLIGHT_SECONDS,
        )

"""HTTP in, JSON out; holds no rule."""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from engine import metrics
from engine.settings import Settings
from engine.store import pool
from engine.store.sessions import JSON
from web import (
    account,
    agents,
    auth,
    bulk,
    channels,
    events,
    executions,
    factors,
    farewell,
    health,
    key_proof,
    limits,
    looks,
    openapi,
    origins,
    problems,
    progress,
    proof,
    schedules,
    scrape,
    secrets,
    segments,
    sessions,
    states,
    streams,
    sync,
    tokens,
    tracing,
    versions,
    wake,
    workflows,
)
from web.desk import Desk
from web.extensions import api, db
from web.temporal import Temporal

BLUEPRINTS = (
    auth.blueprint,
    account.blueprint,
    sessions.blueprint,
    agents.blueprint,
    channels.blueprint,
    factors.blueprint,
    proof.blueprint,
    key_proof.blueprint,
    farewell.blueprint,
    sync.blueprint,
    states.blueprint,
    streams.blueprint,
    workflows.blueprint,
    versions.blueprint,
    looks.blueprint,
    secrets.blueprint,
    executions.blueprint,
    progress.blueprint,
    schedules.blueprint,
    bulk.blueprint,
    events.blueprint,
    health.blueprint,
    scrape.blueprint,
)


def create_app(settings: Settings) -> Flask:
    """Return the Flask app for these settings.

    :raises SettingsError: when key material is missing.
    """
    app = Flask(__name__)
    app.config |= {
        "SQLALCHEMY_DATABASE_URI": settings.need("database_url"),
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "pool_size": settings.web_threads,
            "max_overflow": 0,
            "pool_events": pool.EVENTS,
            "hide_parameters": True,
            **JSON,
        },
        "MAX_CONTENT_LENGTH": settings.body_bytes_max,
    } | openapi.CONFIG
    segments.configure(app)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions |= {
        "settings": settings,
        "desk": Desk.from_settings(settings),
        "published_keys": health.publish(settings),
        "temporal": Temporal(settings),
    }
    tracing.trace(app)
    if settings.proxy_hops:  # outermost, where `web.live.door` looks for it
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    db.init_app(app)
    with app.app_context():
        metrics.POOLS.watch(db.engine)
    tokens.configure(app, settings)
    limits.configure(app, settings)
    origins.configure(app, settings)
    wake.configure(app, settings)
    channels.configure(app, settings)
    problems.register(app)
    api.init_app(app)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    openapi.complete(app)
    return app

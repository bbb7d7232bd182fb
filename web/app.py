"""Flask application: extensions, hooks and the blueprints of all routes."""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from engine.config.settings import Settings
from engine.observability.metrics import POOLS
from engine.store import pool
from engine.store.sessions import JSON
from web.extensions import api, db
from web.http import (
    access_tokens,
    authentication,
    cors,
    openapi,
    path_segments,
    problems,
    rate_limits,
    redis_notify,
    request_log,
)
from web.http.account_services import AccountServices
from web.request_threads import RequestThreads
from web.routes import (
    account,
    account_deletion,
    agents,
    audit_log,
    auth,
    bulk,
    channels,
    events,
    execution_timeline,
    executions,
    health,
    metrics,
    mfa,
    mfa_verification,
    public_key,
    schedules,
    secrets,
    sessions,
    sync,
    sync_events,
    sync_state,
    workflow_preview,
    workflow_versions,
    workflows,
)
from web.temporal_client import Temporal

STREAM_THREADS = 1  # which make the parts of all answers that are streamed

BLUEPRINTS = (
    auth.blueprint,
    account.blueprint,
    audit_log.blueprint,
    sessions.blueprint,
    agents.blueprint,
    channels.blueprint,
    mfa.blueprint,
    mfa_verification.blueprint,
    public_key.blueprint,
    account_deletion.blueprint,
    sync.blueprint,
    sync_state.blueprint,
    sync_events.blueprint,
    workflows.blueprint,
    workflow_versions.blueprint,
    workflow_preview.blueprint,
    secrets.blueprint,
    executions.blueprint,
    execution_timeline.blueprint,
    schedules.blueprint,
    bulk.blueprint,
    events.blueprint,
    health.blueprint,
    metrics.blueprint,
)


def create_app(settings: Settings) -> Flask:
    """Return the Flask app for these settings.

    :raises SettingsError: when key material is missing.
    """
    app = Flask(__name__)
    app.config |= {
        "SQLALCHEMY_DATABASE_URI": settings.need("database_url"),
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "pool_size": settings.web_threads + STREAM_THREADS,
            "max_overflow": 0,
            "pool_events": pool.EVENTS,
            "hide_parameters": True,
            **JSON,
        },
        "MAX_CONTENT_LENGTH": settings.body_bytes_max,
    } | openapi.CONFIG
    path_segments.configure(app)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions |= {
        "settings": settings,
        "account_services": AccountServices.from_settings(settings),
        "public_keys": health.build_public_key_set(settings),
        "temporal": Temporal(settings),
        "request_threads": RequestThreads(settings.web_threads),
    }
    request_log.configure(app)
    if settings.proxy_hops:  # outermost, because `web.realtime.flask_bridge` reads it
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    db.init_app(app)
    with app.app_context():
        POOLS.add(db.engine)
    access_tokens.configure(app, settings)
    authentication.configure(app)
    rate_limits.configure(app, settings)
    cors.configure(app, settings)
    redis_notify.configure(app, settings)
    channels.configure(app, settings)
    problems.register(app)
    api.init_app(app)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    openapi.complete(app)
    return app

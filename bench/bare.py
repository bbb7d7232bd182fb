"""The baseline of processes: Flask, SQLAlchemy and Temporal's SDK as they come, connected, with one route.

Run as a process; it serves `GET /`, which asks the database, on PORT.
"""

from __future__ import annotations

import asyncio
import os
import threading

from flask import Flask
from sqlalchemy import create_engine, text
from temporalio.client import Client
from werkzeug.serving import WSGIRequestHandler, run_simple


class KeptAlive(WSGIRequestHandler):
    """Answers several requests of a connection, as our own server does."""

    protocol_version = "HTTP/1.1"


def application() -> Flask:
    """Return the app, its connections open."""
    app = Flask(__name__)
    database = create_engine(os.environ["DATABASE_URL"])
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    connecting = Client.connect(os.environ["TEMPORAL_ADDRESS"])
    app.extensions["temporal"] = asyncio.run_coroutine_threadsafe(connecting, loop).result()

    @app.get("/")
    def index() -> dict[str, int]:
        with database.connect() as connection:
            return {"one": connection.execute(text("SELECT 1")).scalar_one()}

    return app


if __name__ == "__main__":
    run_simple("127.0.0.1", int(os.environ["PORT"]), application(), threaded=True, request_handler=KeptAlive)

"""The baseline of processes: Flask under uvicorn with SQLAlchemy and Temporal's SDK, and one route.

Run as a process, it serves `GET /` on PORT, which queries the database.
"""

from __future__ import annotations

import asyncio
import os
import threading

import uvicorn
from flask import Flask
from sqlalchemy import create_engine, text
from temporalio.client import Client


def application() -> Flask:
    """Return the app, its connections open."""
    app = Flask(__name__)
    database = create_engine(os.environ["DATABASE_URL"])
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    connection = Client.connect(os.environ["TEMPORAL_ADDRESS"])
    app.extensions["temporal"] = asyncio.run_coroutine_threadsafe(connection, loop).result()

    @app.get("/")
    def index() -> dict[str, int]:
        with database.connect() as connection:
            return {"one": connection.execute(text("SELECT 1")).scalar_one()}

    return app


if __name__ == "__main__":
    uvicorn.run(application(), port=int(os.environ["PORT"]), interface="wsgi", log_level="warning")

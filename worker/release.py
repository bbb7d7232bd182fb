"""The release step: what is done once before processes of this version start, by one release at a time."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from psycopg.errors import LockNotAvailable
from sqlalchemy.exc import OperationalError

import migrations
from engine.config.settings import Settings
from engine.observability import logging
from worker.temporal import search_attributes

CONFIGURATION = Path(migrations.__file__).parent / "alembic.ini"
TRIES = 20
PAUSE_SECONDS = 3.0  # in which those who waited behind a migration get on


def main() -> int:
    """Do all steps and return the exit status; each finds out by itself whether anything is left to do.

    :raises SettingsError: when a setting is malformed.
    """
    logging.configure(Settings.from_env())
    migrate()
    unregistered = asyncio.run(search_attributes.main())
    if not unregistered:
        structlog.get_logger().info("released")
    return unregistered


def migrate() -> None:
    """Bring the database to this version's head; a lock that somebody else holds on a table is waited for.

    :raises OperationalError: when it is held for too long, or the database is down.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            command.upgrade(Config(CONFIGURATION), "head")
        except OperationalError as fault:
            if not isinstance(fault.orig, LockNotAvailable) or not tries_left:
                raise
            structlog.get_logger().warning("table_in_use", tries_left=tries_left)
            time.sleep(PAUSE_SECONDS)
        else:
            return


if __name__ == "__main__":
    status = main()
    # As in worker.temporal: the SDK's native threads crash in a dying interpreter, and the release with them.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)

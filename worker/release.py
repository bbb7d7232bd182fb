"""Release step: runs once before processes of this version start."""

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
ATTEMPTS = 20
PAUSE_SECONDS = 3.0  # in which transactions that waited behind the migration proceed


def main() -> int:
    """Run all steps and return the exit status; a step that was done before does nothing.

    :raises SettingsError: when a setting is malformed.
    """
    logging.configure(Settings.from_env())
    migrate()
    status = asyncio.run(search_attributes.main())
    if not status:
        structlog.get_logger().info("released")
    return status


def migrate() -> None:
    """Upgrade the database to this version's head; try again while a table is locked.

    :raises OperationalError: when a table stays locked, or the database is down.
    """
    for attempts_left in reversed(range(ATTEMPTS)):
        try:
            command.upgrade(Config(CONFIGURATION), "head")
        except OperationalError as fault:
            if not isinstance(fault.orig, LockNotAvailable) or not attempts_left:
                raise
            structlog.get_logger().warning("table_in_use", attempts_left=attempts_left)
            time.sleep(PAUSE_SECONDS)
        else:
            return


if __name__ == "__main__":
    exit_status = main()
    # As in worker.temporal: the SDK's native threads crash while the interpreter finalizes.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_status)

"""Verify the hash chains of accounts against all that the database stores of them.

Reads DATABASE_URL. It writes nothing and takes no locks. It prints a line for each account and each
contradiction, and exits with 1 when there is a contradiction.
"""

from __future__ import annotations

import argparse
import sys
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from engine.config.settings import Settings
from engine.store.sessions import make_engine
from engine.sync import verification


def main(arguments: list[str] | None = None) -> int:
    """Verify the given accounts, or all of them; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "account", nargs="*", type=UUID, help="account ids; without one, every account"
    )
    account_ids = parser.parse_args(arguments).account
    engine = make_engine(Settings.from_env()).execution_options(isolation_level="REPEATABLE READ")
    try:
        if not account_ids:
            with Session(engine) as session:
                account_ids = verification.list_accounts(session)
        return int(sum(_verify(engine, account_id) for account_id in account_ids) > 0)
    finally:
        engine.dispose()


def _verify(engine: Engine, account_id: UUID) -> int:
    """Print the contradictions of an account's chain; return their number."""
    with Session(engine) as session:
        contradictions = list(verification.find_contradictions(session, account_id))
    for contradiction in contradictions:
        print(f"{account_id}: {contradiction}")
    count = len(contradictions)
    print(f"{account_id}: {f'{count} contradictions' if count else 'no contradiction'}")
    return count


if __name__ == "__main__":
    sys.exit(main())

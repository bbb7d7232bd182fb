"""Checks accounts' chains of accepted changes against all that the database keeps of them.

Reads DATABASE_URL; writes nothing, and takes no locks. Prints a line for each account and each
contradiction, and exits 1 when there is one.
"""

from __future__ import annotations

import argparse
import sys
from uuid import UUID

from sqlalchemy.orm import Session

from engine.config.settings import Settings
from engine.store.sessions import make_engine
from engine.sync import verification


def main(words: list[str] | None = None) -> int:
    """Verify the named accounts, or all of them; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "account", nargs="*", type=UUID, help="account ids; none means every account"
    )
    named = parser.parse_args(words).account
    engine = make_engine(Settings.from_env()).execution_options(isolation_level="REPEATABLE READ")
    try:
        with Session(engine) as session:
            account_ids = named or verification.accounts(session)
        return int(sum(_verify(Session(engine), account_id) for account_id in account_ids) > 0)
    finally:
        engine.dispose()


def _verify(opened: Session, account_id: UUID) -> int:
    """Print what contradicts an account's chain; return how much there is."""
    with opened as session:
        found = list(verification.verify(session, account_id))
    for contradiction in found:
        print(f"{account_id}: {contradiction}")
    print(f"{account_id}: {f'{len(found)} contradictions' if found else 'all holds'}")
    return len(found)


if __name__ == "__main__":
    sys.exit(main())

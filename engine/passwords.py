"""Passwords: Argon2id, with never more hashes at once than the machine can bear."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from functools import cache
from itertools import islice
from threading import BoundedSemaphore
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from engine.errors import Fault, InvalidError, UnavailableError
from engine.settings import Settings

T = TypeVar("T")

LENGTH_MIN = 8
LENGTH_MAX = 256
COMMON_MOST = 3_000  # ASVS 5.0, 6.2.4: of those that the other rules let through


class Passwords:
    """Hash and verify, each in the same time for accounts that exist and for those that don't."""

    def __init__(self, settings: Settings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.password_hash_passes,
            memory_cost=settings.password_hash_kib,
            parallelism=1,
        )
        # Memory is the cost of Argon2: a flood of logins must be refused, not served out of swap.
        self._free = BoundedSemaphore(2 * (os.cpu_count() or 1))
        self._nobody = self._hasher.hash("a password that no account has")

    def need_room(self) -> None:
        """Return when a hash could begin: who is refused anyway should cost nothing before.

        :raises UnavailableError: when as many hashes as allowed are under way.
        """
        self._guarded(lambda: None)

    def hash(self, password: str) -> str:
        """Return the PHC string of a new password.

        :raises InvalidError: when it is shorter than LENGTH_MIN or longer than LENGTH_MAX characters (NFC),
            or one of the COMMON_MOST most common ones.
        :raises UnavailableError: when as many hashes as allowed are under way.
        """
        text = unicodedata.normalize("NFC", password)
        if not LENGTH_MIN <= len(text) <= LENGTH_MAX:
            raise _unusable(f"must have {LENGTH_MIN} to {LENGTH_MAX} characters")
        if text.lower() in _common():
            raise _unusable(f"is one of the {COMMON_MOST} most common passwords")
        return self._guarded(lambda: self._hasher.hash(text))

    def verify(self, known: str | None, password: str) -> bool:
        """Tell whether the password fits; `None` (no such account) costs the same and never does.

        :raises UnavailableError: when as many hashes as allowed are under way.
        """
        text = unicodedata.normalize("NFC", password)
        fits = self._guarded(lambda: self._fits(known or self._nobody, text))
        return fits and known is not None

    def outdated(self, known: str) -> bool:
        """Tell whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(known)

    def _fits(self, known: str, text: str) -> bool:
        try:
            return self._hasher.verify(known, text)
        except (VerifyMismatchError, InvalidHashError):
            return False

    def _guarded(self, work: Callable[[], T]) -> T:
        if not self._free.acquire(blocking=False):
            raise UnavailableError("busy", "Too many passwords are being checked at the moment.")
        try:
            return work()
        finally:
            self._free.release()


@cache
def _common() -> frozenset[str]:
    """Return the most common passwords that are long enough, in lower case (zxcvbn's list, by rank)."""
    long_enough = (word for word in FREQUENCY_LISTS["passwords"] if len(word) >= LENGTH_MIN)
    return frozenset(islice(long_enough, COMMON_MOST))


def _unusable(detail: str) -> InvalidError:
    return InvalidError("invalid", "The password cannot be used.", faults=[Fault("/password", detail)])

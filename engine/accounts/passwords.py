"""Passwords: Argon2id, with never more hashes at once than the machine can bear."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from threading import BoundedSemaphore
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from engine.config.settings import Settings
from engine.errors import Fault, InvalidError, UnavailableError

T = TypeVar("T")

LENGTH_MIN = 8
LENGTH_MAX = 256
WORD_LENGTH_MIN = 4  # shorter ones are in every other password
OURS = ("cloudapi", "cloud api")  # no password is made of its maker's name (ASVS 5.0, 6.2.11)


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

    def hash(self, password: str, *, personal: Sequence[str] = ()) -> str:
        """Return the PHC string of a new password; `personal` are words that make none for this person.

        :raises InvalidError: when it is shorter than LENGTH_MIN or longer than LENGTH_MAX characters (NFC),
            one that many people have, or too short without a personal word or our name.
        :raises UnavailableError: when as many hashes as allowed are under way.
        """
        text = unicodedata.normalize("NFC", password)
        if not LENGTH_MIN <= len(text) <= LENGTH_MAX:
            raise _unusable(f"must have {LENGTH_MIN} to {LENGTH_MAX} characters")
        if text.lower() in _common():
            raise _unusable("is one of the most common passwords")
        words = [word.lower() for word in (*OURS, *personal) if len(word) >= WORD_LENGTH_MIN]
        if any(len(text.lower().replace(word, "")) < LENGTH_MIN for word in words):
            raise _unusable("is made of your email or of our name")
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
    """Return the passwords most often found in breaches, of those long enough: zxcvbn's 11,611."""
    return frozenset(word for word in FREQUENCY_LISTS["passwords"] if len(word) >= LENGTH_MIN)


def _unusable(detail: str) -> InvalidError:
    return InvalidError(
        "invalid", "The password cannot be used.", faults=[Fault("/password", detail)]
    )

"""Password hashing with Argon2id, with a limit on concurrent hashes that bounds their memory."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from engine.config.settings import Settings
from engine.errors import Fault, InvalidError, UnavailableError

LENGTH_MIN = 8
LENGTH_MAX = 256
WORD_LENGTH_MIN = 4  # shorter words occur in too many passwords to be refused
PLATFORM_WORDS = ("cloudapi", "cloud api")  # refused as passwords (ASVS 5.0, 6.2.11)


class Passwords:
    """Hasher and verifier that take the same time whether an account exists or not."""

    def __init__(self, settings: Settings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.password_hash_passes,
            memory_cost=settings.password_hash_kib,
            parallelism=1,
        )
        # Argon2 costs memory. A flood of logins is refused, so that it never uses swap.
        self._slots = BoundedSemaphore(2 * (os.cpu_count() or 1))
        self._dummy_hash = self._hasher.hash("a password that no account has")

    def check_capacity(self) -> None:
        """Return when a hash could start now.

        Routes call it first, so that a request that will be refused costs nothing.

        :raises UnavailableError: when the maximum of hashes is being computed.
        """
        with self._slot():
            pass

    def hash(self, password: str, *, personal: Sequence[str] = ()) -> str:
        """Return the PHC string of a new password.

        `personal` are the words of its owner that it must not consist of.

        :raises InvalidError: when the password is shorter than LENGTH_MIN or longer than
            LENGTH_MAX characters (NFC), is a common one, or is too short without a personal word
            or the platform's name.
        :raises UnavailableError: when the maximum of hashes is being computed.
        """
        text = unicodedata.normalize("NFC", password)
        if not LENGTH_MIN <= len(text) <= LENGTH_MAX:
            raise _unusable(f"must have {LENGTH_MIN} to {LENGTH_MAX} characters")
        if text.lower() in _list_common_passwords():
            raise _unusable("is one of the most common passwords")
        words = [word.lower() for word in (*PLATFORM_WORDS, *personal)]
        if any(
            len(text.lower().replace(word, "")) < LENGTH_MIN
            for word in words
            if len(word) >= WORD_LENGTH_MIN
        ):
            raise _unusable("consists of your email or of the platform's name")
        with self._slot():
            return self._hasher.hash(text)

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Return whether the password matches the hash.

        None (no such account) takes as long as a hash and never matches.

        :raises UnavailableError: when the maximum of hashes is being computed.
        """
        text = unicodedata.normalize("NFC", password)
        with self._slot():
            try:
                matches = self._hasher.verify(password_hash or self._dummy_hash, text)
            except (VerifyMismatchError, InvalidHashError):
                return False
        return matches and password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        """Return whether a hash was computed with other parameters than the current ones."""
        return self._hasher.check_needs_rehash(password_hash)

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._slots.acquire(blocking=False):
            detail = "The server is checking as many passwords as it can; try again."
            raise UnavailableError("busy", detail)
        try:
            yield
        finally:
            self._slots.release()


@cache
def _list_common_passwords() -> frozenset[str]:
    """Return zxcvbn's 11,611 most common passwords of at least LENGTH_MIN characters."""
    return frozenset(word for word in FREQUENCY_LISTS["passwords"] if len(word) >= LENGTH_MIN)


def _unusable(detail: str) -> InvalidError:
    return InvalidError(
        "invalid", "The password cannot be used.", faults=[Fault("/password", detail)]
    )

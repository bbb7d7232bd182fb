"""Argon2id: verification, refused passwords, outdated hashes."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from engine.accounts.passwords import Passwords
from engine.config.settings import Settings
from engine.errors import InvalidError, UnavailableError

pytestmark = pytest.mark.unit


CHEAP = Settings(password_hash_kib=64, password_hash_passes=1)


def test_a_password_fits_its_own_hash_alone() -> None:
    passwords = Passwords(CHEAP)
    password_hash = passwords.hash("correct horse")
    assert password_hash.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert passwords.verify(password_hash, "correct horse")
    assert not passwords.verify(password_hash, "correct horsf")
    assert not passwords.verify(None, "a password that no account has")
    assert not passwords.verify("no hash", "correct horse")


def test_a_password_is_the_same_however_its_letters_are_composed() -> None:
    passwords = Passwords(CHEAP)
    assert passwords.verify(passwords.hash("cafe\u0301 au lait"), "caf\u00e9 au lait")


@pytest.mark.parametrize("password", ["short", "x" * 257, ""])
def test_too_short_and_too_long_are_refused(password: str) -> None:
    with pytest.raises(InvalidError) as refused:
        Passwords(CHEAP).hash(password)
    assert refused.value.faults[0].pointer == "/password"


def test_a_hash_of_other_parameters_is_outdated() -> None:
    password_hash = Passwords(CHEAP).hash("correct horse")
    assert not Passwords(CHEAP).needs_rehash(password_hash)
    assert Passwords(replace(CHEAP, password_hash_passes=2)).needs_rehash(password_hash)


def test_more_hashes_at_once_than_the_machine_bears_are_refused() -> None:
    slow = Passwords(replace(CHEAP, password_hash_kib=65_536, password_hash_passes=4))
    password_hash, crowd = slow.hash("correct horse"), 2 * (os.cpu_count() or 1) + 4
    barrier = Barrier(crowd)

    def verify(_: int) -> bool | None:
        barrier.wait()
        try:
            return slow.verify(password_hash, "correct horse")
        except UnavailableError:
            return None

    with ThreadPoolExecutor(crowd) as threads:
        answers = list(threads.map(verify, range(crowd)))
    assert set(answers) == {True, None}
    assert slow.verify(password_hash, "correct horse"), "room is made again"

"""A MAC binds an argument to one use: any other field makes another one."""

from dataclasses import fields, replace

import pytest

from engine.crypto.command_mac import CommandMessage

pytestmark = pytest.mark.unit


KEY = b"k" * 32
MESSAGE = CommandMessage(
    command=b"execution",
    target=b"execution:1",
    message_id=b"2",
    encoding=b"json/plain",
    data=b"{}",
)


@pytest.mark.parametrize("name", [field.name for field in fields(CommandMessage)])
def test_every_field_is_under_the_mac(name: str) -> None:
    altered = replace(MESSAGE, **{name: getattr(MESSAGE, name) + b"x"})
    assert MESSAGE.is_authentic(KEY, MESSAGE.mac(KEY))
    assert not altered.is_authentic(KEY, MESSAGE.mac(KEY))


def test_no_text_moves_from_one_field_to_the_next() -> None:
    shifted = replace(MESSAGE, command=b"executio", target=b"nexecution:1")
    assert shifted.mac(KEY) != MESSAGE.mac(KEY)


def test_another_key_makes_another_mac() -> None:
    assert not MESSAGE.is_authentic(b"o" * 32, MESSAGE.mac(KEY))
    assert not MESSAGE.is_authentic(KEY, b"")
